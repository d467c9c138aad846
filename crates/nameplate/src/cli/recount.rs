//! `nameplate recount`: count every follower again and compare with what is shown.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use state::PlatformId;

use super::{Data, EXIT_REFUSED, Load, out_json, platform};
use crate::progress::{Progress, grouped};
use crate::{talk, wiring};

/// Followers that are read between two looks at the progress.
const SLICE: u64 = 1_000_000;

/// Count every follower again and compare
///
/// Counts in both directions. A running server does the same on `POST /v1/admin/recounts`.
#[derive(Debug, Args)]
pub(crate) struct Recount {
    #[command(flatten)]
    data: Data,
    /// The platform
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Recount {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let store = wiring::open_to_look(&config)?;
        let handle = store.handle();
        let read = platform(handle.reader(), &self.platform)?;
        // Nobody else works here: the lists are built by whoever needs them.
        while read.followers().tend_following() {}
        let all = read.counts().accounts;
        let mut progress = Progress::new("counting again", "accounts");
        let (mut edges, mut drift) = (0, 0);
        let mut next = Some(0);
        while let Some(from) = next {
            progress.set(u64::from(from), all);
            let part = read.recount(from, SLICE);
            edges += part.edges;
            drift += part.drift;
            next = part.next;
        }
        progress.finish();
        if self.json {
            out_json(&json!({
                "position": handle.applied(), "accounts": all, "followers": edges, "drift": drift,
            }))?;
        } else {
            talk!("{} accounts, {} followers, drift {drift}", grouped(all), grouped(edges));
        }
        drop(read);
        store.pipeline.close();
        Ok(if drift == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
    }
}
