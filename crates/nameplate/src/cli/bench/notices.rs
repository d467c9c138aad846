//! `notices`: 100,000 notices fall due at one tick and are posted, signed, to an endpoint on the same machine.
//!
//! The clock runs from the tick until the endpoint has had each message and the log says so.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use connectors::webhooks::{Courier, Guard, Keys};
use state::commands::{ActivatePack, NewWebhookKey, SetWebhook};
use state::{Actor, Code, Command, Op, WebhookUrl};
use tokio::sync::watch;
use workloads::external;

use super::Plan;
use super::row::Row;
use super::store::{Bed, Feed, pack};
use crate::cli::submit;

const NOTICES: u32 = 100_000;
/// Longer than this and the figure is of no use.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the work.
pub(crate) fn leave(folder: &Path, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let notices = NOTICES / plan.by;
    let bed = Bed::make(folder)?;
    let handle = bed.handle();
    let pack = pack(Some(1));
    let activate = ActivatePack {
        platform: bed.platform.clone(),
        bundle: pack.encode(),
        choices: BTreeMap::new(),
        by: Actor::System,
    };
    submit(&handle, Command::ActivatePack(activate))?;
    let mut feed = Feed::new(&bed, "filling a store", u64::from(notices));
    for account in 0..notices {
        feed.push(Op::Backfill, external(account), external(notices), 0)?;
    }
    feed.finish()?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let heard = Heard::default();
    let address = runtime.block_on(listen(heard.clone()))?;
    let id = Code::new("bench")?;
    let (keypair, commitment) = bed.store.vault.make(&bed.platform, &id, 1)?;
    let key = NewWebhookKey { number: 1, commitment, public: keypair.public().0, former_until: None };
    let set = SetWebhook {
        platform: bed.platform.clone(),
        id: id.clone(),
        url: WebhookUrl::new(&format!("http://{address}/"))?,
        kinds: vec![Code::new("notice_due")?],
        key: Some(Box::new(key)),
        by: Actor::System,
    };
    submit(&handle, Command::SetWebhook(set))?;
    let guard = Guard { networks: vec!["127.0.0.0/8".parse()?], plain_http: true };
    let courier = Arc::new(Courier::new(guard, bed.store.vault.clone()));
    let (stop, stopping) = watch::channel(false);
    let errands = runtime.spawn(courier.run(handle.clone(), web::webhook_message(), stopping));

    let started = Instant::now();
    submit(&handle, Command::Tick)?;
    loop {
        let webhooks = bed.read()?.webhooks();
        let delivered = webhooks.get(&id).context("the webhook is gone")?.delivered;
        if delivered >= u64::from(notices) {
            break;
        }
        ensure!(started.elapsed() < PATIENCE, "{delivered} of {notices} notices have left");
        std::thread::sleep(Duration::from_millis(5));
    }
    let seconds = started.elapsed().as_secs_f64();
    stop.send(true)?;
    runtime.block_on(errands)?;
    let distinct = heard.0.lock().unwrap_or_else(PoisonError::into_inner).len();
    ensure!(distinct == notices as usize, "the endpoint had {distinct} messages of {notices}");
    bed.store.pipeline.close();
    std::fs::remove_dir_all(folder)?;
    Ok(vec![
        Row::less(seconds * f64::from(plan.by), "s, 100,000 due notices to an endpoint"),
        Row::more(f64::from(notices) / seconds, "messages/s"),
    ])
}

/// Ids that the endpoint has had.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<HashSet<String>>>);

async fn listen(heard: Heard) -> anyhow::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(hear).with_state(heard);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn hear(State(heard): State<Heard>, headers: HeaderMap) -> StatusCode {
    let Some(id) = headers.get("webhook-id").and_then(|id| id.to_str().ok()) else {
        return StatusCode::BAD_REQUEST;
    };
    heard.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    StatusCode::NO_CONTENT
}
