//! Counters of requests by route, and gauges of the state, as Prometheus text on their own port.
//!
//! Labels are route templates and status classes: no ids, so the number of series is bounded by the API itself.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::app::AppState;

/// Upper bounds of the latency buckets in microseconds; the last one is open.
const BUCKETS_US: [u64; 10] = [100, 250, 500, 1_000, 2_500, 10_000, 50_000, 250_000, 1_000_000, 5_000_000];
/// Route of requests that fit none.
const NONE: &str = "none";

#[derive(Default)]
struct Route {
    // By status class: 1xx to 5xx.
    classes: [AtomicU64; 5],
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
    micros: AtomicU64,
}

/// Counters of this server.
#[derive(Default)]
pub(crate) struct Metrics {
    routes: OnceLock<HashMap<String, Route, foldhash::fast::RandomState>>,
    pub(crate) events: AtomicU64,
    pub(crate) reveals: AtomicU64,
}

impl Metrics {
    /// Names the routes once, so that counting needs no lock.
    pub(crate) fn name_routes(&self, routes: impl Iterator<Item = String>) {
        let _ =
            self.routes.set(routes.chain([NONE.to_owned()]).map(|route| (route, Route::default())).collect());
    }

    pub(crate) fn count(&self, route: Option<&str>, status: u16, took: Duration) {
        let Some(routes) = self.routes.get() else { return };
        let Some(route) = route.and_then(|route| routes.get(route)).or_else(|| routes.get(NONE)) else {
            return;
        };
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|bound| *bound < micros);
        for counter in [route.classes.get(class), route.buckets.get(bucket)].into_iter().flatten() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        route.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, out: &mut String) {
        let Some(routes) = self.routes.get() else { return };
        let mut routes: Vec<_> = routes.iter().collect();
        routes.sort_unstable_by_key(|(name, _)| *name);
        let _ = writeln!(out, "# TYPE nameplate_http_requests_total counter");
        for (name, route) in &routes {
            for (class, counter) in route.classes.iter().enumerate() {
                let value = counter.load(Ordering::Relaxed);
                if value > 0 {
                    let class = class + 1;
                    let _ = writeln!(
                        out,
                        "nameplate_http_requests_total{{route=\"{name}\",status=\"{class}xx\"}} {value}"
                    );
                }
            }
        }
        let _ = writeln!(out, "# TYPE nameplate_http_request_seconds histogram");
        for (name, route) in &routes {
            let mut sum = 0;
            for (index, bucket) in route.buckets.iter().enumerate() {
                sum += bucket.load(Ordering::Relaxed);
                if sum == 0 {
                    continue;
                }
                let bound = match BUCKETS_US.get(index) {
                    Some(micros) => seconds(*micros),
                    None => "+Inf".to_owned(),
                };
                let _ = writeln!(
                    out,
                    "nameplate_http_request_seconds_bucket{{route=\"{name}\",le=\"{bound}\"}} {sum}"
                );
            }
            if sum > 0 {
                let total = seconds(route.micros.load(Ordering::Relaxed));
                let _ = writeln!(out, "nameplate_http_request_seconds_sum{{route=\"{name}\"}} {total}");
                let _ = writeln!(out, "nameplate_http_request_seconds_count{{route=\"{name}\"}} {sum}");
            }
        }
    }
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The router of the metrics port: `GET /metrics`.
pub fn metrics_router(app: AppState) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(app)
}

async fn metrics(State(app): State<AppState>) -> impl IntoResponse {
    let mut out = String::with_capacity(16 * 1024);
    app.metrics.write(&mut out);
    let mut write = |name: &str, kind: &str, value: u64| {
        let _ = writeln!(out, "# TYPE {name} {kind}\n{name} {value}");
    };
    let reader = app.reader();
    write("nameplate_position", "gauge", reader.applied());
    write("nameplate_commands_queued_bytes", "gauge", app.handle.queued_bytes() as u64);
    write("nameplate_writes_stopped", "gauge", u64::from(app.handle.stopped().is_some()));
    write("nameplate_ingest_lines_total", "counter", app.metrics.events.load(Ordering::Relaxed));
    write("nameplate_fields_revealed_total", "counter", app.metrics.reveals.load(Ordering::Relaxed));
    let (mut accounts, mut moved, mut dead_letters, mut dead_letters_dropped) = (0, 0, 0, 0);
    let (mut accepted, mut duplicate, mut stale, mut too_old, mut refused) = (0, 0, 0, 0, 0);
    let (mut webhooks, mut webhook_retries, mut webhooks_gone) = (0, 0, 0);
    for id in reader.platforms() {
        if let Some(platform) = reader.platform(&id) {
            for webhook in platform.webhooks().values() {
                webhooks += 1;
                webhook_retries += webhook.retries.len() as u64;
                webhooks_gone += u64::from(webhook.gone);
            }
            let counts = platform.counts();
            accounts += counts.accounts;
            moved += counts.moved;
            dead_letters += counts.dead_letters;
            dead_letters_dropped += counts.dead_letters_dropped;
            accepted += counts.events_accepted;
            duplicate += counts.events_duplicate;
            stale += counts.events_stale;
            too_old += counts.events_too_old;
            refused += counts.events_refused;
        }
    }
    write("nameplate_follower_count_drift", "gauge", app.recounts.drift());
    write("nameplate_dead_letters", "gauge", dead_letters);
    write("nameplate_dead_letters_dropped_total", "counter", dead_letters_dropped);
    let messages = app.courier.totals();
    write("nameplate_webhooks", "gauge", webhooks);
    write("nameplate_webhooks_gone", "gauge", webhooks_gone);
    write("nameplate_webhook_retries", "gauge", webhook_retries);
    write(
        "nameplate_webhook_messages_delivered_total",
        "counter",
        messages.delivered.load(Ordering::Relaxed),
    );
    write("nameplate_webhook_attempts_failed_total", "counter", messages.failed.load(Ordering::Relaxed));
    write("nameplate_webhook_messages_given_up_total", "counter", messages.given_up.load(Ordering::Relaxed));
    write("nameplate_accounts", "gauge", accounts);
    write("nameplate_accounts_moved", "gauge", moved);
    write("nameplate_events_accepted_total", "counter", accepted);
    write("nameplate_events_duplicate_total", "counter", duplicate);
    write("nameplate_events_stale_total", "counter", stale);
    write("nameplate_events_too_old_total", "counter", too_old);
    write("nameplate_events_refused_total", "counter", refused);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out)
}
