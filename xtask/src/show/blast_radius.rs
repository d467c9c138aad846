//! `blast-radius`: no act of staff changes what is shown of more accounts than one person may, unless two confirmed it.
//!
//! First acts of staff by chance, each lived through with and without it on copies of the whole machine, so that what
//! changes is found without asking the server. Then the same over HTTP, with three keys against a server that is killed
//! while a change waits. `NAMEPLATE_ACTS` asks for another number of acts.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::process::{release_binary, scratch};
use crate::server::{Client, Server, Store, root_key};

const ACTS: u64 = 4_000;
const SEEDS: [u64; 2] = [1, 2];
const PLATFORM: &str = "guarded";
const JSON: &str = "application/json";
/// Accounts that the change concerns, of which one person may change so many.
const ACCOUNTS: u64 = 60;
const RADIUS: u64 = 50;

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let acts = super::number("NAMEPLATE_ACTS")?.unwrap_or(ACTS);
    let started = Instant::now();
    super::side_by_side("radius", &SEEDS, ("--acts", acts.div_ceil(SEEDS.len() as u64)))?;
    let seconds = started.elapsed().as_secs();
    let calls = over_http()?;
    println!(
        "{calls} calls over HTTP: {ACCOUNTS} accounts, {RADIUS} for one person; refused, confirmed by two, killed between"
    );
    println!(
        "{acts} acts of staff or more, seeds {SEEDS:?}, {seconds} s: none changed what is shown of more than it may"
    );
    Ok(())
}

/// Three people and a server. Returns how many calls were judged.
fn over_http() -> Result<u32> {
    let binary = release_binary()?;
    let folder = scratch("blast-radius")?;
    let store = Store::init(&binary, &folder.join("data"), PLATFORM)?;
    let (root, sha256) = root_key(&binary)?;
    let settings = [("NAMEPLATE__SERVER__ROOT_KEY_SHA256", sha256.as_str())];
    let server = store.serve(&settings)?;
    let mut people = Vec::new();
    for who in ["one", "two", "three"] {
        let body = json!({ "platform": PLATFORM, "roles": ["operator"], "label": who });
        let (status, key) =
            server.client().with_key(&root).post("/v1/admin/keys", JSON, body.to_string().as_bytes())?;
        ensure!(status == 201, "a key is refused with {status}: {key}");
        people.push(key["token"].as_str().context("a key without a token")?.to_owned());
    }
    let mut calls = 0;
    let mut say = |server: &Server, who: usize, path: &str, body: Value, expected: &str| -> Result<Value> {
        let key = people.get(who).context("one of three")?;
        let client: Client = server.client().with_key(key);
        let (status, answer) = client.post(path, JSON, body.to_string().as_bytes())?;
        let came = answer["code"].as_str().map_or_else(|| status.to_string(), str::to_owned);
        ensure!(came == expected, "`{path}` of person {who} comes to {came} and not to {expected}: {answer}");
        calls += 1;
        Ok(answer)
    };
    let items: Vec<Value> = (0..ACCOUNTS)
        .map(|nth| json!({ "account": format!("a{nth}"), "facts": { "class": "creator" } }))
        .collect();
    let body = json!({ "platform": PLATFORM, "items": items });
    let (status, answer) = server.client().post("/v1/accounts", JSON, body.to_string().as_bytes())?;
    ensure!(status == 200, "accounts are refused with {status}: {answer}");

    let radius = |accounts: u64| json!({ "platform": PLATFORM, "accounts": accounts });
    say(&server, 0, "/v1/admin/blast-radius", radius(RADIUS), "200")?;
    say(&server, 1, "/v1/admin/blast-radius", radius(RADIUS + 1), "wider_takes_two")?;
    // Every account has a region to show, so an announced pack concerns all of them.
    let choices = choices(&server, &people)?;
    let pack = json!({ "platform": PLATFORM, "pack": "cn-ip-region-2022", "choices": choices });
    let simulated = say(&server, 0, "/v1/admin/packs/simulate", pack.clone(), "200")?;
    ensure!(
        simulated["concerned"] == json!(ACCOUNTS),
        "the simulation says that {} accounts are concerned",
        simulated["concerned"]
    );
    say(&server, 0, "/v1/admin/packs/activate", pack.clone(), "change_too_large")?;
    let proposed = say(&server, 0, "/v1/admin/proposals", pack, "200")?;
    ensure!(proposed["accounts"] == simulated["concerned"], "{proposed} is not what was simulated");
    let confirm = |accounts: u64| json!({ "platform": PLATFORM, "proposal": 1, "accounts": accounts });
    say(&server, 0, "/v1/admin/proposals/confirm", confirm(ACCOUNTS), "somebody_else_must_confirm")?;
    say(&server, 1, "/v1/admin/proposals/confirm", confirm(ACCOUNTS - 1), "not_the_number")?;
    say(&server, 1, "/v1/admin/proposals/confirm", confirm(ACCOUNTS), "200")?;
    say(&server, 1, "/v1/admin/proposals/confirm", confirm(ACCOUNTS), "somebody_else_must_confirm")?;
    ensure!(in_force(&server)? == 0, "a pack is in force that one person confirmed");
    // What waits survives a kill, which is what dropping a server does.
    drop(server);
    let server = store.serve(&settings)?;
    ensure!(in_force(&server)? == 0, "a pack is in force that one person confirmed");
    say(&server, 2, "/v1/admin/proposals/confirm", confirm(ACCOUNTS), "200")?;
    ensure!(in_force(&server)? == 1, "two confirmed the pack and it is not in force");
    let path = format!("/v1/admin/packs/cn-ip-region-2022?platform={PLATFORM}");
    let by = people.first().map(|key| ("authorization".to_owned(), format!("Bearer {key}")));
    let by: Vec<_> = by.into_iter().collect();
    let status = server.client().call("delete", &path, &by, JSON, None)?;
    ensure!(status == 409, "one person takes the pack out of force: {status}");
    server.stop()?;
    Ok(calls + 1)
}

/// Packs in force.
fn in_force(server: &Server) -> Result<usize> {
    let (status, packs) = server.client().get(&format!("/v1/admin/packs?platform={PLATFORM}"))?;
    ensure!(status == 200, "the packs are refused with {status}: {packs}");
    let packs = packs["items"].as_array().context("packs without items")?;
    Ok(packs.iter().filter(|pack| pack["active_since"].is_string()).count())
}

/// The suggested answers to what no source says.
fn choices(server: &Server, people: &[String]) -> Result<Value> {
    let key = people.first().context("somebody")?;
    let path = format!("/v1/admin/packs/cn-ip-region-2022?platform={PLATFORM}");
    let (status, pack) = server.client().with_key(key).get(&path)?;
    ensure!(status == 200, "the pack is refused with {status}: {pack}");
    let questions = pack["questions"].as_array().context("a pack without questions")?;
    let answer = |question: &Value| {
        let text = |field: &str| question[field].as_str().map(str::to_owned);
        let answer = text("suggestion").context("a question without a suggestion")?;
        Ok((text("key").context("a question without a key")?, Value::String(answer)))
    };
    questions.iter().map(answer).collect::<Result<serde_json::Map<_, _>>>().map(Value::Object)
}
