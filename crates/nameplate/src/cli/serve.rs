//! `nameplate serve`: the server.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use pipeline::{Clock, ManualClock};
use serde_json::json;

use super::{Data, Load, out_json};
use crate::config::{Config, LogFormat};
use crate::server::{Listeners, Outside, Serving};
use crate::{packs, talk, wiring};

/// Run the server
///
/// Answers on `server.listen`. Stops on Ctrl-C or SIGTERM: running requests finish, a snapshot is saved.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    data: Data,
    /// Address and port, instead of `server.listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Rehearse from this moment on, as in `2023-10-31T00:00:00Z`: the clock stands until `POST /v1/admin/clock` moves it
    ///
    /// Needs a data folder of its own, which is never served by the day's clock afterwards. Nothing ticks by itself.
    #[arg(long, value_name = "TIME")]
    rehearsal: Option<Timestamp>,
    /// Print one JSON line with the address once the server answers
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let mut config = load(self.data)?;
        if let Some(listen) = self.listen {
            config.server.listen = listen;
            config.check()?;
        }
        log_to_stderr(&config)?;
        let packs = packs::all(config.packs.folder.as_deref())?;
        let clock = match self.rehearsal {
            Some(from) => Clock::Manual(ManualClock::at(from.as_millisecond())),
            None => Clock::System,
        };
        let store = wiring::open(&config, clock.clone())?;
        let address = config.listen()?;
        let listener = std::net::TcpListener::bind(address)
            .map_err(|error| anyhow::anyhow!("cannot listen on `{address}`: {error}; set `server.listen`"))?;
        let metrics = match config.metrics_listen()? {
            None => None,
            Some(address) => Some(std::net::TcpListener::bind(address).map_err(|error| {
                anyhow::anyhow!("cannot listen on `{address}`: {error}; set `server.metrics_listen`")
            })?),
        };
        let url = format!("http://{}", listener.local_addr()?);
        let limits = web::Limits {
            shutdown_grace: Duration::from_secs(config.server.shutdown_seconds_max),
            ..web::Limits::default()
        };
        let settings = config.web_settings()?;
        let outside = Outside { guard: config.guard()?, regions: config.regions.clone() };
        let listeners = Listeners { site: listener, metrics };
        let mut serving = Serving::start(&store, clock, packs, listeners, settings, outside, limits)?;
        talk!(
            "position {}, {} entries replayed; answering on {url}",
            store.opened.position,
            store.opened.replayed
        );
        if self.json {
            out_json(
                &json!({ "url": url, "position": store.opened.position, "replayed": store.opened.replayed }),
            )?;
        }
        let waited = serving.wait();
        talk!("stopping");
        let stopped = serving.stop();
        store.pipeline.close();
        waited.and(stopped)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Logs of the running server: to stderr, in the shape the settings ask for.
fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.logging.filter).map_err(|error| {
        anyhow::anyhow!(
            "`logging.filter` is `{}`: {error}; use a level such as `info`",
            config.logging.filter
        )
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.logging.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

impl Config {
    /// What `web` is told.
    ///
    /// # Errors
    /// When a key of the settings is not one.
    fn web_settings(&self) -> anyhow::Result<web::Settings> {
        let mut platforms = BTreeMap::new();
        for (id, platform) in &self.platforms {
            let id: state::PlatformId =
                id.parse().map_err(|error| anyhow::anyhow!("`platforms.{id}` is no platform: {error}"))?;
            let holder_key = match &platform.holder_key {
                None => None,
                Some(text) => Some(self.bytes_of_hex(&format!("platforms.{id}.holder_key"), text)?),
            };
            platforms
                .insert(id, web::PlatformSettings { holder_key, public_view_as: platform.public_view_as });
        }
        let root_sha256 = match &self.server.root_key_sha256 {
            None => None,
            Some(text) => Some(self.bytes_of_hex("server.root_key_sha256", text)?),
        };
        Ok(web::Settings { root_sha256, platforms, staff: self.staff_settings()? })
    }
}
