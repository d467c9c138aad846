//! A Nameplate server for evidence: a data folder, a key, a child process that can be killed at any moment.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{Running, output, root};

/// A data folder with one platform.
pub(crate) struct Store {
    pub(crate) binary: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) platform: &'static str,
    pub(crate) key: String,
}

impl Store {
    /// Makes the data folder, or adds a platform to one that is there.
    pub(crate) fn init(binary: &Path, data: &Path, platform: &'static str) -> Result<Self> {
        let printed = output(
            Command::new(binary).args(["init", "--json", "--platform", platform, "--data"]).arg(data),
        )?;
        let printed: Value = serde_json::from_str(&printed).context("what `init` printed")?;
        let key = printed["api_key"].as_str().context("`init` printed no key")?.to_owned();
        Ok(Self { binary: binary.to_owned(), data: data.to_owned(), platform, key })
    }

    /// Makes an empty data folder.
    pub(crate) fn without_platform(binary: &Path, data: &Path) -> Result<Self> {
        output(Command::new(binary).args(["init", "--json", "--data"]).arg(data))?;
        Ok(Self { binary: binary.to_owned(), data: data.to_owned(), platform: "", key: String::new() })
    }

    /// Puts a pack in force: the one from a threshold on, for generated input.
    pub(crate) fn activate_followers_only(&self, threshold: u64) -> Result<()> {
        let from = root().join("xtask").join("packs").join("followers-only");
        let to = self.data.with_extension(format!("pack-{}", self.platform)).join("followers-only");
        std::fs::create_dir_all(to.join("rules"))?;
        for file in ["pack.toml", "rules/name.toml"] {
            let text =
                std::fs::read_to_string(from.join(file)).with_context(|| format!("cannot read `{file}`"))?;
            std::fs::write(to.join(file), text.replace("THRESHOLD", &threshold.to_string()))?;
        }
        output(
            Command::new(&self.binary)
                .args(["pack", "activate", "--platform", self.platform, "--data"])
                .arg(&self.data)
                .arg(&to),
        )?;
        Ok(())
    }

    /// Follower counts as the server's own export prints them.
    pub(crate) fn counts(&self) -> Result<Vec<(String, u64)>> {
        let printed = output(
            Command::new(&self.binary)
                .args(["export", "counts", "--platform", self.platform, "--data"])
                .arg(&self.data)
                .stderr(Stdio::null()),
        )?;
        printed
            .lines()
            .skip(1)
            .map(|line| {
                let (account, count) = line.rsplit_once(',').context("a line of counts without a comma")?;
                Ok((account.to_owned(), count.parse()?))
            })
            .collect()
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn serve(&self, settings: &[(&str, &str)]) -> Result<Server> {
        self.serve_with("", settings)
    }

    /// Like [`Store::serve`], with a settings file; platforms are set there and not in the environment.
    pub(crate) fn serve_with(&self, file: &str, settings: &[(&str, &str)]) -> Result<Server> {
        self.serve_more(file, settings, &[])
    }

    /// Like [`Store::serve_with`], with further arguments.
    pub(crate) fn serve_more(&self, file: &str, settings: &[(&str, &str)], more: &[&str]) -> Result<Server> {
        let config = self.data.with_extension("toml");
        std::fs::write(&config, file)?;
        let log = std::fs::File::options().create(true).append(true).open(self.data.with_extension("log"))?;
        let child = Command::new(&self.binary)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(&self.data)
            .arg("--config")
            .arg(&config)
            .args(more)
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start the server")?;
        let mut running = Running(child);
        let stdout = running.0.stdout.take().context("the server has no standard output")?;
        let mut lines = BufReader::new(stdout);
        let mut text = String::new();
        // The report may be spread over lines; it is complete when it parses.
        let report: Value = loop {
            let read = lines.read_line(&mut text)?;
            ensure!(read > 0, "the server ended before it answered; its log is beside the data folder");
            if let Ok(report) = serde_json::from_str(&text) {
                break report;
            }
        };
        let url = report["url"].as_str().context("the server printed no address")?.to_owned();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .new_agent();
        Ok(Server { running, url, key: self.key.clone(), agent })
    }
}

/// A root key and the hash of it that the settings take.
pub(crate) fn root_key(binary: &Path) -> Result<(String, String)> {
    let made: Value =
        serde_json::from_str(&output(Command::new(binary).args(["config", "root-key", "--json"]))?)?;
    let text = |name: &str| {
        made[name].as_str().map(str::to_owned).with_context(|| format!("no root `{name}` was made"))
    };
    Ok((text("key")?, text("sha256")?))
}

/// A loopback address with a port that was free a moment ago.
pub(crate) fn free_address() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// A running server and how to talk to it. Dropping it is `kill -9`.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) url: String,
    pub(crate) key: String,
    agent: ureq::Agent,
}

impl Server {
    /// Someone who may send, also from another thread.
    pub(crate) fn client(&self) -> Client {
        Client { url: self.url.clone(), key: self.key.clone(), agent: self.agent.clone() }
    }

    /// Asks it to stop and waits until it has saved its snapshot.
    pub(crate) fn stop(mut self) -> Result<()> {
        output(Command::new("kill").args(["-TERM", &self.running.0.id().to_string()]))?;
        let status = self.running.0.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// One who sends requests with the first key.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    key: String,
    agent: ureq::Agent,
}

impl Client {
    /// The same server, another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Status and JSON of a GET.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, Value)> {
        let request = self.agent.get(format!("{}{path}", self.url)).header("authorization", self.bearer());
        let mut response = request.call()?;
        Ok((response.status().as_u16(), response.body_mut().with_config().limit(1 << 28).read_json()?))
    }

    /// Status and JSON of a POST.
    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<(u16, Value)> {
        self.send(self.agent.post(format!("{}{path}", self.url)), content_type, body)
    }

    /// Status and JSON of a PUT.
    pub(crate) fn put(&self, path: &str, content_type: &str, body: &[u8]) -> Result<(u16, Value)> {
        self.send(self.agent.put(format!("{}{path}", self.url)), content_type, body)
    }

    /// Logs a member of staff in. The headers of whoever has the session.
    pub(crate) fn log_in(&self, member: &str, password: &str, code: &str) -> Result<Vec<(String, String)>> {
        let body = serde_json::json!({ "member": member, "password": password, "code": code }).to_string();
        let request =
            self.agent.post(format!("{}/v1/session", self.url)).header("content-type", "application/json");
        let mut response = request.send(body)?;
        ensure!(response.status() == 200, "the login of `{member}` is refused with {}", response.status());
        let set = response.headers().get("set-cookie").context("a login without a cookie")?.to_str()?;
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        let said: Value = response.body_mut().read_json()?;
        let proof = said["proof"].as_str().context("a login without a proof")?.to_owned();
        Ok(vec![("cookie".to_owned(), cookie), ("nameplate-proof".to_owned(), proof)])
    }

    /// Status alone of a request of any kind, by whoever has these headers.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        credential: &[(String, String)],
        content_type: &str,
        body: Option<&str>,
    ) -> Result<u16> {
        let mut request = ureq::http::Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(format!("{}{path}", self.url));
        for (name, value) in credential {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header("content-type", content_type);
        }
        let answer = match body {
            Some(body) => self.agent.run(request.body(body.to_owned())?)?,
            None => self.agent.run(request.body(())?)?,
        };
        Ok(answer.status().as_u16())
    }

    /// Status alone of a request without a body, with further headers.
    pub(crate) fn call_with(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<u16> {
        let mut request = ureq::http::Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(format!("{}{path}", self.url))
            .header("authorization", self.bearer());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(self.agent.run(request.body(())?)?.status().as_u16())
    }

    fn send(
        &self,
        request: ureq::RequestBuilder<ureq::typestate::WithBody>,
        content_type: &str,
        body: &[u8],
    ) -> Result<(u16, Value)> {
        let request = request.header("authorization", self.bearer()).header("content-type", content_type);
        let mut response = request.send(body)?;
        Ok((response.status().as_u16(), response.body_mut().with_config().limit(1 << 28).read_json()?))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    /// The text of a page that is found.
    pub(crate) fn page(&self, path: &str) -> Result<String> {
        self.text(&format!("{}{path}", self.url))
    }

    /// The text at an address, which may be another port of the same server.
    pub(crate) fn text(&self, url: &str) -> Result<String> {
        let mut response = self.agent.get(url).header("authorization", self.bearer()).call()?;
        ensure!(response.status() == 200, "`{url}` answers {}", response.status());
        Ok(response.body_mut().read_to_string()?)
    }

    /// All items of a paged list.
    pub(crate) fn all(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, page) = self.get(&format!("{path}{cursor}"))?;
            ensure!(status == 200, "`{path}` answers {status}: {page}");
            items.extend(page["items"].as_array().context("a page without items")?.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }
}
