//! `nameplate account`: look at one account. Shows which fields would be seen by whom, never what they say.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use policy::{Surface, Viewer};
use serde_json::{Value, json};
use state::{AccountId, AccountRead, PlatformId, moment};

use super::{Data, Load, out, out_json, platform};
use crate::progress::grouped;
use crate::wiring;

/// Look at one account
#[derive(Debug, Args)]
pub(crate) struct AccountVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Followers, cases, and what each viewer would see on the profile
    Show(Show),
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    data: Data,
    /// The platform
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
    /// The account
    account: AccountId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl AccountVerb {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Show(show) => show.run(load),
        }
    }
}

impl Show {
    fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let store = wiring::open_to_look(&config)?;
        let handle = store.handle();
        let read = platform(handle.reader(), &self.platform)?;
        let account = read
            .account(self.account.key())
            .with_context(|| format!("`{}` was never seen on `{}`", self.account, self.platform))?;
        if self.json {
            out_json(&as_json(handle.applied(), &account))?;
        } else {
            let text = as_text(&account);
            out(|stdout| stdout.write_all(text.as_bytes()))?;
        }
        drop(account);
        store.pipeline.close();
        Ok(ExitCode::SUCCESS)
    }
}

fn as_json(position: u64, account: &AccountRead) -> Value {
    let record = account.record();
    let cases: Vec<Value> = record
        .cases
        .iter()
        .map(|case| {
            json!({
                "rule": case.rule.to_string(),
                "status": case.status.as_str(),
                "reason": case.reason.as_str(),
                "round": case.round,
                "since": moment(case.since),
                "due_at": case.due_at.map(moment),
            })
        })
        .collect();
    let viewers: serde_json::Map<String, Value> = Viewer::ALL
        .iter()
        .map(|viewer| {
            let plate = account.decide(*viewer, Surface::Profile);
            let shown: Vec<&str> = plate.shown.iter().map(|shown| shown.field.as_str()).collect();
            (viewer.as_str().to_owned(), json!(shown))
        })
        .collect();
    let distances: serde_json::Map<String, Value> =
        account.distances().into_iter().map(|(rule, distance)| (rule.to_string(), json!(distance))).collect();
    json!({
        "position": position,
        "account": account.id().to_string(),
        "followers": account.count(),
        "following": account.following(),
        "identity_fields": record.identity.as_ref().map(|identity| {
            identity.fields.iter().map(|field| field.as_str()).collect::<Vec<_>>()
        }),
        "held": record.held(),
        "left": record.left.map(moment),
        "cases": cases,
        "profile": viewers,
        "followers_until_change": distances,
    })
}

fn as_text(account: &AccountRead) -> String {
    use std::fmt::Write as _;
    let record = account.record();
    let mut text = String::new();
    let _ = writeln!(text, "account    {}", account.id());
    let _ = writeln!(text, "followers  {}", grouped(u64::from(account.count())));
    let _ = writeln!(text, "following  {}", grouped(u64::from(account.following())));
    if let Some(left) = record.left {
        let _ = writeln!(text, "left       {}", moment(left));
    }
    for hold in &record.holds {
        let _ = writeln!(text, "held       {} since {}", hold.reason, moment(hold.at));
    }
    for case in &record.cases {
        let _ = writeln!(
            text,
            "case       {}: {} since {} ({}, round {})",
            case.rule,
            case.status.as_str(),
            moment(case.since),
            case.reason.as_str(),
            case.round
        );
    }
    for (rule, distance) in account.distances() {
        if let Some(distance) = distance {
            let _ = writeln!(text, "distance   {rule}: {distance:+} followers until it changes");
        }
    }
    for viewer in Viewer::ALL {
        let plate = account.decide(*viewer, Surface::Profile);
        let shown: Vec<&str> = plate.shown.iter().map(|shown| shown.field.as_str()).collect();
        let shown = if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") };
        let _ = writeln!(text, "profile    {:<16} sees {shown}", viewer.as_str());
    }
    text
}
