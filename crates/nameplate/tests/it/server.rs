//! The server as a process: it answers, takes events, survives a kill, stops politely.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::house::House;

/// A running server.
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(house: &House) -> Self {
        Self::start_with(house.command(&[]))
    }

    /// Adds the verb to a command that has everything else.
    pub(crate) fn start_with(mut command: Command) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut text = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        // One JSON object, over several lines, once it answers.
        while serde_json::from_str::<serde_json::Value>(&text).is_err() {
            assert!(lines.read_line(&mut text).unwrap() > 0, "the server ended: {text}");
        }
        let started: serde_json::Value = serde_json::from_str(&text).unwrap();
        Self { child, url: started["url"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// How it ended by itself.
    pub(crate) fn ended(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// SIGTERM, then whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.child.wait().unwrap().success()
    }
}

async fn send(server: &Server, key: &str, lines: &str) -> reqwest::StatusCode {
    let client = reqwest::Client::new();
    let request = client
        .post(format!("{}/v1/ingest?platform=demo", server.url))
        .bearer_auth(key)
        .header("content-type", "application/x-ndjson")
        .body(lines.to_owned())
        .timeout(Duration::from_secs(30));
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn acknowledged_events_survive_a_kill() {
    let house = House::new();
    let key = house.run(&["init", "--platform", "demo"]).ok().stdout.trim().to_owned();
    let mut server = Server::start(&house);
    let health = reqwest::get(format!("{}/healthz", server.url)).await.unwrap();
    assert!(health.status().is_success());

    let now = pipeline::Clock::System.now_ms();
    let lines: String = ["1", "2"]
        .map(|follower| {
            format!("{{\"type\":\"follow\",\"follower\":\"{follower}\",\"account\":\"ann\",\"at\":{now}}}\n")
        })
        .concat();
    let lines = lines.as_str();
    assert_eq!(send(&server, "npk_wrong_aaaaaaaaaaaaaaaaaaaaaaaa", lines).await, 401);
    assert!(send(&server, &key, lines).await.is_success());
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert_eq!(house.counts(), "account,followers\nann,2\n");

    let server = Server::start(&house);
    assert!(server.stop(), "a polite stop ends with success");
    assert_eq!(house.counts(), "account,followers\nann,2\n");
}

#[tokio::test]
async fn a_data_folder_has_one_owner() {
    let house = House::initialised();
    let server = Server::start(&house);
    house.run(&["export", "counts", "--platform", "demo"]).failed("in use by another process");
    assert!(server.stop());
}
