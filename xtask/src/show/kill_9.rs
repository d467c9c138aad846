//! `kill-9`: a server that takes five million events is killed fifty times, at any moment.
//!
//! The client keeps a plain model of what was acknowledged. After each kill the counts on disk must equal the model,
//! give or take the requests that were under way, each of which is wholly there or wholly absent. What is known of cases
//! must still stand, and a name may be shown only by a case whose notice was given and whose time is over.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use simulator::Random;

use crate::process::{release_binary, scratch};
use crate::server::{Client, Server, Store, root_key};

const EVENTS: usize = 5_000_000;
const KILLS: usize = 50;
/// Events in one request; one request is one entry of the log.
const BODY: usize = 5_000;
/// Requests under way at once.
const CLIENTS: usize = 2;
const ACCOUNTS: u64 = 30_000;
/// Accounts with an identity, so that there is something to show.
const NAMED: u64 = 200;
const THRESHOLD: u64 = 60;
const SEED: u64 = 9;

/// One follow or unfollow; its number is its place in time.
#[derive(Clone, Copy)]
struct Event {
    account: u32,
    follower: u32,
    follows: bool,
}

/// Who follows whom, by the newest event of each edge.
#[derive(Default)]
struct Model {
    newest: HashMap<(u32, u32), (usize, bool)>,
    counts: BTreeMap<u32, u64>,
}

impl Model {
    fn take(&mut self, events: &[Event], range: std::ops::Range<usize>) {
        for number in range {
            let event = events[number];
            let old = self.newest.get(&(event.account, event.follower)).copied();
            if old.is_some_and(|(newest, _)| newest > number) {
                continue;
            }
            let (was, is) = (old.is_some_and(|(_, follows)| follows), event.follows);
            self.newest.insert((event.account, event.follower), (number, is));
            let count = self.counts.entry(event.account).or_default();
            *count = *count + u64::from(is) - u64::from(was);
        }
    }
}

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let binary = release_binary()?;
    let store = Store::init(&binary, &scratch("kill-9")?.join("data"), "load")?;
    store.activate_followers_only(THRESHOLD)?;
    // Runs between two kills are short, so cases get a tick of their own in each; the server's own ticks go on as well.
    let (root, root_sha256) = root_key(&binary)?;
    let settings = [
        ("NAMEPLATE__SERVER__ROOT_KEY_SHA256", root_sha256.as_str()),
        ("NAMEPLATE__QUEUE__TICK_SECONDS", "1"),
        ("NAMEPLATE__STORE__SNAPSHOT_ENTRIES", "200"),
        ("NAMEPLATE__LOGGING__FILTER", "warn"),
    ];
    let mut random = Random::new(SEED);
    let events = generate(&mut random);
    let start_ms = now_ms()? - 24 * 3_600_000;

    let mut model = Model::default();
    let mut pending: Vec<usize> = Vec::new();
    let mut next = 0;
    let mut cases: BTreeMap<String, Value> = BTreeMap::new();
    let (mut shown_most, mut under_way, mut absent, mut restart_ms) = (0, 0, 0, Vec::new());
    let bodies = EVENTS / BODY;
    let started = Instant::now();
    for round in 0..=KILLS {
        let starting = Instant::now();
        let server = store.serve(&settings)?;
        restart_ms.push(starting.elapsed().as_millis());
        let client = server.client();
        if round == 0 {
            link_identities(&client)?;
        }
        let before = std::mem::take(&mut cases);
        cases = listed(&client)?;
        still_stand(&before, &cases)?;
        shown_most = shown_most.max(nothing_early(&client)?);

        let (status, answer) = client.with_key(&root).post("/v1/admin/ticks", "application/json", b"")?;
        ensure!(status == 200, "a tick answers {status}: {answer}");

        // What was under way at the last kill is sent again: it may be there or not, and both must come out the same.
        let resend: Vec<usize> = std::mem::take(&mut pending);
        for body in &resend {
            post(&client, &events, *body, start_ms)?;
            model.take(&events, body * BODY..(body + 1) * BODY);
        }
        if round == KILLS {
            while next < bodies {
                post(&client, &events, next, start_ms)?;
                model.take(&events, next * BODY..(next + 1) * BODY);
                next += 1;
            }
            cases = listed(&client)?;
            shown_most = shown_most.max(nothing_early(&client)?);
            server.stop()?;
            compare(&store, &model, &events, &[])?;
            continue;
        }
        // The last kill still leaves a few requests for the run to its end.
        let until = bodies * (round + 1) / (KILLS + 1);
        let (acknowledged, open) = ingest(server, &client, &events, next..until, start_ms, &mut random)?;
        for body in acknowledged {
            model.take(&events, body * BODY..(body + 1) * BODY);
        }
        next = open.next;
        pending = open.unanswered;
        under_way += pending.len();
        absent += compare(&store, &model, &events, &pending)?;
    }
    ensure!(
        under_way > KILLS / 2,
        "only {under_way} requests were under way at {KILLS} kills: the kills came too late"
    );
    ensure!(shown_most > 0, "no name was ever shown: the run shows nothing about early showing");
    restart_ms.sort_unstable();
    println!(
        "{EVENTS} events, {KILLS} kills, seed {SEED}, {} s: every acknowledged event is there, {} counts equal the model's",
        started.elapsed().as_secs(),
        model.counts.len()
    );
    println!(
        "{under_way} requests were under way at a kill: {} were wholly there, {absent} wholly absent",
        under_way - absent
    );
    println!(
        "{} cases stand as they were; up to {shown_most} names shown, none before it was due",
        cases.len()
    );
    println!(
        "restart: median {} ms, longest {} ms",
        restart_ms[restart_ms.len() / 2],
        restart_ms[restart_ms.len() - 1]
    );
    Ok(())
}

fn generate(random: &mut Random) -> Vec<Event> {
    (0..EVENTS)
        .map(|_| {
            let account = random.skewed_below(ACCOUNTS) as u32;
            // The next account and not the same one: nobody follows itself.
            let follower = (u64::from(account) + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
            Event { account, follower: follower as u32, follows: random.below(10) > 0 }
        })
        .collect()
}

fn now_ms() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

fn post(client: &Client, events: &[Event], body: usize, start_ms: i64) -> Result<()> {
    let mut lines = String::with_capacity(BODY * 90);
    for (number, event) in events.iter().enumerate().skip(body * BODY).take(BODY) {
        let Event { account, follower, follows } = *event;
        let word = if follows { "follow" } else { "unfollow" };
        // Ten milliseconds apart, so that every event has a time of its own within the last day.
        let at = start_ms + number as i64 * 10;
        writeln!(lines, "{{\"type\":\"{word}\",\"follower\":{follower},\"account\":{account},\"at\":{at}}}")?;
    }
    let (status, answer) =
        client.post("/v1/ingest?platform=load", "application/x-ndjson", lines.as_bytes())?;
    ensure!(status == 200 && answer["refused"] == 0, "an ingest answers {status}: {answer}");
    Ok(())
}

/// What is left open when the server is gone.
struct Open {
    next: usize,
    unanswered: Vec<usize>,
}

/// Sends bodies until the server is killed, which happens at a random moment; returns what was acknowledged.
fn ingest(
    server: Server,
    client: &Client,
    events: &[Event],
    bodies: std::ops::Range<usize>,
    start_ms: i64,
    random: &mut Random,
) -> Result<(Vec<usize>, Open)> {
    let next = AtomicUsize::new(bodies.start);
    let dead = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    let unanswered = Mutex::new(Vec::new());
    // Anywhere in the time that the range takes; a range that is done early waits for its kill.
    let kill_after = bodies.len() as u64 * random.below(1_000) / 1_000;
    let finer = Duration::from_micros(random.below(20_000));
    let mut server = Some(server);
    std::thread::scope(|scope| -> Result<()> {
        let mut senders = Vec::new();
        for _ in 0..CLIENTS {
            senders.push(scope.spawn(|| {
                while !dead.load(Ordering::SeqCst) {
                    let body = next.fetch_add(1, Ordering::SeqCst);
                    if body >= bodies.end {
                        next.fetch_sub(1, Ordering::SeqCst);
                        return Ok(());
                    }
                    let list = match post(client, events, body, start_ms) {
                        Ok(()) => &acknowledged,
                        Err(_) if dead.load(Ordering::SeqCst) => &unanswered,
                        Err(error) => {
                            // The kill may be seen here before the flag is.
                            std::thread::sleep(Duration::from_millis(200));
                            if !dead.load(Ordering::SeqCst) {
                                return Err(error);
                            }
                            &unanswered
                        }
                    };
                    list.lock().map_err(|_| anyhow::anyhow!("a sender failed"))?.push(body);
                }
                Ok(())
            }));
        }
        let deadline = Instant::now() + Duration::from_secs(120);
        while (next.load(Ordering::SeqCst) - bodies.start) < kill_after as usize {
            ensure!(Instant::now() < deadline, "the server takes no more events");
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(finer);
        dead.store(true, Ordering::SeqCst);
        if let Some(server) = &mut server {
            server.running.kill();
        }
        for sender in senders {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        Ok(())
    })?;
    let poisoned = || anyhow::anyhow!("a sender failed");
    let acknowledged = acknowledged.into_inner().map_err(|_| poisoned())?;
    let unanswered = unanswered.into_inner().map_err(|_| poisoned())?;
    Ok((acknowledged, Open { next: next.into_inner(), unanswered }))
}

/// The counts on disk are the model's plus some of the unanswered requests, each whole. Returns how many are absent.
fn compare(store: &Store, model: &Model, events: &[Event], unanswered: &[usize]) -> Result<usize> {
    let counts: BTreeMap<u32, u64> = store
        .counts()?
        .into_iter()
        .map(|(account, count)| Ok((account.parse()?, count)))
        .collect::<Result<_>>()?;
    for there in (0..1_u32 << unanswered.len()).rev() {
        let taken: Vec<usize> = unanswered
            .iter()
            .enumerate()
            .filter(|(n, _)| there >> n & 1 == 1)
            .map(|(_, body)| *body)
            .collect();
        if equal(&counts, model, events, &taken) {
            return Ok(unanswered.len() - taken.len());
        }
    }
    bail!(
        "the counts after a kill are not those of the acknowledged events with any of the unanswered requests"
    )
}

/// Are the counts those of the model with these requests on top?
fn equal(counts: &BTreeMap<u32, u64>, model: &Model, events: &[Event], bodies: &[usize]) -> bool {
    let mut newest: HashMap<(u32, u32), (usize, bool)> = HashMap::new();
    let mut changed: BTreeMap<u32, i64> = BTreeMap::new();
    for number in bodies.iter().flat_map(|body| body * BODY..(body + 1) * BODY) {
        let event = events[number];
        let edge = (event.account, event.follower);
        let old = newest.get(&edge).or_else(|| model.newest.get(&edge)).copied();
        if old.is_some_and(|(newest, _)| newest > number) {
            continue;
        }
        let was = old.is_some_and(|(_, follows)| follows);
        newest.insert(edge, (number, event.follows));
        *changed.entry(event.account).or_default() += i64::from(event.follows) - i64::from(was);
    }
    let expected = |account: &u32| {
        model.counts.get(account).copied().unwrap_or(0) as i64 + changed.get(account).copied().unwrap_or(0)
    };
    let mut accounts: Vec<&u32> = model.counts.keys().chain(changed.keys()).chain(counts.keys()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts.into_iter().all(|account| counts.get(account).copied().unwrap_or(0) as i64 == expected(account))
}

fn link_identities(client: &Client) -> Result<()> {
    for account in 0..NAMED {
        let body = json!({
            "holder": format!("holder-{account}"), "kind": "person", "verified": true,
            "fields": { "legal_name": format!("Fictional Holder {account}") },
        });
        let path = format!("/v1/identities/load/{account}");
        let (status, answer) = client.put(&path, "application/json", body.to_string().as_bytes())?;
        ensure!(status == 200 || status == 201, "the intake of an identity answers {status}: {answer}");
    }
    Ok(())
}

/// Every case by account.
fn listed(client: &Client) -> Result<BTreeMap<String, Value>> {
    let items = client.all("/v1/admin/cases?platform=load&limit=1000")?;
    items
        .into_iter()
        .map(|item| {
            let account = item["account"].to_string();
            Ok((account, item["case"].clone()))
        })
        .collect()
}

/// A case that was seen is still there with the same beginning; it may have gone on, but never back.
fn still_stand(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Result<()> {
    for (account, old) in before {
        let new = after.get(account).with_context(|| format!("the case of account {account} is gone"))?;
        let rounds = (old["round"].as_u64(), new["round"].as_u64());
        ensure!(
            rounds.0 <= rounds.1,
            "the case of account {account} is in an earlier round than before the kill"
        );
        if rounds.0 == rounds.1 {
            ensure!(old["crossed_at"] == new["crossed_at"], "the crossing of account {account} moved");
            let noticed = old["noticed_at"].is_null() || old["noticed_at"] == new["noticed_at"];
            ensure!(noticed, "the notice of account {account} moved");
        }
    }
    Ok(())
}

/// Whatever is shown is due. Returns how many names a verified viewer sees.
fn nothing_early(client: &Client) -> Result<usize> {
    let ask =
        |account: u64| json!({ "account": account.to_string(), "viewer": "verified", "surface": "profile" });
    let items: Vec<Value> = (0..NAMED).map(ask).collect();
    let question = json!({ "platform": "load", "items": items });
    let before = listed(client)?;
    let (status, answer) =
        client.post("/v1/nameplates", "application/json", question.to_string().as_bytes())?;
    ensure!(status == 200, "the batch of nameplates answers {status}: {answer}");
    let after = listed(client)?;
    let mut shown = 0;
    for item in answer["items"].as_array().context("an answer without items")? {
        let fields = item["nameplate"]["fields"].as_array();
        if fields.is_none_or(Vec::is_empty) {
            continue;
        }
        shown += 1;
        let account = item["account"].to_string();
        // A tick may fall between the three answers, so the case may be shown in either list.
        let due = [&before, &after].into_iter().filter_map(|cases| cases.get(&account)).any(|case| {
            let (noticed, due, since) =
                (case["noticed_at"].as_str(), case["due_at"].as_str(), case["since"].as_str());
            case["status"] == "shown" && noticed.is_some() && noticed < due && due <= since
        });
        ensure!(due, "the name of account {account} is shown, and its case is not due");
    }
    Ok(shown)
}
