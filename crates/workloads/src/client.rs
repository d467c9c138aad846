//! Many connections, each sending one request and waiting for its answer before the next.
//!
//! The client shares the machine with the server, so it does as little as it can: requests are written as bytes and
//! answers are only measured, not read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Threads of the client.
const THREADS: usize = 2;
/// Bytes of an answer, most.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How an answer ends and whether it is a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 with a content length; good answers have status 200 and hold these bytes.
    Http(&'static [u8]),
    /// One line of Redis; good answers are numbers.
    Redis,
}

impl Protocol {
    /// Bytes of the first answer in `bytes`, once all of it is there.
    ///
    /// # Errors
    /// When the answer is not a good one.
    fn answer(self, bytes: &[u8]) -> anyhow::Result<Option<usize>> {
        match self {
            Self::Redis => {
                let Some(end) = find(bytes, b"\r\n") else { return Ok(None) };
                if bytes.first() != Some(&b':') {
                    bail!("Redis answers `{}`", shown(bytes));
                }
                Ok(Some(end + 2))
            }
            Self::Http(must) => {
                let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
                let head = bytes.get(..end).unwrap_or_default();
                if !head.starts_with(b"HTTP/1.1 200") {
                    bail!("the server answers `{}`", shown(bytes));
                }
                let length = content_length(head).context("an answer without a content length")?;
                let all = end + 4 + length;
                if bytes.len() < all {
                    return Ok(None);
                }
                if !must.is_empty() && find(bytes, must).is_none() {
                    bail!("the server answers `{}`", shown(bytes));
                }
                Ok(Some(all))
            }
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn content_length(head: &[u8]) -> Option<usize> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        let value = std::str::from_utf8(value).ok()?;
        name.eq_ignore_ascii_case(b"content-length:").then(|| value.trim().parse().ok())?
    })
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..bytes.len().min(400)).unwrap_or_default()).into_owned()
}

/// Answers a second in each of `count` slices of time, over `connections` connections. `request` appends the bytes of
/// the request with this number, and each number is asked for once.
///
/// # Errors
/// When a connection fails or an answer is not a good one.
pub fn requests_a_second(
    address: SocketAddr,
    protocol: Protocol,
    connections: usize,
    (count, slice): (usize, Duration),
    request: impl Fn(&mut Vec<u8>, u64) + Send + Sync + 'static,
) -> anyhow::Result<Vec<f64>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let request = Arc::new(request);
    let next = Arc::new(AtomicU64::new(0));
    let answered = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (request, next) = (Arc::clone(&request), Arc::clone(&next));
            let (answered, stop) = (Arc::clone(&answered), Arc::clone(&stop));
            runtime.spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (mut sent, mut got) = (Vec::with_capacity(1024), Vec::with_capacity(4096));
                while !stop.load(Ordering::Relaxed) {
                    sent.clear();
                    request(&mut sent, next.fetch_add(1, Ordering::Relaxed));
                    stream.write_all(&sent).await?;
                    got.clear();
                    while protocol.answer(&got)?.is_none() {
                        if got.len() > ANSWER_BYTES_MAX || stream.read_buf(&mut got).await? == 0 {
                            bail!("the server ended a connection");
                        }
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        })
        .collect();
    // The first slice warms up and does not count.
    let mut rates = Vec::with_capacity(count);
    for nth in 0..=count {
        let (started, before) = (Instant::now(), answered.load(Ordering::Relaxed));
        std::thread::sleep(slice);
        let done = answered.load(Ordering::Relaxed) - before;
        if nth > 0 {
            rates.push(done as f64 / started.elapsed().as_secs_f64());
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        runtime.block_on(task)??;
    }
    Ok(rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_not_yet() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\ncontent-length: 3\r\n\r\nabc";
        for cut in 0..text.len() {
            assert_eq!(Protocol::Http(b"abc").answer(&text[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(Protocol::Http(b"abc").answer(text).unwrap(), Some(text.len()));
        assert!(Protocol::Http(b"other").answer(text).is_err());
        assert!(Protocol::Http(b"").answer(b"HTTP/1.1 503 No\r\n\r\n").is_err());
        assert_eq!(Protocol::Redis.answer(b":1\r\n").unwrap(), Some(4));
        assert_eq!(Protocol::Redis.answer(b":1").unwrap(), None);
        assert!(Protocol::Redis.answer(b"-ERR no\r\n").is_err());
    }
}
