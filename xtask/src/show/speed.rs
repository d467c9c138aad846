//! `speed`: bulk ingest over HTTP, lookups against a bare peer in the same run, sizes.
//!
//! Times depend on the machine and are printed; the targets are ratios wherever a peer exists. Client and server share
//! the machine's cores.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use simulator::Random;

use crate::process::{Running, cargo, debian, output, release_binary, scratch, target};
use crate::server::{Client, Store};

const EVENTS: usize = 3_000_000;
const BODY: usize = 50_000;
const CLIENTS: usize = 2;
const ACCOUNTS: u64 = 1_000_000;
/// Alternating rounds of each peer; the median counts.
const ROUNDS: usize = 5;
const SECONDS: &str = "4s";

const LOOKUP: &str = "/v1/nameplates/load/17?viewer=verified&surface=profile";

const INGEST_MIN: f64 = 300_000.0;
const LOOKUP_RATIO_MIN: f64 = 0.70;
const BINARY_BYTES_MAX: u64 = 40 * 1024 * 1024;

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    debian("wrk", "wrk")?;
    let binary = release_binary()?;
    cargo(&["build", "--release", "--quiet", "-p", "bench-http"])?;
    let folder = scratch("speed")?;
    let store = Store::init(&binary, &folder.join("data"), "load")?;
    store.activate_followers_only(2)?;
    let server =
        store.serve(&[("NAMEPLATE__LOGGING__FILTER", "warn"), ("NAMEPLATE__QUEUE__TICK_SECONDS", "1")])?;
    let identity =
        br#"{"holder":"h","kind":"person","verified":true,"fields":{"legal_name":"Fictional Holder 17"}}"#;
    let (status, answer) = server.client().put("/v1/identities/load/17", "application/json", identity)?;
    ensure!(status == 200 || status == 201, "the intake of an identity answers {status}: {answer}");
    let ingest = ingest(&server)?;

    let body = a_shown_name(&server.client())?;
    let same = folder.join("answer.json");
    fs::write(&same, &body)?;
    let mut bare = Command::new(target().join("release").join("bench-http"))
        .arg(&same)
        .arg("application/json")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the bare peer")?;
    let mut address = String::new();
    BufReader::new(bare.stdout.take().context("the bare peer has no standard output")?)
        .read_line(&mut address)?;
    let _bare = Running(bare);
    let ours = format!("{}{LOOKUP}", server.url);
    let theirs = format!("http://{}/", address.trim());
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        rates.push((wrk(&ours, Some(&store.key))?, wrk(&theirs, None)?));
    }
    server.stop()?;
    let mut ratios: Vec<f64> = rates.iter().map(|(ours, theirs)| ours / theirs).collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    let (ours, theirs) = rates[rates.len() / 2];
    let bytes = fs::metadata(&binary)?.len();

    println!(
        "ingest over HTTP, durable, client on the same cores: {ingest:.0} events/s ({EVENTS} in bodies of {BODY})"
    );
    println!(
        "nameplate lookup: {ours:.0}/s, bare axum with the same {} bytes: {theirs:.0}/s; ratio {ratio:.2}",
        body.len()
    );
    println!("ratios of the rounds: {ratios:.2?}");
    println!("binary: {:.1} MB", bytes as f64 / 1e6);
    ensure!(
        ratio >= LOOKUP_RATIO_MIN,
        "a lookup reaches {ratio:.2} of the bare peer, {LOOKUP_RATIO_MIN} is asked for"
    );
    ensure!(
        bytes <= BINARY_BYTES_MAX,
        "the binary has {bytes} bytes, at most {BINARY_BYTES_MAX} are allowed"
    );
    ensure!(ingest >= INGEST_MIN, "{ingest:.0} events/s, {INGEST_MIN:.0} are asked for");
    Ok(())
}

/// Waits until the account's name is shown: the lookup must open a sealed name, not say that there is none.
fn a_shown_name(client: &Client) -> Result<String> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let body = client.page(LOOKUP)?;
        if body.contains("Fictional Holder") {
            return Ok(body);
        }
        ensure!(Instant::now() < deadline, "no name is shown after its notice period: {body}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Posts prepared bodies from two connections; returns events a second.
fn ingest(server: &crate::server::Server) -> Result<f64> {
    let mut random = Random::new(3);
    let start_ms =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis() as u64 - 3_600_000;
    let mut bodies = Vec::new();
    for body in 0..EVENTS / BODY {
        let mut text = String::with_capacity(BODY * 90);
        for line in 0..BODY {
            let account = random.skewed_below(ACCOUNTS);
            let follower = (account + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
            let at = start_ms + (body * BODY + line) as u64;
            writeln!(
                text,
                "{{\"type\":\"follow\",\"follower\":{follower},\"account\":{account},\"at\":{at}}}"
            )?;
        }
        bodies.push(text);
    }
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let senders: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let client = server.client();
                let (bodies, next) = (&bodies, &next);
                scope.spawn(move || -> Result<()> {
                    while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let path = "/v1/ingest?platform=load";
                        let (status, answer) = client.post(path, "application/x-ndjson", body.as_bytes())?;
                        ensure!(
                            status == 200 && answer["refused"] == 0,
                            "an ingest answers {status}: {answer}"
                        );
                    }
                    Ok(())
                })
            })
            .collect();
        for sender in senders {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        Ok(())
    })?;
    Ok(EVENTS as f64 / started.elapsed().as_secs_f64())
}

/// Requests a second with 64 connections.
fn wrk(url: &str, key: Option<&str>) -> Result<f64> {
    let mut command = Command::new("wrk");
    command.args(["-t2", "-c64", &format!("-d{SECONDS}")]);
    if let Some(key) = key {
        command.args(["-H", &format!("Authorization: Bearer {key}")]);
    }
    let printed = output(command.arg(url))?;
    ensure!(!printed.contains("Non-2xx"), "some lookups failed:\n{printed}");
    let rate =
        printed.lines().find_map(|line| line.strip_prefix("Requests/sec:")).context("wrk printed no rate")?;
    Ok(rate.trim().parse()?)
}
