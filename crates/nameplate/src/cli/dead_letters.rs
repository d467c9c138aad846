//! `nameplate dead-letters`: events that came after the reorder horizon and wait for a decision.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use pipeline::Clock;
use serde_json::json;
use state::{Actor, Command, Done, Op, PlatformId, commands, moment};

use super::{Data, Load, out, out_json, platform, submit};
use crate::wiring;

/// List, replay or let go of events that came too late
#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What is kept, one JSON object a line
    List(List),
    /// Bring letters in, as an import of the past that yields to everything newer
    Replay(Settle),
    /// Let letters go
    LetGo(Settle),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    data: Data,
    /// The platform
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
}

#[derive(Debug, Args)]
struct Settle {
    #[command(flatten)]
    data: Data,
    /// The platform
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
    /// The first letter, by number
    #[arg(long, value_name = "NUMBER")]
    from: u64,
    /// The last letter, by number
    #[arg(long, value_name = "NUMBER")]
    to: u64,
}

/// Letters that are read at once.
const PAGE: usize = 1_000;

impl DeadLetters {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::List(list) => list.run(load),
            Verb::Replay(settle) => settle.run(load, true),
            Verb::LetGo(settle) => settle.run(load, false),
        }
    }
}

impl List {
    fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let store = wiring::open_to_look(&config)?;
        let handle = store.handle();
        let read = platform(handle.reader(), &self.platform)?;
        out(|stdout| {
            let mut after = Some(0);
            while let Some(number) = after {
                let page = read.dead_letters(number, PAGE);
                for letter in page.items {
                    let line = json!({
                        "number": letter.number,
                        "position": letter.position,
                        "heard_at": moment(letter.heard_at),
                        "type": if letter.op == Op::Unfollow { "unfollow" } else { "follow" },
                        "account": letter.followee.to_string(),
                        "follower": letter.follower.to_string(),
                        "at": moment(letter.at),
                    });
                    writeln!(stdout, "{line}")?;
                }
                after = page.next;
            }
            Ok(())
        })?;
        store.pipeline.close();
        Ok(ExitCode::SUCCESS)
    }
}

impl Settle {
    fn run(self, load: impl Load, replay: bool) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let store = wiring::open(&config, Clock::System)?;
        let handle = store.handle();
        platform(handle.reader(), &self.platform)?;
        let (from, to) = (self.from, self.to);
        let command =
            commands::SettleDeadLetters { platform: self.platform, from, to, replay, by: Actor::System };
        let outcome = submit(&handle, Command::SettleDeadLetters(command))?;
        if let Ok(Done::DeadLettersSettled { replayed, let_go }) = outcome.result {
            let results: Vec<&str> = outcome.items.iter().map(|item| item.as_str()).collect();
            out_json(&json!({
                "position": outcome.position,
                "replayed": replayed,
                "let_go": let_go,
                "results": results,
            }))?;
        }
        store.pipeline.close();
        Ok(ExitCode::SUCCESS)
    }
}
