//! What a platform's endpoint was sent, checked three times: by the endpoint itself (Python), by the crate `standardwebhooks`,
//! and by the public key.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use serde_json::{Value, json};

use crate::process::{Running, root};

/// A failed message comes again after five to six seconds.
const HEARD_WITHIN: Duration = Duration::from_secs(20);

/// An endpoint that runs, and what came there.
pub(super) struct Receiver {
    running: Running,
    port: u16,
    secrets_file: PathBuf,
    journal: PathBuf,
    keys: BTreeMap<String, Keys>,
    /// Lines of the journal that were looked at.
    read: usize,
    /// By path: effect id to message.
    heard: BTreeMap<String, BTreeMap<(u64, u32), Value>>,
    /// By path: the last effect that was asked about.
    told: BTreeMap<String, (u64, u32)>,
    pub(super) counts: Counts,
}

struct Keys {
    secret: String,
    public: VerifyingKey,
}

/// What came in all.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) messages: u64,
    pub(super) refused: u64,
    pub(super) again: u64,
}

impl Receiver {
    /// Starts one that keeps its files in `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let (secrets_file, journal) = (folder.join("secrets.json"), folder.join("journal"));
        fs::write(&secrets_file, "{}")?;
        fs::write(&journal, "")?;
        let script = root().join("xtask/src/show/stories/receiver.py");
        let child = Command::new("python3")
            .arg(script)
            .args([&secrets_file, &journal])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `python3`")?;
        let mut running = Running(child);
        let stdout = running.0.stdout.take().context("the endpoint has no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().parse().context("the endpoint printed no port")?;
        let (keys, heard, told) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self {
            running,
            port,
            secrets_file,
            journal,
            keys,
            read: 0,
            heard,
            told,
            counts: Counts::default(),
        })
    }

    /// Where messages of this path go.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The keys of a path, as the server gave them.
    pub(super) fn set_keys(&mut self, path: &str, set: &Value) -> Result<()> {
        let secret = set["secret"].as_str().context("a webhook without a secret")?.to_owned();
        let public =
            set["public_key"].as_str().and_then(|key| key.strip_prefix("whpk_")).context("no public key")?;
        let public: [u8; 32] = BASE64.decode(public)?.try_into().ok().context("a public key has 32 bytes")?;
        self.keys.insert(path.to_owned(), Keys { secret, public: VerifyingKey::from_bytes(&public)? });
        let secrets: BTreeMap<_, _> = self.keys.iter().map(|(path, keys)| (path, &keys.secret)).collect();
        fs::write(&self.secrets_file, json!(secrets).to_string())?;
        Ok(())
    }

    /// Waits until everything in the feed was heard on this path, and compares.
    pub(super) fn has_heard(&mut self, path: &str, feed: &[Value]) -> Result<()> {
        let started = Instant::now();
        loop {
            self.listen()?;
            let heard = self.heard.entry(path.to_owned()).or_default();
            let missing = feed.iter().filter(|effect| !heard.contains_key(&id(effect))).count();
            if missing == 0 {
                for effect in feed {
                    let said = &heard[&id(effect)];
                    ensure!(said == effect, "heard {said}, and the feed says {effect}");
                }
                ensure!(heard.len() == feed.len(), "{} effects heard of {}", heard.len(), feed.len());
                return Ok(());
            }
            ensure!(started.elapsed() < HEARD_WITHIN, "{missing} effects of `{path}` were not heard");
            ensure!(self.running.0.try_wait()?.is_none(), "the endpoint has ended");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kinds of what was heard about an account, in the order of the log.
    pub(super) fn story_of(&self, path: &str, account: &str) -> Vec<&str> {
        let heard = self.heard.get(path).into_iter().flat_map(BTreeMap::values);
        heard
            .filter(|effect| effect["account"] == account)
            .filter_map(|effect| effect["kind"].as_str())
            .collect()
    }

    /// What was heard since this was asked last: kind, rule without its pack, consequences.
    pub(super) fn news(&mut self, path: &str) -> Vec<String> {
        let told = self.told.entry(path.to_owned()).or_default();
        let from = *told;
        let mut news = Vec::new();
        for (id, effect) in self.heard.get(path).into_iter().flatten().filter(|(id, _)| **id > from) {
            let rule = effect["rule"].as_str().and_then(|rule| rule.split_once('/')).map(|(_, rule)| rule);
            let consequences =
                effect["consequences"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let words = effect["kind"].as_str().into_iter().chain(rule).chain(consequences);
            news.push(words.collect::<Vec<_>>().join(" "));
            *told = *id;
        }
        news
    }

    /// Reads on in the journal and checks each line.
    fn listen(&mut self) -> Result<()> {
        let text = fs::read_to_string(&self.journal)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines().skip(self.read) {
            self.read += 1;
            let line: Value = serde_json::from_str(line)?;
            let path = line["path"].as_str().context("a line without a path")?;
            ensure!(line["sound"] == true, "the endpoint in Python does not verify: {line}");
            let body = line["body"].as_str().context("a line without a body")?;
            self.keys.get(path).context("nobody's keys")?.verify(&line["headers"], body)?;
            self.counts.messages += 1;
            if line["taken"] != true {
                self.counts.refused += 1;
                continue;
            }
            let message: Value = serde_json::from_str(body)?;
            ensure!(message["platform"] == path && message["data"]["kind"] == message["type"], "{message}");
            ensure!(line["headers"]["webhook-id"] == message["data"]["id"], "{line}");
            let heard = self.heard.entry(path.to_owned()).or_default();
            if let Some(before) = heard.insert(id(&message["data"]), message["data"].clone()) {
                ensure!(before == message["data"], "one id, two messages: {before} and {message}");
                self.counts.again += 1;
            }
        }
        Ok(())
    }
}

impl Keys {
    fn verify(&self, headers: &Value, body: &str) -> Result<()> {
        let text = |name: &str| headers[name].as_str().with_context(|| format!("no `{name}`"));
        let mut map = ureq::http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            map.insert(name, text(name)?.parse()?);
        }
        standardwebhooks::Webhook::new(&self.secret)?
            .verify(body.as_bytes(), &map)
            .context("the crate `standardwebhooks` does not verify it")?;
        let signed = format!("{}.{}.{body}", text("webhook-id")?, text("webhook-timestamp")?);
        let signatures = text("webhook-signature")?.split(' ').filter_map(|part| part.strip_prefix("v1a,"));
        let mut verified = 0;
        for signature in signatures {
            let signature = Signature::from_slice(&BASE64.decode(signature)?)?;
            self.public.verify(signed.as_bytes(), &signature).context("the public key does not verify it")?;
            verified += 1;
        }
        ensure!(verified == 1, "{verified} signatures by public keys");
        Ok(())
    }
}

fn id(effect: &Value) -> (u64, u32) {
    let parts = effect["id"].as_str().and_then(|id| id.split_once('-'));
    parts
        .and_then(|(position, index)| Some((position.parse().ok()?, index.parse().ok()?)))
        .unwrap_or_default()
}
