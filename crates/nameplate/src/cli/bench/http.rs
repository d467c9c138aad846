//! `stream_10k_http`, `single_http`: the same events over HTTP, from a client on the same cores.
//!
//! The server is `nameplate serve` in a process of its own. What a single event costs is compared with a server of the
//! same framework that reads the same request and answers with the same bytes, and does nothing else. Beside rates stands
//! the processor time that the server spent: on a machine that others use as well, it says more than a rate does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use pipeline::Clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use workloads::{Graph, Protocol, external, process_seconds, requests_a_second};

use super::row::Row;
use super::stream::median;
use super::{Closed, Plan};

const BODY_EVENTS: u64 = 10_000;
const SENDERS: usize = 4;
const CONNECTIONS: usize = 64;
/// Turns of a slice: what else the machine does changes within a second.
const TURNS_A_SLICE: u32 = 4;
/// Every answer must say that nothing was refused.
const NOTHING_REFUSED: Protocol = Protocol::Http(b"\"refused\":0");

/// A server in a process of its own, killed when this goes.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    token: String,
    folder: PathBuf,
}

impl Server {
    /// `nameplate serve` on the store.
    pub(crate) fn start(store: &Closed) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(&store.folder)
            .env("NAMEPLATE__LOGGING__FILTER", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("the server has no standard output")?);
        let mut text = String::new();
        // The report may be spread over lines; it is complete when it parses.
        let report: Value = loop {
            ensure!(lines.read_line(&mut text)? > 0, "the server ended before it answered");
            if let Ok(report) = serde_json::from_str(&text) {
                break report;
            }
        };
        let url = report["url"].as_str().context("the server printed no address")?;
        let address = url.trim_start_matches("http://").parse()?;
        Ok(Self { child, address, token: store.token.clone(), folder: store.folder.clone() })
    }

    /// Asks it to stop and waits until it has saved its snapshot.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.context("the server has no process id")?, Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both can only fail when it has gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Appends an ingest of `events` events, the first of them at place `first` of the stream.
fn request(out: &mut Vec<u8>, token: &str, graph: &Graph, first: u64, events: u64) {
    let mut body = Vec::with_capacity(events as usize * 80);
    let now = Clock::System.now_ms().unsigned_abs();
    for nth in first..first + events {
        let edge = graph.stream(nth);
        body.extend_from_slice(b"{\"type\":\"follow\",\"follower\":");
        number(&mut body, u64::from(external(edge.follower)));
        body.extend_from_slice(b",\"account\":");
        number(&mut body, u64::from(external(edge.followee)));
        body.extend_from_slice(b",\"at\":");
        number(&mut body, now);
        body.extend_from_slice(b"}\n");
    }
    out.extend_from_slice(
        b"POST /v1/ingest?platform=bench HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ",
    );
    out.extend_from_slice(token.as_bytes());
    out.extend_from_slice(b"\r\ncontent-type: application/x-ndjson\r\ncontent-length: ");
    number(out, body.len() as u64);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(&body);
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + (number % 10) as u8;
        }
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Requests a second of so many events each; takes them from the stream.
fn ingest(
    (address, token): (SocketAddr, &str),
    graph: &Arc<Graph>,
    next: &Arc<AtomicU64>,
    (connections, events): (usize, u64),
    (slices, slice): (usize, Duration),
) -> anyhow::Result<Vec<f64>> {
    let (graph, next, token) = (Arc::clone(graph), Arc::clone(next), token.to_owned());
    requests_a_second(address, NOTHING_REFUSED, connections, (slices, slice), move |out, _| {
        let first = next.fetch_add(events, Ordering::Relaxed);
        request(out, &token, &graph, first, events);
    })
}

/// `stream_10k_http`.
pub(crate) fn stream(
    server: &Server,
    graph: &Arc<Graph>,
    next: &Arc<AtomicU64>,
    plan: &Plan,
) -> anyhow::Result<Vec<Row>> {
    let slices = (plan.slices, plan.slice * 2);
    let to = (server.address, server.token.as_str());
    let mut spent = Spent::default();
    let mut rates =
        spent.of(server.child.id(), next, || ingest(to, graph, next, (SENDERS, BODY_EVENTS), slices))?;
    Ok(vec![
        Row::more(median(&mut rates) * BODY_EVENTS as f64, "events/s"),
        Row::less(spent.us(), "us of the server's processors, an event"),
    ])
}

/// `single_http`: in short turns with the bare server, so that whatever else the machine does falls on both.
pub(crate) fn single(
    server: &Server,
    graph: &Arc<Graph>,
    next: &Arc<AtomicU64>,
    plan: &Plan,
) -> anyhow::Result<Vec<Row>> {
    let answer = server.folder.with_extension("answer");
    std::fs::write(&answer, one_answer(server, graph, next)?)?;
    let mut bare = Command::new(std::env::current_exe()?)
        .args(["bench", "--role", "bare-reply", "--on"])
        .arg(&answer)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let rows = in_turns(server, &mut bare, graph, next, plan);
    // Both can only fail when it has gone already.
    let _ = bare.kill();
    let _ = bare.wait();
    rows
}

fn in_turns(
    server: &Server,
    bare: &mut Child,
    graph: &Arc<Graph>,
    next: &Arc<AtomicU64>,
    plan: &Plan,
) -> anyhow::Result<Vec<Row>> {
    let mut address = String::new();
    let stdout = bare.stdout.take().context("the bare server has no standard output")?;
    BufReader::new(stdout).read_line(&mut address)?;
    let token = server.token.as_str();
    let bare_to = (address.trim().parse()?, token);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut our_time, mut their_time) = (Spent::default(), Spent::default());
    let unused = Arc::new(AtomicU64::new(0));
    let turn = (1, plan.slice / TURNS_A_SLICE);
    for _ in 0..plan.slices * TURNS_A_SLICE as usize {
        let to = (server.address, token);
        ours.extend(
            our_time.of(server.child.id(), next, || ingest(to, graph, next, (CONNECTIONS, 1), turn))?,
        );
        theirs.extend(
            their_time.of(bare.id(), &unused, || ingest(bare_to, graph, &unused, (CONNECTIONS, 1), turn))?,
        );
    }
    let mut rate = Row::more(median(&mut ours), "requests/s");
    rate.peers.push(("bare reply".into(), median(&mut theirs)));
    let mut time = Row::less(our_time.us(), "us of the server's processors, a request");
    time.peers.push(("bare reply".into(), their_time.us()));
    Ok(vec![rate, time])
}

/// Processor time of a server, and on how many events it was spent.
#[derive(Default)]
struct Spent {
    seconds: f64,
    events: u64,
}

impl Spent {
    /// Adds what the process spends while `work` takes events by `next`.
    fn of<T>(
        &mut self,
        process: u32,
        next: &AtomicU64,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let look = || process_seconds(process).context("the server has ended");
        let (seconds, events) = (look()?, next.load(Ordering::Relaxed));
        let done = work()?;
        self.seconds += look()? - seconds;
        self.events += next.load(Ordering::Relaxed) - events;
        Ok(done)
    }

    /// Microseconds an event.
    fn us(&self) -> f64 {
        self.seconds * 1e6 / self.events.max(1) as f64
    }
}

/// The body of an answer to one event.
fn one_answer(server: &Server, graph: &Graph, next: &AtomicU64) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    request(&mut text, &server.token, graph, next.fetch_add(1, Ordering::Relaxed), 1);
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(&text)?;
    let mut got = Vec::new();
    let mut part = [0; 4096];
    while !got.ends_with(b"}") {
        let read = stream.read(&mut part).context("the server gave no answer to one event")?;
        ensure!(read > 0, "the server ended the connection");
        got.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    let head = got.windows(4).position(|window| window == b"\r\n\r\n").context("an answer without a head")?;
    Ok(got.split_off(head + 4))
}

/// The bare server: reads the request, answers with the file's bytes. Prints its address first.
pub(crate) fn serve_bare(file: &Path) -> anyhow::Result<()> {
    let bytes = Bytes::from(std::fs::read(file)?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    crate::cli::out(|stdout| writeln!(stdout, "{address}"))?;
    let answer = move |_: Bytes| async move { ([(CONTENT_TYPE, "application/json")], bytes.clone()) };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, Router::new().fallback(answer)).await?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_decimals() {
        for value in [0, 7, 10, 4_294_967_295, u64::MAX] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
