//! Sends every endpoint what it asked for, and records how far each is.
//!
//! An endpoint that fails holds up nobody else. Time is the machine's and not the log's: receivers refuse a message whose
//! timestamp is not now, and a pause is a pause whatever day the log is at.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use pipeline::Handle;
use serde_json::json;
use serde_json::value::RawValue;
use state::{Code, Command, Effect, EffectId, Millis, PlatformId, Webhook, WebhookKey, moment};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::guard::Guard;
use super::keys::Keys;
use super::post::{Answer, Failure, Post, Signed};
use super::progress::Progress;
use super::schedule::{self, Next};
use super::sign::{Keypair, signatures};

/// Messages under way to one endpoint at once.
const UNDER_WAY_MAX: usize = 32;
/// Effects read from the feed at once.
const READ_MAX: usize = 256;
/// Attempts kept for whoever asks, per endpoint.
const ATTEMPTS_KEPT: usize = 100;
/// What was delivered is recorded after so many messages, or after this time.
const RECORD_AFTER: usize = 4_096;
const RECORD_WITHIN: Duration = Duration::from_secs(1);
/// That nothing was of interest is recorded less often.
const PASSED_WITHIN: Duration = Duration::from_secs(60);
/// Wait for more to happen before looking again.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it is looked whether there are other endpoints.
const ENDPOINTS_EVERY: Duration = Duration::from_millis(250);
/// Wait before trying again what has no schedule.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// What is under way gets this long when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// An effect as JSON, without a name in it: what a message carries.
pub type Message = Arc<dyn Fn(&Effect) -> Box<RawValue> + Send + Sync>;

/// One attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The message: an effect's position and index, or a word.
    pub message: String,
    /// The kind of effect, `missed` or `ping`.
    pub kind: &'static str,
    /// Which one it was, from 1.
    pub number: u32,
    /// When it ended, by the machine's clock.
    pub at: Millis,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub answer: Answer,
    /// When the next one is due, if there is one.
    pub next_at: Option<Millis>,
}

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Totals {
    /// Messages delivered.
    pub delivered: AtomicU64,
    /// Attempts that failed.
    pub failed: AtomicU64,
    /// Messages given up.
    pub given_up: AtomicU64,
}

/// Sends messages.
pub struct Courier {
    guard: Arc<Guard>,
    keys: Arc<dyn Keys>,
    post: Post,
    attempts: Mutex<BTreeMap<(PlatformId, Code), VecDeque<Attempt>>>,
    totals: Totals,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Courier {
    /// Connects to what `guard` allows, and signs with `keys`.
    #[must_use]
    pub fn new(guard: Guard, keys: Arc<dyn Keys>) -> Self {
        let guard = Arc::new(guard);
        Self {
            post: Post::new(Arc::clone(&guard)),
            guard,
            keys,
            attempts: Mutex::default(),
            totals: Totals::default(),
        }
    }

    /// What may be connected to.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Where keys are made and destroyed.
    #[must_use]
    pub fn keys(&self) -> &Arc<dyn Keys> {
        &self.keys
    }

    /// Counters since the start.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The latest attempts at an endpoint, newest first, and whether these are all since the start.
    #[must_use]
    pub fn attempts(&self, platform: &PlatformId, webhook: &Code) -> (Vec<Attempt>, bool) {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = attempts.get(&(platform.clone(), webhook.clone()));
        let kept: Vec<_> = kept.into_iter().flatten().rev().cloned().collect();
        let all = kept.len() < ATTEMPTS_KEPT;
        (kept, all)
    }

    /// Sends a message that says nothing, once, and gives what came of it.
    ///
    /// # Errors
    /// When the endpoint's keys cannot be opened.
    pub async fn ping(&self, platform: &PlatformId, webhook: &Webhook) -> Result<Attempt, vault::Error> {
        let now = now();
        let keys = self.open(platform, webhook, now)?;
        let id = format!("ping-{}", now.0);
        let data = json!({ "webhook": webhook.id.as_str() });
        let body = envelope("ping", now, platform, &data);
        let started = Instant::now();
        let answer = self.send(webhook.url.as_str(), &id, &keys, body).await;
        let took = started.elapsed();
        let attempt =
            Attempt { message: id, kind: "ping", number: 1, at: self::now(), took, answer, next_at: None };
        self.keep(platform, &webhook.id, attempt.clone());
        Ok(attempt)
    }

    /// Sends until `stop` says so; what is under way then gets a moment, and how far everything is gets recorded.
    pub async fn run(self: Arc<Self>, handle: Handle, message: Message, mut stop: watch::Receiver<bool>) {
        let mut applied = handle.watch_applied();
        let mut errands: HashMap<(PlatformId, Code), JoinHandle<()>> = HashMap::new();
        loop {
            let reader = handle.reader();
            for platform in reader.platforms() {
                let webhooks = reader.platform(&platform).map(|read| read.webhooks());
                for id in webhooks.iter().flat_map(|webhooks| webhooks.keys()) {
                    let key = (platform.clone(), id.clone());
                    if errands.get(&key).is_some_and(|errand| !errand.is_finished()) {
                        continue;
                    }
                    let errand = Errand {
                        courier: Arc::clone(&self),
                        handle: handle.clone(),
                        message: Arc::clone(&message),
                        platform: platform.clone(),
                        id: id.clone(),
                    };
                    errands.insert(key, tokio::spawn(errand.run(stop.clone())));
                }
            }
            errands.retain(|_, errand| !errand.is_finished());
            let pause = tokio::time::sleep(ENDPOINTS_EVERY);
            let more = async {
                pause.await;
                applied.changed().await
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                // No more will come.
                more = more => if more.is_err() { break },
            }
        }
        for errand in errands.into_values() {
            // One that ended with a broken promise has said so.
            let _ = errand.await;
        }
    }

    fn open(
        &self,
        platform: &PlatformId,
        webhook: &Webhook,
        now: Millis,
    ) -> Result<Arc<Vec<Keypair>>, vault::Error> {
        let mut keys = Vec::new();
        for key in valid(&webhook.keys, now) {
            keys.extend(self.keys.open(platform, &webhook.id, key)?);
        }
        Ok(Arc::new(keys))
    }

    async fn send(&self, url: &str, id: &str, keys: &[Keypair], body: Bytes) -> Answer {
        let Ok(url) = self.guard.url(url) else {
            return Answer::Failed(Failure::NoAnswer("address_not_allowed"));
        };
        let at_seconds = now().0.div_euclid(1_000);
        let signatures = signatures(id, at_seconds, &body, keys);
        self.post.send(&url, Signed { id, at_seconds, signatures: &signatures, body }).await
    }

    fn keep(&self, platform: &PlatformId, webhook: &Code, attempt: Attempt) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = attempts.entry((platform.clone(), webhook.clone())).or_default();
        if kept.len() == ATTEMPTS_KEPT {
            kept.pop_front();
        }
        kept.push_back(attempt);
    }
}

/// One endpoint.
struct Errand {
    courier: Arc<Courier>,
    handle: Handle,
    message: Message,
    platform: PlatformId,
    id: Code,
}

/// A message that was sent.
struct Sent {
    id: EffectId,
    kind: &'static str,
    number: u32,
    took: Duration,
    answer: Answer,
}

/// What an endpoint's messages are sent with.
struct Means {
    url: Arc<str>,
    keys: Arc<Vec<Keypair>>,
    /// The numbers of those keys.
    numbers: Vec<u32>,
}

impl Errand {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut applied = self.handle.watch_applied();
        let mut under_way = JoinSet::new();
        let mut progress: Option<Progress> = None;
        let mut means: Option<Means> = None;
        let mut ahead: VecDeque<Effect> = VecDeque::new();
        let mut recorded_at = Instant::now();
        while let Some(webhook) = self.webhook() {
            // At the start, and when somebody else changed how far it is: what is under way is sent again then.
            if progress.as_ref().is_none_or(|progress| progress.recorded() != webhook.through) {
                under_way.abort_all();
                under_way = JoinSet::new();
                ahead.clear();
                progress = Some(Progress::of(&webhook));
            }
            let Some(progress) = &mut progress else { return };
            if !self.prepare(&webhook, &mut means) {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = tokio::time::sleep(TRY_AGAIN) => continue,
                }
            }
            let Some(means) = &means else { return };
            if !webhook.gone {
                let more = self.begin_more(&webhook, means, progress, &mut ahead, &mut under_way).await;
                if !more {
                    // The endpoint was not told yet that it missed something.
                    tokio::select! {
                        _ = stop.wait_for(|stop| *stop) => return,
                        () = tokio::time::sleep(TRY_AGAIN) => continue,
                    }
                }
            }
            let idle = async {
                tokio::time::sleep(wait(progress, recorded_at)).await;
                true
            };
            let full = progress.under_way() >= UNDER_WAY_MAX;
            let news = async {
                tokio::time::sleep(LOOK_EVERY).await;
                applied.changed().await.is_ok()
            };
            let goes_on = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => false,
                Some(sent) = under_way.join_next() => {
                    // One that was stopped or broke its promise stays open, and is sent again after the next start.
                    if let Ok(sent) = sent {
                        self.over(sent, progress);
                    }
                    true
                }
                goes_on = idle => goes_on,
                goes_on = news, if !full => goes_on,
            };
            if !goes_on {
                let rest = async {
                    while let Some(sent) = under_way.join_next().await {
                        sent.into_iter().for_each(|sent| self.over(sent, progress));
                    }
                };
                let _ = tokio::time::timeout(STOP_WITHIN, rest).await;
                self.record(progress).await;
                return;
            }
            let within = if progress.changes() > 0 { RECORD_WITHIN } else { PASSED_WITHIN };
            let something = progress.changes() > 0 || progress.through() != progress.recorded();
            if something && (recorded_at.elapsed() >= within || progress.changes() >= RECORD_AFTER) {
                self.record(progress).await;
                recorded_at = Instant::now();
            }
        }
    }

    fn webhook(&self) -> Option<Arc<Webhook>> {
        let platform = self.handle.reader().platform(&self.platform)?;
        platform.webhooks().get(&self.id).cloned()
    }

    /// The keys and the address as they are now; false when the keys cannot be had.
    fn prepare(&self, webhook: &Webhook, means: &mut Option<Means>) -> bool {
        let now = now();
        let numbers: Vec<u32> = valid(&webhook.keys, now).map(|key| key.number).collect();
        if let Some(means) = means
            && means.numbers == numbers
        {
            if *means.url != *webhook.url.as_str() {
                means.url = webhook.url.as_str().into();
            }
            return true;
        }
        match self.courier.open(&self.platform, webhook, now) {
            Ok(keys) if !keys.is_empty() => {
                *means = Some(Means { url: webhook.url.as_str().into(), keys, numbers });
                true
            }
            Ok(_) => {
                tracing::error!(webhook = %self.id, "the vault has no keys of this webhook; rotate them");
                false
            }
            Err(error) => {
                tracing::error!(webhook = %self.id, %error, "the keys of this webhook do not open");
                false
            }
        }
    }

    /// Sends what is due as far as there is room. False while the endpoint does not take the word that it missed
    /// something, which comes before everything after it.
    async fn begin_more(
        &self,
        webhook: &Webhook,
        means: &Means,
        progress: &mut Progress,
        ahead: &mut VecDeque<Effect>,
        under_way: &mut JoinSet<Sent>,
    ) -> bool {
        let now = now();
        let retries_max = state::Limits::default().retries_max as usize;
        while progress.under_way() < UNDER_WAY_MAX {
            if let Some((id, attempts)) = progress.begin_due(now) {
                match self.handle.effect(id) {
                    Some(effect) => self.post(&effect, attempts + 1, means, under_way),
                    None => {
                        self.courier.totals.given_up.fetch_add(1, Ordering::Relaxed);
                        progress.give_up(id);
                    }
                }
                continue;
            }
            if progress.failed() + progress.under_way() >= retries_max {
                break;
            }
            if ahead.is_empty() {
                let page = self.handle.effects_after(Some(progress.read()), READ_MAX);
                if page.missed && !self.tell_missed(means, progress.read()).await {
                    return false;
                }
                ahead.extend(page.effects);
            }
            let Some(effect) = ahead.pop_front() else { break };
            if effect.platform == self.platform && webhook.wants(effect.kind.as_str()) {
                progress.begin(effect.id);
                self.post(&effect, 1, means, under_way);
            } else {
                progress.passed(effect.id);
            }
        }
        true
    }

    fn post(&self, effect: &Effect, number: u32, means: &Means, under_way: &mut JoinSet<Sent>) {
        let kind = effect.kind.as_str();
        let (id, at) = (effect.id, effect.at);
        let data = (self.message)(effect);
        let body = envelope(kind, at, &self.platform, &data);
        let (courier, url, keys) =
            (Arc::clone(&self.courier), Arc::clone(&means.url), Arc::clone(&means.keys));
        under_way.spawn(async move {
            let started = Instant::now();
            let answer = courier.send(&url, &name(id), &keys, body).await;
            Sent { id, kind, number, took: started.elapsed(), answer }
        });
    }

    /// Says that effects after `after` were let go before they could be sent.
    async fn tell_missed(&self, means: &Means, after: EffectId) -> bool {
        let now = now();
        let id = format!("missed-{}", name(after));
        let body = envelope("missed", now, &self.platform, &json!({ "after": name(after) }));
        let started = Instant::now();
        let answer = self.courier.send(&means.url, &id, &means.keys, body).await;
        let taken = matches!(answer, Answer::Taken { .. } | Answer::Gone);
        let took = started.elapsed();
        let attempt =
            Attempt { message: id, kind: "missed", number: 1, at: self::now(), took, answer, next_at: None };
        self.courier.keep(&self.platform, &self.id, attempt);
        taken
    }

    fn over(&self, sent: Sent, progress: &mut Progress) {
        let now = now();
        let next = schedule::after(sent.number, &sent.answer, random());
        let totals = &self.courier.totals;
        match next {
            Next::Done => &totals.delivered,
            Next::Again(_) | Next::Gone => &totals.failed,
            Next::GiveUp => &totals.given_up,
        }
        .fetch_add(1, Ordering::Relaxed);
        progress.over(sent.id, sent.number, next, now);
        let next_at = match next {
            Next::Again(pause) => i64::try_from(pause.as_millis()).ok().map(|pause| Millis(now.0 + pause)),
            _ => None,
        };
        let Sent { id, kind, number, took, answer } = sent;
        let attempt = Attempt { message: name(id), kind, number, at: now, took, answer, next_at };
        self.courier.keep(&self.platform, &self.id, attempt);
    }

    /// Has it logged how far the endpoint is. When that fails it is tried again, and when it is refused somebody else
    /// changed the endpoint, which is seen in the state.
    async fn record(&self, progress: &mut Progress) {
        if progress.changes() == 0 && progress.through() == progress.recorded() {
            return;
        }
        let record = progress.record(&self.platform, &self.id);
        let through = record.through;
        let Ok(ticket) = self.handle.submit_within(TRY_AGAIN, Command::RecordDeliveries(record)).await else {
            return;
        };
        if let Ok(outcome) = ticket.await
            && outcome.result.is_ok()
        {
            progress.was_recorded(through);
        }
    }
}

/// Until there is something to do though nothing happens: a retry, or something to record.
fn wait(progress: &Progress, recorded_at: Instant) -> Duration {
    let due = progress.next_due().map(|due| due.0.saturating_sub(now().0).max(0).cast_unsigned());
    let due = due.map_or(PASSED_WITHIN, Duration::from_millis).max(LOOK_EVERY);
    let record = if progress.changes() > 0 { RECORD_WITHIN } else { PASSED_WITHIN };
    due.min(record.saturating_sub(recorded_at.elapsed()).max(LOOK_EVERY))
}

/// The keys that a message is signed with now.
fn valid(keys: &[WebhookKey], now: Millis) -> impl Iterator<Item = &WebhookKey> {
    keys.iter().filter(move |key| key.retires.is_none_or(|retires| now < retires))
}

/// `{"type":…,"timestamp":…,"platform":…,"data":…}`
fn envelope(kind: &str, at: Millis, platform: &PlatformId, data: &impl serde::Serialize) -> Bytes {
    #[derive(serde::Serialize)]
    struct Envelope<'a, T> {
        r#type: &'a str,
        timestamp: String,
        platform: &'a str,
        data: &'a T,
    }
    let envelope = Envelope { r#type: kind, timestamp: moment(at), platform: platform.as_str(), data };
    #[expect(clippy::expect_used, reason = "texts and raw JSON have a JSON form")]
    serde_json::to_vec(&envelope).expect("texts and raw JSON").into()
}

/// As in the feed of effects.
fn name(id: EffectId) -> String {
    format!("{}-{}", id.position, id.index)
}

/// Now, by the machine's clock: what messages are stamped with, and keys retire by.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Spreads retries. Without randomness they are not spread, and nothing else is lost.
fn random() -> u32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_or(0, |()| u32::from_le_bytes(bytes))
}
