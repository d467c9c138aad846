//! The accept loop: bounded connections, bounded heads, bounded waits.
//!
//! `axum::serve` sets none of these, so ten thousand clients that send one byte a minute would hold a buffer
//! each for ever. Here a connection that sends no head in time is closed, one that does not read its answer is
//! too, and beyond the connection bound the kernel's queue waits.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, Sleep};

use crate::limits::Limits;

/// Serves `site`, which is always ready, until `shutdown` resolves, then lets running requests finish for
/// `shutdown_grace`.
///
/// # Errors
/// When the listener itself fails for good; a failing connection is never an error.
pub async fn serve<S>(
    listener: TcpListener,
    site: S,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()>
where
    S: tower::Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let connections_max = limits.connections_max.clamp(1, Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(connections_max));
    let (stop, stopping) = watch::channel(false);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // Heads are timed by `Pulse`: a timer armed and cleared for each request is dearer than a look now and then.
        .header_read_timeout(None)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(limits.head_bytes_max.max(64 * 1024))
        // Answers are small: one copy into one buffer is cheaper than a vectored write.
        .writev(false)
        .half_close(false)
        .keep_alive(true);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_about_one_connection(&error) => continue,
            Err(error) => {
                // Out of file descriptors or memory: others may close theirs, so wait instead of spinning.
                tracing::warn!(kind = ?error.kind(), "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let pulse = Arc::new(Pulse::default());
        let service = Timed { site: site.clone(), pulse: Arc::clone(&pulse) };
        let stream = TokioIo::new(Patient::new(stream, limits.write_stall_timeout, Arc::clone(&pulse)));
        let connection = http.serve_connection(stream, service);
        let (patience, stopping) = (limits.head_read_timeout, stopping.clone());
        tokio::spawn(async move {
            run(connection, &pulse, patience, stopping).await;
            drop(slot);
        });
    }
    drop(listener);
    let _ = stop.send(true);
    let all = u32::try_from(connections_max).unwrap_or(u32::MAX);
    if tokio::time::timeout(limits.shutdown_grace, slots.acquire_many(all)).await.is_err() {
        tracing::warn!("connections were still open when the grace period ended");
    }
    Ok(())
}

/// Drives one connection to its end.
async fn run<S>(
    connection: http1::Connection<TokioIo<Patient>, Timed<S>>,
    pulse: &Pulse,
    patience: Duration,
    mut stopping: watch::Receiver<bool>,
) where
    S: tower::Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone,
{
    let mut connection = std::pin::pin!(connection);
    let mut check = std::pin::pin!(tokio::time::sleep(patience));
    let mut stop = std::pin::pin!(async {
        // An error means that `serve` is gone, which is a stop as well.
        let _ = stopping.wait_for(|stop| *stop).await;
    });
    let mut stopped = false;
    let mut beats_seen = 0;
    loop {
        tokio::select! {
            biased;
            closed = connection.as_mut() => {
                // A peer that goes away or talks nonsense is daily business.
                if closed.is_err() {
                    tracing::trace!("a connection ended early");
                }
                return;
            }
            () = check.as_mut() => {
                let beats = pulse.beats.load(Ordering::Relaxed);
                let running = pulse.running.load(Ordering::Relaxed) > 0;
                if beats == beats_seen && !running {
                    tracing::trace!("no head came in time");
                    return;
                }
                beats_seen = beats;
                check.as_mut().reset(Instant::now() + patience);
            }
            () = stop.as_mut(), if !stopped => {
                stopped = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// How a connection's requests go: read by its own task now and then.
///
/// A connection on which nothing beat and no request was running since the look before is closed, so a head has at
/// least `head_read_timeout` and less than twice that.
#[derive(Default)]
struct Pulse {
    /// Heads that were complete and pieces of answers that were taken.
    beats: AtomicU64,
    running: AtomicU64,
}

/// What answers on one connection.
struct Timed<S> {
    site: S,
    pulse: Arc<Pulse>,
}

impl<S> Service<Request<Incoming>> for Timed<S>
where
    S: tower::Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.pulse.beats.fetch_add(1, Ordering::Relaxed);
        self.pulse.running.fetch_add(1, Ordering::Relaxed);
        let answer = self.site.clone().call(request);
        Answering { answer, running: Running(Arc::clone(&self.pulse)) }
    }
}

/// One running request; also when it is given up.
struct Running(Arc<Pulse>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// An answer on its way.
    struct Answering<F> {
        #[pin]
        answer: F,
        running: Running,
    }
}

impl<F: Future> Future for Answering<F> {
    type Output = F::Output;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(context)
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// A stream whose writes may stall only so long.
struct Patient {
    stream: TcpStream,
    patience: Duration,
    pulse: Arc<Pulse>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream, patience: Duration, pulse: Arc<Pulse>) -> Self {
        Self { stream, patience, pulse, stalled: None }
    }

    /// Passes a finished write on; on a stalled one, starts or asks the clock.
    fn watch<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.pulse.beats.fetch_add(1, Ordering::Relaxed);
            self.stalled = None;
            return poll;
        }
        let deadline = Instant::now() + self.patience;
        let sleep = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        match sleep.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
