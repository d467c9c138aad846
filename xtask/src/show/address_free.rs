//! `address-free`: a million sightings go in, and no address is found in anything that the server wrote.
//!
//! Searched are the data folder, the logs at their loudest, the metrics, every answer and a backup: for each address as
//! text in any spelling, and as raw bytes in both orders. Four bytes turn up by chance in as many megabytes, so the raw
//! hits for IPv4 are held against those for as many addresses that nobody sent. Nothing the server writes is compressed.
//! That the search finds what is there is shown on a file in which addresses are planted.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use simulator::Random;

use crate::process::{output, release_binary, scratch};
use crate::server::{Client, Store, free_address};

const PLATFORM: &str = "seen";
const SIGHTINGS: u64 = 1_000_000;
/// Items in a request, as many as one takes.
const BATCH: u64 = 1_000;
const ACCOUNTS: u64 = 50_000;
const SEED: u64 = 2022;
const JSON: &str = "application/json";

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let started = Instant::now();
    let sightings = super::number("NAMEPLATE_SIGHTINGS")?.unwrap_or(SIGHTINGS).max(BATCH);
    let binary = release_binary()?;
    let folder = scratch("address-free")?;
    let data = folder.join("data");
    let store = Store::init(&binary, &data, PLATFORM)?;
    let metrics = free_address()?;
    let server = store.serve(&[
        ("NAMEPLATE__LOGGING__FILTER", "trace"),
        ("NAMEPLATE__SERVER__METRICS_LISTEN", &metrics),
        ("NAMEPLATE__QUEUE__TICK_SECONDS", "1"),
    ])?;
    let client = server.client();
    let (status, answer) = client.put("/v1/accounts/seen/a1", JSON, b"{}")?;
    ensure!(status == 200, "the first account answers {status}: {answer}");

    let mut random = Random::new(SEED);
    let mut sent = Addresses::default();
    let mut told = Told::default();
    let mut answers = String::new();
    for batch in 0..sightings / BATCH {
        let items: Vec<Value> = (0..BATCH)
            .map(|_| {
                let account = format!("a{}", random.below(ACCOUNTS));
                let event = ["post", "comment", "vote", "login"][random.below(4) as usize];
                json!({ "account": account, "ip": sent.draw(&mut random).to_string(), "event": event })
            })
            .collect();
        let body = json!({ "platform": PLATFORM, "items": items }).to_string();
        let (status, answer) = client.post("/v1/sightings", JSON, body.as_bytes())?;
        ensure!(status == 200, "a batch of sightings answers {status}");
        told.add(&answer)?;
        answers += &answer.to_string();
        if batch % 100 == 0 {
            careless(&client, &mut sent, &mut random, &mut answers)?;
        }
    }
    ensure!(
        told.placed > sightings / 2,
        "only {} sightings had a region, so little was kept at all",
        told.placed
    );
    answers += &client.text(&format!("http://{metrics}/metrics"))?;
    for path in ["/v1/accounts/seen/a1", "/v1/effects?platform=seen", "/p/seen/a1"] {
        answers += &client.page(path)?;
    }
    server.stop()?;
    fs::write(folder.join("answers.txt"), &answers)?;
    output(
        Command::new(&binary)
            .args(["backup", "--data"])
            .arg(&data)
            .arg("--to")
            .arg(folder.join("backup"))
            .stderr(Stdio::null()),
    )?;

    let control = Addresses::drawn(sent.v4.len(), &mut random);
    the_search_finds(&folder, &sent)?;
    let mut found = Found::default();
    for place in [data.clone(), data.with_extension("log"), folder.join("answers.txt"), folder.join("backup")]
    {
        search(&place, &sent, &control, &mut found)?;
    }
    found.judge(&sent)?;
    println!(
        "{sightings} sightings of {} accounts, {} with a region; {} addresses of IPv4 and {} of IPv6, {} in careless requests",
        ACCOUNTS,
        told.placed,
        sent.v4.len(),
        sent.v6.len(),
        sent.careless
    );
    println!(
        "{} files, {} MB of data, logs, metrics, answers and backup, {} s: no address as text, none of IPv6 as bytes; four \
         bytes like one of IPv4 {} times, like one that nobody sent {} times",
        found.files,
        found.bytes / 1_000_000,
        started.elapsed().as_secs(),
        found.v4_raw,
        found.v4_control
    );
    Ok(())
}

/// What the server says became of sightings.
#[derive(Default)]
struct Told {
    placed: u64,
}

impl Told {
    fn add(&mut self, answer: &Value) -> Result<()> {
        let items = answer["items"].as_array().context("an answer without items")?;
        ensure!(items.len() as u64 == BATCH, "{} answers for {BATCH} sightings", items.len());
        self.placed += items.iter().filter(|item| item["country"].is_string()).count() as u64;
        Ok(())
    }
}

/// Addresses, each once.
#[derive(Default)]
struct Addresses {
    v4: HashSet<[u8; 4]>,
    v6: HashSet<[u8; 16]>,
    careless: u64,
}

impl Addresses {
    /// So many of IPv4, for comparison.
    fn drawn(count: usize, random: &mut Random) -> Self {
        let mut addresses = Self::default();
        while addresses.v4.len() < count {
            addresses.v4.insert(v4(random));
        }
        addresses
    }

    /// Another one, of either kind.
    fn draw(&mut self, random: &mut Random) -> IpAddr {
        if random.below(2) == 0 {
            let address = v4(random);
            self.v4.insert(address);
            IpAddr::V4(Ipv4Addr::from(address))
        } else {
            let address = v6(random);
            self.v6.insert(address);
            IpAddr::V6(Ipv6Addr::from(address))
        }
    }

    fn has(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.contains(&address.octets()),
            IpAddr::V6(address) => self.v6.contains(&address.octets()),
        }
    }
}

/// From the ranges that registries give out, with bytes that are no ASCII text, no small numbers and no zeros: those lie
/// about in any file.
fn v4(random: &mut Random) -> [u8; 4] {
    let byte = |random: &mut Random| 128 + random.below(95) as u8;
    [byte(random), byte(random), byte(random), byte(random)]
}

fn v6(random: &mut Random) -> [u8; 16] {
    let mut address = [0; 16];
    address[..8].copy_from_slice(&random.next().to_be_bytes());
    address[8..].copy_from_slice(&random.next().to_be_bytes());
    // 2a00::/11, where most of Europe is.
    address[0] = 0x2a;
    address[1] %= 0x20;
    address
}

/// What a careless client sends: addresses in headers, in the query, in broken bodies and in fields of another meaning.
fn careless(client: &Client, sent: &mut Addresses, random: &mut Random, answers: &mut String) -> Result<()> {
    let mut draw = || {
        sent.careless += 1;
        sent.draw(random).to_string()
    };
    let bodies = [
        format!(r#"{{"platform":"seen","items":[{{"account":"a1","ip":"{}" "event":"post"}}]}}"#, draw()),
        format!(r#"{{"platform":"seen","items":[{{"account":"a1","ip":["{}"]}}]}}"#, draw()),
        format!(r#"{{"platform":"seen","items":[{{"account":"a1","ip":"{}/32"}}]}}"#, draw()),
        format!(
            r#"{{"platform":"seen","items":[{{"account":"a1","ip":"{}","event":"{}"}}]}}"#,
            draw(),
            draw()
        ),
        format!(r#"{{"platform":"seen","items":[{{"account":"a1","address":"{}"}}]}}"#, draw()),
        format!(r#"{{"platform":"seen","items":[{{"account":"a1","ip":"{}","at":"{}"}}]}}"#, draw(), draw()),
        format!(r#"{{"platform":"{}","items":[{{"account":"a1","ip":"{}"}}]}}"#, draw(), draw()),
    ];
    for body in bodies {
        let (status, answer) = client.post("/v1/sightings", JSON, body.as_bytes())?;
        ensure!((400..500).contains(&status), "a careless request answers {status}");
        *answers += &answer.to_string();
    }
    let sound = r#"{"platform":"seen","items":[{"account":"a1","ip":"203.0.113.9"}]}"#;
    let path = format!("/v1/sightings?ip={}", draw());
    let (status, answer) = client.post(&path, JSON, sound.as_bytes())?;
    ensure!(status == 400, "an address in the query answers {status}");
    *answers += &answer.to_string();
    let headers = [
        ("x-forwarded-for", draw()),
        ("forwarded", format!("for=\"[{}]\"", draw())),
        ("x-real-ip", draw()),
        ("user-agent", format!("careless/{}", draw())),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let status = client.call_with("get", "/v1/accounts/seen/a1", &headers)?;
    ensure!(status == 200, "a look with addresses in headers answers {status}");
    Ok(())
}

/// What was found, and where.
#[derive(Default)]
struct Found {
    files: u64,
    bytes: u64,
    text: Vec<String>,
    v6_raw: Vec<String>,
    v4_raw: u64,
    v4_control: u64,
}

impl Found {
    /// Fails if anything was found that is not chance.
    fn judge(&self, sent: &Addresses) -> Result<()> {
        ensure!(self.text.is_empty(), "addresses stand as text in {:?}", self.text);
        ensure!(self.v6_raw.is_empty(), "addresses stand as bytes in {:?}", self.v6_raw);
        // Both are counts of chance hits with the same odds: six standard deviations of their difference.
        let chance = 6.0 * ((self.v4_raw + self.v4_control) as f64).sqrt() + 10.0;
        let more = self.v4_raw as f64 - self.v4_control as f64;
        ensure!(
            more <= chance,
            "{} of {} addresses of IPv4 stand as bytes more often than chance has it",
            more as i64,
            sent.v4.len()
        );
        Ok(())
    }
}

/// Searches a file, or every file of a folder.
fn search(place: &Path, sent: &Addresses, control: &Addresses, found: &mut Found) -> Result<()> {
    if place.is_dir() {
        for entry in fs::read_dir(place)? {
            search(&entry?.path(), sent, control, found)?;
        }
        return Ok(());
    }
    let bytes = fs::read(place).with_context(|| format!("cannot read `{}`", place.display()))?;
    let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    found.files += 1;
    found.bytes += bytes.len() as u64;
    if texts(&bytes).any(|address| sent.has(address)) {
        found.text.push(name.clone());
    }
    let turned = |window: &[u8; 16]| {
        let mut turned = *window;
        turned.reverse();
        turned
    };
    // The bytes that all of them begin with, first or last.
    let like_v6 = |window: &[u8; 16]| window[0] == 0x2a && window[1] < 0x20;
    let windows = bytes.windows(16).filter_map(|window| <&[u8; 16]>::try_from(window).ok());
    let raw = |window: &[u8; 16]| {
        let back = turned(window);
        (like_v6(window) && sent.v6.contains(window)) || (like_v6(&back) && sent.v6.contains(&back))
    };
    if windows.clone().any(raw) {
        found.v6_raw.push(name);
    }
    for window in bytes.windows(4).filter_map(|window| <&[u8; 4]>::try_from(window).ok()) {
        if window.iter().any(|byte| !(128..223).contains(byte)) {
            continue;
        }
        let back = [window[3], window[2], window[1], window[0]];
        found.v4_raw += u64::from(sent.v4.contains(window)) + u64::from(sent.v4.contains(&back));
        found.v4_control += u64::from(control.v4.contains(window)) + u64::from(control.v4.contains(&back));
    }
    Ok(())
}

/// Everything in a file that reads as an address, in any spelling.
fn texts(bytes: &[u8]) -> impl Iterator<Item = IpAddr> + '_ {
    let part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    bytes
        .split(move |byte| !part(byte))
        .filter(|run| (7..=45).contains(&run.len()))
        // A dot or colon of the sentence around it is not part of it.
        .filter_map(|run| {
            let text = std::str::from_utf8(run).ok()?;
            text.parse().or_else(|_| text.trim_matches(['.', ':']).parse()).ok()
        })
}

/// Plants addresses in a file, in every way that is searched for, and looks whether each is found.
fn the_search_finds(folder: &Path, sent: &Addresses) -> Result<()> {
    let v4 = *sent.v4.iter().next().context("no address of IPv4 was sent")?;
    let v6 = *sent.v6.iter().next().context("no address of IPv6 was sent")?;
    let (mut v4_back, mut v6_back) = (v4, v6);
    v4_back.reverse();
    v6_back.reverse();
    let long: Vec<String> = Ipv6Addr::from(v6).segments().iter().map(|part| format!("{part:04X}")).collect();
    let texts = [
        format!("from {}, it said.", Ipv4Addr::from(v4)),
        format!("\"{}\"", Ipv6Addr::from(v6)),
        format!("[{}]:443", long.join(":")),
        format!("::ffff:{}", Ipv4Addr::from(v4)),
    ];
    let file = folder.join("planted");
    let look = |bytes: &[u8]| -> Result<Found> {
        fs::write(&file, bytes)?;
        let mut found = Found::default();
        search(&file, sent, &Addresses::default(), &mut found)?;
        Ok(found)
    };
    for text in texts {
        ensure!(
            !look(text.as_bytes())?.text.is_empty(),
            "the search does not find an address that is there as text"
        );
    }
    for raw in [v6, v6_back] {
        let bytes = [b"around ".as_slice(), &raw, b" it"].concat();
        ensure!(
            !look(&bytes)?.v6_raw.is_empty(),
            "the search does not find an address that is there as bytes"
        );
    }
    for raw in [v4, v4_back] {
        let bytes = [b"around ".as_slice(), &raw, b" it"].concat();
        ensure!(look(&bytes)?.v4_raw > 0, "the search does not find an address that is there as bytes");
    }
    ensure!(look(b"nothing at all: 1.2, a::b")?.text.is_empty(), "the search finds what is not there");
    fs::remove_file(&file)?;
    Ok(())
}
