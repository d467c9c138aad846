//! A server that rehearses, everyone who calls it, and the endpoint that it calls.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::holder::Holders;
use crate::server::{self, Client, Server, Store};

pub(super) const JSON: &str = "application/json";
pub(super) const DAY_MS: i64 = 86_400_000;

/// Everything a story needs.
pub(super) struct Stage {
    store: Store,
    settings: String,
    root_key: String,
    root_sha256: String,
    server: Option<Server>,
    pub(super) receiver: Receiver,
    pub(super) now_ms: i64,
}

/// A platform of the story.
pub(super) struct Platform {
    pub(super) id: &'static str,
    key: String,
    holders: Holders,
}

impl Stage {
    /// A new server whose clock stands at `now_ms`, that takes the tokens of these platforms.
    pub(super) fn open(
        binary: &Path,
        folder: &Path,
        platforms: &[&'static str],
        now_ms: i64,
    ) -> Result<Self> {
        let store = Store::without_platform(binary, &folder.join("data"))?;
        let (root_key, root_sha256) = server::root_key(binary)?;
        let mut settings = String::from("[webhooks]\nnetworks = [\"127.0.0.0/8\"]\nplain_http = true\n");
        platforms.iter().for_each(|id| settings.push_str(&Holders::new(id).settings()));
        let receiver = Receiver::start(folder)?;
        let mut stage = Self { store, settings, root_key, root_sha256, server: None, receiver, now_ms };
        stage.serve()?;
        Ok(stage)
    }

    fn serve(&mut self) -> Result<()> {
        let settings = [("NAMEPLATE__SERVER__ROOT_KEY_SHA256", self.root_sha256.as_str())];
        let from = moment(self.now_ms);
        self.server = Some(self.store.serve_more(&self.settings, &settings, &["--rehearsal", &from])?);
        Ok(())
    }

    /// `kill -9` and another start.
    pub(super) fn kill_and_restart(&mut self) -> Result<()> {
        drop(self.server.take());
        self.serve()
    }

    /// A polite stop, at the end.
    pub(super) fn close(mut self) -> Result<Receiver> {
        self.server.take().context("no server")?.stop()?;
        Ok(self.receiver)
    }

    fn client(&self) -> Result<Client> {
        Ok(self.server.as_ref().context("no server")?.client())
    }

    pub(super) fn root(&self) -> Result<Client> {
        Ok(self.client()?.with_key(&self.root_key))
    }

    /// Registers a platform with one key for everything, and has its effects posted.
    pub(super) fn platform(&mut self, id: &'static str) -> Result<Platform> {
        let root = self.root()?;
        done(root.post("/v1/admin/platforms", JSON, &bytes(&json!({ "platform": id, "title": id }))), id)?;
        let roles = ["ingest", "read", "holders", "operator", "auditor"];
        let key = json!({ "platform": id, "roles": roles, "label": "story" });
        let key = done(root.post("/v1/admin/keys", JSON, &bytes(&key)), "a key")?;
        let key = key["token"].as_str().context("a key without a token")?.to_owned();
        let platform = Platform { id, key, holders: Holders::new(id) };
        let hook = json!({ "platform": id, "url": self.receiver.url(id) });
        let set =
            done(self.staff(&platform)?.put("/v1/webhooks/back-end", JSON, &bytes(&hook)), "a webhook")?;
        self.receiver.set_keys(id, &set)?;
        Ok(platform)
    }

    /// The platform's back end and its staff.
    pub(super) fn staff(&self, platform: &Platform) -> Result<Client> {
        Ok(self.client()?.with_key(&platform.key))
    }

    /// Puts a pack in force with the answers it suggests, and these.
    pub(super) fn activate(&self, platform: &Platform, pack: &str, own: &[(&str, &str)]) -> Result<()> {
        let client = self.staff(platform)?;
        let (status, listed) = client.get(&format!("/v1/admin/packs/{pack}?platform={}", platform.id))?;
        ensure!(status == 200, "the pack `{pack}` answers {status}: {listed}");
        let mut choices = serde_json::Map::new();
        for question in listed["questions"].as_array().context("a pack without questions")? {
            let key = question["key"].as_str().context("a question without a key")?;
            if let Some(suggestion) = question["suggestion"].as_str() {
                choices.insert(key.to_owned(), suggestion.into());
            }
        }
        choices.extend(own.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))));
        let body = json!({ "platform": platform.id, "pack": pack, "choices": choices });
        done(client.post("/v1/admin/packs/activate", JSON, &bytes(&body)), pack)?;
        Ok(())
    }

    /// As the holder of an account.
    pub(super) fn me(&self, platform: &Platform, account: &str, path: &str, body: &Value) -> Result<Value> {
        let client = self.client()?.with_key(&platform.holders.token(account)?);
        done(client.post(path, JSON, &bytes(body)), path)
    }

    /// So many days later, and a tick.
    pub(super) fn days_pass(&mut self, days: i64) -> Result<()> {
        self.now_ms += days * DAY_MS;
        self.clock()?;
        self.tick()
    }

    /// Moves the clock to where the story is.
    pub(super) fn clock(&self) -> Result<()> {
        let body = json!({ "to": moment(self.now_ms) });
        done(self.root()?.post("/v1/admin/clock", JSON, &bytes(&body)), "the clock").map(drop)
    }

    pub(super) fn tick(&self) -> Result<()> {
        done(self.root()?.post("/v1/admin/ticks", JSON, b""), "a tick").map(drop)
    }

    /// Everything that was told so far is heard by the endpoint, and nothing else.
    pub(super) fn is_heard(&mut self, platform: &Platform) -> Result<()> {
        let mut feed = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/effects?platform={}&limit=1000{cursor}", platform.id);
            let (status, page) = self.staff(platform)?.get(&path)?;
            ensure!(status == 200 && page["missed"] == false, "the feed answers {status}: {page}");
            feed.extend(page["items"].as_array().context("a page without items")?.iter().cloned());
            if page["complete"] == true {
                break;
            }
            cursor = format!("&cursor={}", page["next"].as_str().context("no cursor")?);
        }
        self.receiver.has_heard(platform.id, &feed)
    }

    /// What a viewer is shown of an account: the names of the fields.
    pub(super) fn sees(
        &self,
        platform: &Platform,
        account: &str,
        viewer: &str,
        surface: &str,
    ) -> Result<Vec<String>> {
        let path = format!("/v1/nameplates/{}/{account}?viewer={viewer}&surface={surface}", platform.id);
        let (status, plate) = self.staff(platform)?.get(&path)?;
        ensure!(status == 200, "`{path}` answers {status}: {plate}");
        let fields = plate["fields"].as_array().context("a nameplate without fields")?;
        Ok(fields.iter().filter_map(|field| field["field"].as_str()).map(str::to_owned).collect())
    }
}

/// A moment as the API takes it.
pub(super) fn moment(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}

pub(super) fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// The body of an answer that says yes.
pub(super) fn done(answer: Result<(u16, Value)>, what: &str) -> Result<Value> {
    let (status, body) = answer?;
    ensure!((200..300).contains(&status), "{what} answers {status}: {body}");
    Ok(body)
}
