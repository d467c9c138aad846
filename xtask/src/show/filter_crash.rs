//! `filter-crash`: a filter is interrupted at every crash point, and by `kill -9` at any moment; after the restart it is
//! wholly there or wholly absent, and undoing it gives back the very same followers.
//!
//! The server is the real binary, built with its crash points. Followers are read from the data folder of the dead server by
//! starting from it, with every count counted again; they are compared as text, byte for byte, with their days.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use simulator::{Random, listing};

use crate::process::{cargo, output, python, scratch, target};
use crate::server::{Client, Server, Store};

const FOLLOWERS: u64 = 300_000;
const SEED: u64 = 20;
/// Kills from outside, at a random moment around the filter.
const KILLS: usize = 20;
/// The points that a filter and the snapshot behind it pass, in their order.
const POINTS: [&str; 6] =
    ["before_append", "after_append", "before_reply", "before_snapshot", "after_snapshot", "after_trim"];
/// Makes the key pair of the platform and a token of the account `ann`. Prints the public key and the token.
const TOKEN: &str = r#"
import json, time, jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
key = Ed25519PrivateKey.generate()
now = int(time.time())
claims = {"iss": "crash", "sub": "ann", "aud": "nameplate", "iat": now, "exp": now + 80000}
print(json.dumps({
    "public": key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
    "token": jwt.encode(claims, key, algorithm="EdDSA"),
}))
"#;

/// The data folder as it was loaded, and who may filter there.
struct Ground {
    binary: PathBuf,
    loaded: PathBuf,
    folder: PathBuf,
    key: String,
    public: String,
    token: String,
    before: String,
}

/// What a restart found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    There,
    Absent,
}

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let started = Instant::now();
    let ground = load()?;
    let filtered = expected(&ground.before)?;
    let (mut there, mut absent) = (0, 0);
    let mut count = |found: Found| match found {
        Found::There => there += 1,
        Found::Absent => absent += 1,
    };
    for (round, point) in POINTS.iter().enumerate() {
        let data = ground.copy(&format!("point-{round}"))?;
        let (answered, died) = interrupted(&ground, &data, Some(point), None)?;
        ensure!(died, "the filter never passed the point `{point}`");
        let found = after(&ground, &data, &filtered, answered).with_context(|| format!("at `{point}`"))?;
        ensure!(
            found == if round == 0 { Found::Absent } else { Found::There },
            "killed at `{point}`, the filter is {found:?}"
        );
        count(found);
        println!("{point}: the filter is {}", word(found));
    }
    let mut random = Random::new(SEED);
    for round in 0..KILLS {
        let data = ground.copy("kill")?;
        let wait = Duration::from_micros(random.below(30_000));
        let (answered, _) = interrupted(&ground, &data, None, Some(wait))?;
        let found = after(&ground, &data, &filtered, answered).with_context(|| format!("at kill {round}"))?;
        count(found);
    }
    println!(
        "{} followers of one account, {} left by the filter, seed {SEED}, {} s: after {} crash points and {KILLS} times \
         `kill -9` the filter was {there} times wholly there, {absent} times wholly absent",
        ground.before.lines().count(),
        filtered.lines().count(),
        started.elapsed().as_secs(),
        POINTS.len()
    );
    println!(
        "every count equals its recount; undo gave back the same followers and days each time, byte for byte"
    );
    Ok(())
}

fn word(found: Found) -> &'static str {
    match found {
        Found::There => "wholly there",
        Found::Absent => "wholly absent",
    }
}

/// Builds the binary, loads the followers, and remembers who they are.
fn load() -> Result<Ground> {
    let bin = python("filter-crash", &["pyjwt[crypto]==2.12.1"])?;
    let made: Value = serde_json::from_str(&output(Command::new(bin.join("python")).args(["-c", TOKEN]))?)?;
    let text = |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("no `{name}`"));
    // A target folder of its own: no release that anybody ships has crash points.
    let built = target().join("crashpoints");
    let to = built.to_str().context("the target folder is not UTF-8")?;
    let features = ["--features", "pipeline/crashpoints"];
    let build = ["build", "--release", "--quiet", "-p", "nameplate", "--target-dir", to];
    cargo(&[&build[..], &features[..]].concat())?;
    let binary = built.join("release").join("nameplate");

    let folder = scratch("filter-crash")?;
    let store = Store::init(&binary, &folder.join("loaded"), "crash")?;
    let mut rows = String::from("follower,account,at\n");
    let mut random = Random::new(SEED);
    for follower in 0..FOLLOWERS {
        let day = 1 + random.below(28);
        let month = 1 + random.below(12);
        rows.push_str(&format!("{},ann,2022-{month:02}-{day:02}T12:00:00Z\n", follower * 7 + 1));
        if follower % 10 == 0 {
            rows.push_str(&format!("{},bob,2022-{month:02}-{day:02}T12:00:00Z\n", follower * 7 + 1));
        }
    }
    let file = folder.join("follows.csv");
    std::fs::write(&file, rows)?;
    output(
        Command::new(&binary)
            .args(["import", "--platform", "crash", "--columns", "follower,account,at", "--follows"])
            .arg(&file)
            .arg("--data")
            .arg(&store.data)
            .stderr(Stdio::null()),
    )?;
    let before = listing::followers(&store.data, "crash", "ann")?;
    ensure!(before.lines().count() as u64 == FOLLOWERS, "{} followers were loaded", before.lines().count());
    let (public, token) = (text("public")?, text("token")?);
    Ok(Ground { binary, loaded: store.data, folder, key: store.key, public, token, before })
}

/// Who must be left: those who followed from July on.
fn expected(before: &str) -> Result<String> {
    // 2022-07-01.
    const FIRST_DAY: u32 = 19_174;
    let mut left = String::new();
    for line in before.lines() {
        let (_, day) = line.rsplit_once(',').context("a line without a day")?;
        if day.parse::<u32>()? >= FIRST_DAY {
            left.push_str(line);
            left.push('\n');
        }
    }
    ensure!(!left.is_empty() && left.len() < before.len(), "the filter takes all or nobody");
    Ok(left)
}

impl Ground {
    /// A copy of the data folder to break.
    fn copy(&self, name: &str) -> Result<PathBuf> {
        let to = self.folder.join(name);
        if to.exists() {
            std::fs::remove_dir_all(&to)?;
        }
        copy_folder(&self.loaded, &to)?;
        Ok(to)
    }

    fn serve(&self, data: &Path, crash_at: Option<&str>) -> Result<Server> {
        let store = Store {
            binary: self.binary.clone(),
            data: data.to_owned(),
            platform: "crash",
            key: self.key.clone(),
        };
        let crash_at = crash_at.unwrap_or_default();
        let file = format!("[platforms.crash]\nholder_key = \"{}\"\n", self.public);
        store.serve_with(
            &file,
            &[
                // Only the filter is logged, and a snapshot follows it at once.
                ("NAMEPLATE__QUEUE__TICK_SECONDS", "3600"),
                ("NAMEPLATE__STORE__SNAPSHOT_ENTRIES", "1"),
                ("NAMEPLATE__LOGGING__FILTER", "error"),
                ("NAMEPLATE_CRASH_AT", crash_at),
            ],
        )
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            std::fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Runs the filter on a server that dies meanwhile. Says whether the filter was answered, and whether the server died by
/// itself.
fn interrupted(
    ground: &Ground,
    data: &Path,
    crash_at: Option<&str>,
    kill_after: Option<Duration>,
) -> Result<(bool, bool)> {
    let mut server = ground.serve(data, crash_at)?;
    let client = server.client().with_key(&ground.token);
    let asked = std::thread::spawn(move || filter(&client));
    let mut died = false;
    if let Some(wait) = kill_after {
        std::thread::sleep(wait);
    } else {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline && !died {
            died = server.running.0.try_wait()?.is_some();
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    server.running.kill();
    let answer = asked.join().map_err(|_| anyhow::anyhow!("the client panicked"))?;
    match answer {
        Ok((201, _)) => Ok((true, died)),
        Ok((status, answer)) => bail!("the filter answers {status}: {answer}"),
        // The connection broke off: the answer never came.
        Err(_) => Ok((false, died)),
    }
}

fn filter(client: &Client) -> Result<(u16, Value)> {
    let body = json!({ "criteria": { "followed_before": "2022-07-01" } }).to_string();
    client.post("/v1/me/filters", "application/json", body.as_bytes())
}

/// Looks at what the dead server left, then undoes the filter, or runs it and undoes it.
fn after(ground: &Ground, data: &Path, filtered: &str, answered: bool) -> Result<Found> {
    let is = listing::followers(data, "crash", "ann")?;
    let found = if is == filtered {
        Found::There
    } else if is == ground.before {
        Found::Absent
    } else {
        bail!("the filter is there in part: {} followers are left", is.lines().count());
    };
    ensure!(!answered || found == Found::There, "the filter was answered and is absent");

    let server = ground.serve(data, None)?;
    let client = server.client().with_key(&ground.token);
    if found == Found::Absent {
        let (status, answer) = filter(&client)?;
        ensure!(status == 201, "the filter answers {status} after the restart: {answer}");
    }
    undo(&client)?;
    server.stop()?;
    let back = listing::followers(data, "crash", "ann")?;
    ensure!(back == ground.before, "undo gave back another set: {} followers", back.lines().count());
    Ok(found)
}

/// Undoes the filter: its id is the position of its command, the last of the log or one of the last.
fn undo(client: &Client) -> Result<()> {
    let (status, answer) = client.get("/v1/me")?;
    ensure!(status == 200, "the account answers {status}: {answer}");
    let last = answer["account"]["position"].as_u64().context("an account without a position")?;
    for position in (last.saturating_sub(5)..=last).rev() {
        let path = format!("/v1/me/filters/{position}/undo");
        if client.post(&path, "application/json", b"")?.0 == 200 {
            return Ok(());
        }
    }
    bail!("no filter near position {last} can be undone");
}
