//! `nameplate pack`: check, test, explain and activate packs of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use pipeline::Clock;
use policy::{
    ActivePack, Bundle, Choices, Currency, Date, Day, Explanation, Facts, LedgerName, Ledgers, Millis,
    Origin, Pack, TestView, any_error,
};
use serde_json::json;
use state::commands::ActivatePack;
use state::{Actor, Command, Done, PlatformId};

use super::{Data, EXIT_REFUSED, Load, out, out_json, platform, submit};
use crate::{packs, talk, wiring};

/// Check, test, explain and activate packs of rules
///
/// A pack is named by a folder with a `pack.toml`, or by the name of one that the binary carries.
#[derive(Debug, Args)]
pub(crate) struct PackVerb {
    /// Folder of packs that override those in the binary
    #[arg(long, global = true, value_name = "DIR")]
    packs: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the packs
    List,
    /// Read packs and say what is wrong with them
    Check {
        /// Packs; all when none is given
        names: Vec<String>,
    },
    /// Run the packs' own cases, and compare their matrix
    Test {
        /// Packs; all when none is given
        names: Vec<String>,
    },
    /// Print what is shown to whom where, as in `matrix.txt`
    Matrix {
        /// The pack
        name: String,
    },
    /// Explain what the pack says about an account with these facts
    Explain(Explain),
    /// Put a pack in force on a platform
    Activate(Activate),
}

#[derive(Debug, Args)]
struct Explain {
    /// The pack
    name: String,
    /// Followers of the account
    #[arg(long, value_name = "N", default_value_t = 0)]
    followers: u64,
    /// A topic it writes about; repeat for more
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// The topic it is mainly about
    #[arg(long, value_name = "TOPIC")]
    dominant: Option<String>,
    /// What kind of account it is
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// What its holder is: `person` or `organisation`
    #[arg(long, value_name = "KIND")]
    holder: Option<String>,
    /// A plain number, as in `sales.365d=200` or `followers.active=5000`; repeat for more
    #[arg(long = "metric", value_name = "NAME=N", value_parser = number)]
    metrics: Vec<(String, i64)>,
    /// A dated amount, as in `sales@2026-01-31=5` or `revenue/USD@2026-01-31=1999`; repeat for more
    #[arg(long = "amount", value_name = "NAME[/CURRENCY]@DAY=N", value_parser = amount)]
    amounts: Vec<(LedgerName, Day, i64)>,
    /// An answer to a question that no source answers
    #[arg(long = "choose", value_name = "KEY=VALUE", value_parser = choice)]
    choices: Vec<(String, String)>,
    /// Take the pack's own suggestions for the other questions
    #[arg(long)]
    suggested: bool,
}

#[derive(Debug, Args)]
struct Activate {
    #[command(flatten)]
    data: Data,
    /// The platform
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
    /// The pack
    name: String,
    /// Your answer to a question that no source answers; repeat for more
    #[arg(long = "choose", value_name = "KEY=VALUE", value_parser = choice)]
    choices: Vec<(String, String)>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

fn choice(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("give `key=value`".into()),
    }
}

fn number(text: &str) -> Result<(String, i64), String> {
    let pair = text.split_once('=').and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
    pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| "give `name=number`".into())
}

fn amount(text: &str) -> Result<(LedgerName, Day, i64), String> {
    let parts = || {
        let (name, rest) = text.split_once('@')?;
        let (day, number) = rest.split_once('=')?;
        let (metric, currency) = match name.split_once('/') {
            Some((metric, code)) => (metric, Some(Currency::parse(code)?)),
            None => (name, None),
        };
        let name = LedgerName { metric: metric.to_owned(), currency };
        Some((name, Day::of(Date::parse(day)?.starts_at(0)), number.parse().ok()?))
    };
    parts().filter(|(name, _, _)| !name.metric.is_empty()).ok_or_else(|| {
        "give `name@day=number`, with money `name/currency@day=number`, as in `revenue/USD@2026-01-31=1999`".into()
    })
}

impl PackVerb {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let folder = self.packs;
        match self.verb {
            Verb::List => list(folder),
            Verb::Check { names } => check(&chosen(names, folder)?),
            Verb::Test { names } => test(&chosen(names, folder)?),
            Verb::Matrix { name } => {
                let pack = read(&name, &packs::find(&name, folder.as_deref())?)?;
                out(|stdout| stdout.write_all(policy::matrix::of_pack(&pack).as_bytes()))?;
                Ok(ExitCode::SUCCESS)
            }
            Verb::Explain(verb) => verb.run(folder),
            Verb::Activate(verb) => verb.run(folder, load),
        }
    }
}

fn chosen(names: Vec<String>, folder: Option<PathBuf>) -> anyhow::Result<BTreeMap<String, Bundle>> {
    if names.is_empty() {
        return packs::all(folder.as_deref());
    }
    names.into_iter().map(|name| Ok((name.clone(), packs::find(&name, folder.as_deref())?))).collect()
}

/// The pack of a bundle, or all that is wrong with it.
fn read(name: &str, bundle: &Bundle) -> anyhow::Result<Pack> {
    policy::parse(bundle).map_err(|found| {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        anyhow!("the pack `{name}` cannot be used\n{}", found.join("\n"))
    })
}

fn list(folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let mut lines = Vec::new();
    for (name, bundle) in packs::all(folder.as_deref())? {
        lines.push(match policy::parse(&bundle) {
            Ok(pack) => {
                format!("{name:<22} version {} {:<10} {}", pack.version, pack.status.as_str(), pack.title)
            }
            Err(found) => format!("{name:<22} cannot be used, {} findings", found.len()),
        });
    }
    out(|stdout| lines.iter().try_for_each(|line| writeln!(stdout, "{line}")))?;
    Ok(ExitCode::SUCCESS)
}

fn check(bundles: &BTreeMap<String, Bundle>) -> anyhow::Result<ExitCode> {
    let mut bad = false;
    let mut lines = Vec::new();
    for (name, bundle) in bundles {
        let found = match policy::parse(bundle) {
            Ok(pack) => policy::check(&pack),
            Err(found) => found,
        };
        bad |= any_error(&found);
        for one in &found {
            lines.push(format!("{name}/{one}"));
        }
        let verdict = if any_error(&found) { "cannot be used" } else { "can be used" };
        lines.push(format!("{name}: {verdict}, {} findings", found.len()));
    }
    out(|stdout| lines.iter().try_for_each(|line| writeln!(stdout, "{line}")))?;
    Ok(if bad { ExitCode::from(EXIT_REFUSED) } else { ExitCode::SUCCESS })
}

fn test(bundles: &BTreeMap<String, Bundle>) -> anyhow::Result<ExitCode> {
    let mut failed = 0;
    let mut lines = Vec::new();
    for (name, bundle) in bundles {
        let pack = read(name, bundle)?;
        let report = policy::cases::run(bundle).map_err(|found| {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            anyhow!("the cases of `{name}` cannot be read\n{}", found.join("\n"))
        })?;
        for failure in &report.failures {
            lines.push(format!(
                "{name}/{}:{}: `{}`: {}",
                failure.file, failure.line, failure.name, failure.what
            ));
        }
        failed += report.failures.len();
        if let Some(matrix) = bundle.files.get("matrix.txt")
            && *matrix != policy::matrix::of_pack(&pack).into_bytes()
        {
            failed += 1;
            lines.push(format!(
                "{name}/matrix.txt: is not what the rules say\n  help: look at the difference to `nameplate pack matrix {name}`"
            ));
        }
        lines.push(format!("{name}: {} passed, {} failed", report.passed, report.failures.len()));
    }
    out(|stdout| lines.iter().try_for_each(|line| writeln!(stdout, "{line}")))?;
    Ok(if failed > 0 { ExitCode::from(EXIT_REFUSED) } else { ExitCode::SUCCESS })
}

impl Explain {
    fn run(self, folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
        let bundle = packs::find(&self.name, folder.as_deref())?;
        let pack = read(&self.name, &bundle)?;
        let mut choices = if self.suggested { Choices::suggested(&pack) } else { Choices::none() };
        choices.0.extend(self.choices);
        let now = Millis(Clock::System.now_ms());
        let active = ActivePack::new(pack, &choices, now).map_err(|missing| open_questions(&missing))?;
        let class = match &self.class {
            None => policy::Class::Ordinary,
            Some(word) => policy::Class::parse(word).ok_or_else(|| anyhow!("there is no class `{word}`"))?,
        };
        let holder_kind = match &self.holder {
            None => None,
            Some(word) => {
                let kind = policy::HolderKind::parse(word);
                Some(kind.ok_or_else(|| anyhow!("there is no kind of holder `{word}`"))?)
            }
        };
        let mut ledgers = Ledgers::default();
        for (name, day, number) in self.amounts {
            let ledger = Arc::make_mut(ledgers.0.entry(name).or_default());
            ledger.set(day, ledger.get(day).saturating_add(number));
        }
        let facts = Facts {
            followers: self.followers,
            metrics: self.metrics.into_iter().collect(),
            ledgers: Arc::new(ledgers),
            holder_kind,
            topics: self.topics.into_iter().chain(self.dominant.clone()).collect::<BTreeSet<_>>(),
            dominant: self.dominant,
            class,
            identity_verified: true,
            ..Facts::default()
        };
        out(|stdout| {
            active
                .rules()
                .iter()
                .try_for_each(|rule| stdout.write_all(explained(&rule.explain(&facts, now)).as_bytes()))
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The explanation as an indented tree.
fn explained(explanation: &Explanation) -> String {
    let mut text = String::new();
    let answer = match explanation.why_not {
        None => "applies".to_owned(),
        Some(reason) => format!("does not apply ({})", reason.as_str()),
    };
    let _ = writeln!(text, "{}: {answer}", explanation.rule);
    let _ = writeln!(text, "  {}", explanation.title);
    if let Some(distance) = explanation.distance {
        let _ = writeln!(text, "  {distance:+} followers until this changes");
    }
    if let Some(at) = explanation.changes_at {
        let _ = writeln!(text, "  may change by itself on {}", policy::Day::of(at));
    }
    tests(&mut text, &explanation.trigger, 1);
    for phase in &explanation.phases {
        let started = if phase.started { "started" } else { "not started" };
        let _ =
            writeln!(text, "  phase {}: {started}, {} ({})", phase.id, phase.starts, origin(&phase.origin));
        tests(&mut text, &phase.when, 2);
    }
    for exemption in &explanation.exemptions {
        let _ = writeln!(text, "  left out as {} ({}) if", exemption.id, origin(&exemption.origin));
        tests(&mut text, &exemption.when, 2);
    }
    for setting in &explanation.settings {
        let _ = writeln!(text, "  {} = {} ({})", setting.key, setting.value, origin(&setting.origin));
    }
    text
}

fn tests(text: &mut String, test: &TestView, depth: usize) {
    let mark = if test.holds { "yes" } else { "no " };
    let fact = if test.fact.is_empty() { String::new() } else { format!(": {}", test.fact) };
    let _ = writeln!(text, "{}{mark} {}{fact}", "  ".repeat(depth), test.what);
    for inside in &test.inside {
        tests(text, inside, depth + 1);
    }
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Source(sources) => sources.join(", "),
        Origin::Operator => "your choice".to_owned(),
    }
}

fn open_questions(missing: &[policy::MissingChoice]) -> anyhow::Error {
    let questions: Vec<String> = missing.iter().map(|one| format!("  {one}")).collect();
    anyhow!("no source answers these, so you must, each with `--choose key=value`:\n{}", questions.join("\n"))
}

impl Activate {
    fn run(self, folder: Option<PathBuf>, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let folder = folder.or_else(|| config.packs.folder.clone());
        let bundle = packs::find(&self.name, folder.as_deref())?;
        let pack = read(&self.name, &bundle)?;
        let choices = Choices(self.choices.into_iter().collect());
        let missing = choices.missing(&pack);
        if !missing.is_empty() {
            return Err(open_questions(&missing));
        }
        let store = wiring::open(&config, Clock::System)?;
        let handle = store.handle();
        platform(handle.reader(), &self.platform)?;
        let command = Command::ActivatePack(ActivatePack {
            platform: self.platform.clone(),
            bundle: bundle.essential().encode(),
            choices: choices.0,
            by: Actor::System,
        });
        let outcome = submit(&handle, command)?;
        while let Ok(Done::Ticked { more: true, .. }) = submit(&handle, Command::Tick)?.result {}
        store.pipeline.close();
        let Ok(Done::Activated { pack, version }) = outcome.result else {
            bail!("the pack was active already");
        };
        if self.json {
            out_json(&json!({
                "platform": self.platform.as_str(),
                "pack": pack.as_str(),
                "version": version,
                "position": outcome.position,
            }))?;
        }
        talk!("`{pack}` version {version} is in force on `{}`", self.platform);
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written() {
        let (name, day, how_much) = amount("revenue/USD@2026-01-31=-1999").unwrap();
        assert_eq!((name.metric.as_str(), name.currency), ("revenue", Currency::parse("USD")));
        assert_eq!((day.to_string().as_str(), how_much), ("2026-01-31", -1_999));
        assert_eq!(amount("sales@2026-01-31=5").unwrap().0.currency, None);
        for text in [
            "",
            "sales",
            "sales=5",
            "sales@2026-02-30=5",
            "sales/usd@2026-01-31=5",
            "@2026-01-31=5",
            "sales@2026-01-31=",
        ] {
            assert!(amount(text).is_err(), "{text}");
        }
        assert_eq!(number("sales.365d=200"), Ok(("sales.365d".to_owned(), 200)));
        assert!(number("=1").is_err());
    }
}
