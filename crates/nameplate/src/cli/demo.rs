//! `nameplate demo`: the autumn of 2023 with invented people, on a store of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use pipeline::Clock;
use serde_json::{Value, json};

use super::{EXIT_REFUSED, out, out_json};
use crate::config::Config;
use crate::demo::{self, Loaded, Printed, Stage, Summary, Teller};
use crate::progress::grouped;
use crate::server::{Listeners, Outside, Serving, bind};
use crate::{packs, talk, wiring};
use connectors::webhooks::Guard;

/// Play the autumn of 2023 on a store of its own, then serve it on this machine
///
/// Six invented accounts get the notice of 31 October 2023 and do what people did: filter, leave, consent, refuse. All of
/// it goes through the real log, vault and rules; every fact that is printed is read back. Answers on 127.0.0.1 only.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Accounts of the crowd, over all six platforms
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    accounts: u64,
    /// Port on 127.0.0.1; another free one is taken when it is in use
    #[arg(long, value_name = "PORT", default_value_t = 8420)]
    port: u16,
    /// Keep the data in this new folder [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of packs that override those in the binary
    #[arg(long, value_name = "DIR")]
    packs: Option<PathBuf>,
    /// End with the summary instead of serving
    #[arg(long)]
    exit: bool,
    /// Print one JSON object at the end of the story instead of lines
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let started = Instant::now();
        let packs = packs::all(self.packs.as_deref())?;
        let temporary = match &self.data {
            Some(_) => None,
            None => {
                Some(tempfile::tempdir().context("cannot make a temporary folder; give one with `--data`")?)
            }
        };
        let mut config = Config::default();
        if let Some(folder) =
            self.data.clone().or_else(|| temporary.as_ref().map(|folder| folder.path().join("data")))
        {
            config.store.data = folder;
        }
        wiring::create_ring(&config)?;
        let clock = demo::clock();
        // Nobody starts from a snapshot of a folder that is removed at the end.
        let limits = pipeline::Limits { snapshot_at_close: temporary.is_none(), ..config.limits() };
        let store = wiring::open_with(&config, Clock::Manual(clock.clone()), limits)?;
        let stage = Stage { handle: store.handle(), vault: store.vault.clone(), clock };

        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))?;
        let url = format!("http://{}", listener.local_addr()?);
        let platforms = stage.open_platforms(&packs)?;
        let loaded = demo::load(&stage, &platforms, self.accounts)?;
        // Served from here on, so that the links of the story work as they are printed.
        let mut serving = Serving::start(
            &store,
            Clock::Manual(stage.clock.clone()),
            packs,
            Listeners { site: listener, metrics: None },
            demo_settings(&platforms),
            // Whoever tries it out listens on this machine.
            Outside {
                guard: Guard { networks: vec!["127.0.0.0/8".parse()?], plain_http: true },
                regions: config.regions.clone(),
            },
            web::Limits::default(),
        )?;
        let ready = started.elapsed();
        if !self.json {
            print_loaded(&loaded, &url, platforms.len())?;
        }

        let mut lines: Vec<Printed> = Vec::new();
        let as_lines = !self.json;
        let mut tell = |line: Printed| {
            if as_lines {
                let day = demo::day(line.at);
                // A closed stdout does not stop the story; the exit code still tells how it ended.
                let _ = out(|stdout| writeln!(stdout, "{day}  {:<16} {}", line.account, line.text));
            }
            lines.push(line);
        };
        let played = Teller::new(&stage, &mut tell)?.play();
        let (summary, broken) = match played {
            Ok(summary) => (summary, None),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        if self.json {
            out_json(&as_json(&url, &loaded, ready.as_secs_f64(), &lines, &summary, broken.as_deref()))?;
        } else if broken.is_none() {
            print_summary(&summary)?;
        }
        if let Some(broken) = broken {
            talk!("error: the story broke a promise: {broken}");
            serving.stop()?;
            store.pipeline.close();
            return Ok(ExitCode::from(EXIT_REFUSED));
        }
        if !self.exit {
            talk!("every promise held; serving on {url} until Ctrl-C");
            serving.wait()?;
        }
        serving.stop()?;
        store.pipeline.close();
        Ok(ExitCode::SUCCESS)
    }
}

/// Anybody may look through other viewers' eyes: the people are invented.
fn demo_settings(platforms: &[state::PlatformId]) -> web::Settings {
    let open = web::PlatformSettings { public_view_as: true, ..web::PlatformSettings::default() };
    web::Settings {
        platforms: platforms.iter().map(|id| (id.clone(), open.clone())).collect(),
        ..web::Settings::default()
    }
}

fn print_loaded(loaded: &Loaded, url: &str, platforms: usize) -> anyhow::Result<()> {
    out(|stdout| {
        writeln!(
            stdout,
            "{} accounts and {} follows on {platforms} platforms, {} identities sealed, in {}",
            grouped(loaded.accounts),
            grouped(loaded.edges),
            loaded.identities,
            demo::seconds(loaded.took)
        )?;
        for person in demo::handles() {
            writeln!(stdout, "  {url}/p/weibo/{person}")?;
        }
        writeln!(stdout)
    })
}

fn print_summary(summary: &[Summary]) -> anyhow::Result<()> {
    out(|stdout| {
        writeln!(stdout)?;
        writeln!(
            stdout,
            "{:<17} {:>10} {:>10}  {:<28} {:<24} others see",
            "account", "before", "now", "case", "verified viewers see"
        )?;
        for row in summary {
            writeln!(
                stdout,
                "{:<17} {:>10} {:>10}  {:<28} {:<24} {}",
                row.account,
                grouped(row.followers_before),
                grouped(row.followers),
                row.status,
                row.verified_viewers_see,
                row.others_see
            )?;
        }
        Ok(())
    })
}

fn as_json(
    url: &str,
    loaded: &Loaded,
    ready_s: f64,
    lines: &[Printed],
    summary: &[Summary],
    broken: Option<&str>,
) -> Value {
    let story: Vec<Value> = lines
        .iter()
        .map(|line| json!({ "at": state::moment(line.at), "account": line.account, "text": line.text, "facts": line.facts }))
        .collect();
    let summary: Vec<Value> = summary
        .iter()
        .map(|row| {
            json!({
                "account": row.account,
                "followers_before": row.followers_before,
                "followers": row.followers,
                "status": row.status,
                "verified_viewers_see": row.verified_viewers_see,
                "others_see": row.others_see,
            })
        })
        .collect();
    json!({
        "url": url,
        "accounts": loaded.accounts,
        "follows": loaded.edges,
        "identities": loaded.identities,
        "load_seconds": loaded.took.as_secs_f64(),
        "ready_seconds": ready_s,
        "story": story,
        "summary": summary,
        "broken_promise": broken,
    })
}
