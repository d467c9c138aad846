//! The HTTP side of a running store: one runtime, one listener, a way to stop.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use connectors::webhooks::{Courier, Guard, Keys};
use pipeline::Clock;
use policy::Bundle;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::wiring::{self, Store};
use crate::{config, regions};

/// Takes the address; a port of 127.0.0.1 that is in use gives way to a free one.
///
/// # Errors
/// When the address cannot be had.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && address.ip().is_loopback() => {
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).context("no free port on 127.0.0.1")
        }
        bound => bound
            .with_context(|| format!("cannot listen on `{address}`; choose another with `server.listen`")),
    }
}

/// Where it answers.
pub(crate) struct Listeners {
    pub(crate) site: TcpListener,
    pub(crate) metrics: Option<TcpListener>,
}

/// What it knows of the world outside.
pub(crate) struct Outside {
    /// Where effects may be sent.
    pub(crate) guard: Guard,
    /// What addresses are looked up in.
    pub(crate) regions: config::Regions,
}

/// A server that answers.
pub(crate) struct Serving {
    runtime: Runtime,
    stop: watch::Sender<bool>,
    thread: JoinHandle<std::io::Result<()>>,
    errands: tokio::task::JoinHandle<()>,
    interrupt: Signal,
    terminate: Signal,
}

impl Serving {
    /// Starts answering on the listener.
    ///
    /// # Errors
    /// When the runtime or its threads cannot be started.
    pub(crate) fn start(
        store: &Store,
        clock: Clock,
        packs: BTreeMap<String, Bundle>,
        listeners: Listeners,
        settings: web::Settings,
        outside: Outside,
        limits: web::Limits,
    ) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().thread_name("http").build()?;
        let courier = Arc::new(Courier::new(outside.guard, store.vault.clone() as Arc<dyn Keys>));
        let app = web::AppState::new(web::Parts {
            handle: store.handle(),
            clock,
            identities: store.vault.clone() as Arc<dyn web::Identities>,
            signer: Some(Arc::clone(&store.signer)),
            packs,
            regions: regions::load(&outside.regions)?,
            courier: Arc::clone(&courier),
            pseudonyms: wiring::pseudonym_key(&store.vault)?,
            limits: limits.clone(),
            settings,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        // Heard from here on: a polite stop may come as soon as the address is announced.
        let (interrupt, terminate) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let (stop, stopping) = watch::channel(false);
        let errands = courier.run(store.handle(), web::webhook_message(), stopping.clone());
        let errands = runtime.spawn(errands);
        runtime.spawn(regions::watch(outside.regions, app.clone()));
        if let Some(metrics) = listeners.metrics {
            let metrics = listen(&runtime, metrics)?;
            let router = web::metrics_router(app.clone());
            let stopped = until(stopping.clone());
            let limits = limits.clone();
            runtime.spawn(async move {
                if let Err(error) = web::serve(metrics, router, limits, stopped).await {
                    tracing::error!(%error, "the metrics port no longer answers");
                }
            });
        }
        let listener = listen(&runtime, listeners.site)?;
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new()
            .name("accept".into())
            .spawn(move || handle.block_on(web::serve(listener, web::site(app), limits, until(stopping))))?;
        Ok(Self { runtime, stop, thread, errands, interrupt, terminate })
    }

    /// Waits for Ctrl-C or a polite kill.
    ///
    /// # Errors
    /// When the server stopped by itself.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        let Self { runtime, thread, interrupt, terminate, .. } = self;
        runtime.block_on(async {
            let mut alive = tokio::time::interval(std::time::Duration::from_secs(1));
            loop {
                tokio::select! {
                    _ = interrupt.recv() => return Ok(()),
                    _ = terminate.recv() => return Ok(()),
                    _ = alive.tick() => if thread.is_finished() {
                        bail!("the server stopped answering");
                    },
                }
            }
        })
    }

    /// Lets running requests finish, within the limits, and ends.
    ///
    /// # Errors
    /// When the listener failed while it ran.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        // Nobody listens any more only when the server has ended by itself.
        let _ = self.stop.send(true);
        let ended = self.thread.join();
        if self.runtime.block_on(self.errands).is_err() {
            tracing::error!("sending effects ended with a broken promise, see above");
        }
        self.runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        match ended {
            Ok(served) => served.context("the server failed"),
            Err(_) => bail!("the server ended with a broken promise, see above"),
        }
    }
}

fn listen(runtime: &Runtime, listener: TcpListener) -> anyhow::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    let _entered = runtime.enter();
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

async fn until(mut stopping: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
