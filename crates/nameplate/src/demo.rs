//! The autumn of 2023, played on the real pipeline, vault and packs, with invented people.
//!
//! The script only acts: it sends commands and moves the clock. Every fact that is printed is read back from the state
//! or the vault, and each step of the story is a promise that is checked; a broken one ends the demo with an error.

mod load;
mod population;
mod story;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use pipeline::{Handle, ManualClock};
use policy::{Bundle, Choices, GapKind};
use state::commands::{ActivatePack, RegisterPlatform};
use state::{Actor, Command, Label, Millis, PlatformId};

use crate::wiring::DiskVault;

pub(crate) use load::Loaded;
pub(crate) use story::{Printed, Summary, Teller};

/// 31 October 2023, 08:00 in Beijing: the day of the notices.
const START_MS: i64 = 1_698_710_400_000;
const DAY_MS: i64 = 86_400_000;

/// The platforms with the pack that is put in force on each.
pub(crate) const PLATFORMS: [(&str, &str, &str); 6] = [
    ("weibo", "weibo-2023", "Weibo"),
    ("wechat", "wechat-2023", "WeChat"),
    ("douyin", "douyin-2023", "Douyin"),
    ("kuaishou", "kuaishou-2023", "Kuaishou"),
    ("zhihu", "zhihu-2023", "Zhihu"),
    ("xiaohongshu", "xiaohongshu-2023", "Xiaohongshu"),
];

/// What the demo runs on.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) handle: Handle,
    pub(crate) vault: Arc<DiskVault>,
    pub(crate) clock: ManualClock,
}

/// The clock the demo starts with.
pub(crate) fn clock() -> ManualClock {
    ManualClock::at(START_MS)
}

impl Stage {
    /// Submits a command that must be accepted.
    fn act(&self, command: Command) -> anyhow::Result<state::Outcome> {
        let what = command.as_str();
        let outcome = self.handle.submit_and_wait(command)?;
        if let Err(refusal) = &outcome.result {
            bail!("`{what}` is refused: {}", refusal.text());
        }
        Ok(outcome)
    }

    /// Moves the clock forward by whole days and logs a tick.
    fn days_pass(&self, days: i64) -> anyhow::Result<()> {
        self.clock.advance_ms(days * DAY_MS);
        self.act(Command::Tick)?;
        Ok(())
    }

    fn platform(&self, id: &PlatformId) -> anyhow::Result<state::PlatformRead> {
        self.handle.reader().platform(id).with_context(|| format!("the platform `{id}` is gone"))
    }

    /// Registers the platforms that have a pack, and puts the packs in force. Gives the platforms.
    pub(crate) fn open_platforms(
        &self,
        packs: &std::collections::BTreeMap<String, Bundle>,
    ) -> anyhow::Result<Vec<PlatformId>> {
        let mut platforms = Vec::new();
        for (id, pack, title) in PLATFORMS {
            let id = PlatformId::new(id)?;
            let Some(bundle) = packs.get(pack) else {
                bail!("there is no pack `{pack}`; give a folder that has it with `--packs`");
            };
            self.act(Command::RegisterPlatform(RegisterPlatform {
                platform: id.clone(),
                title: Label::new(title)?,
            }))?;
            let bundle = bundle.essential();
            let choices = choices(&bundle).with_context(|| format!("the pack `{pack}`"))?;
            self.act(Command::ActivatePack(ActivatePack {
                platform: id.clone(),
                bundle: bundle.encode(),
                choices: choices.0,
                by: Actor::System,
            }))?;
            platforms.push(id);
        }
        Ok(platforms)
    }
}

/// The demo's operator answers what no source does: the pack's suggestion, and first phases start at once.
fn choices(bundle: &Bundle) -> anyhow::Result<Choices> {
    let pack = policy::parse(bundle).map_err(|found| {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("cannot be used\n{}", found.join("\n"))
    })?;
    let mut choices = Choices::suggested(&pack);
    for gap in pack.gaps.iter().filter(|gap| gap.suggestion.is_none()) {
        let answer = match gap.kind {
            GapKind::Date if gap.takes("at_activation") => "at_activation".to_owned(),
            _ => gap.options.first().cloned().unwrap_or_default(),
        };
        choices.0.insert(gap.key.clone(), answer);
    }
    Ok(choices)
}

/// The people of the story, by handle.
pub(crate) fn handles() -> impl Iterator<Item = &'static str> {
    story::six().map(|person| person.handle)
}

/// The day of a moment, in Beijing.
pub(crate) fn day(at: Millis) -> String {
    story::day(at)
}

/// How long something took, in words.
pub(crate) fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Loads everybody, then says how long it took.
pub(crate) fn load(stage: &Stage, platforms: &[PlatformId], accounts: u64) -> anyhow::Result<Loaded> {
    let started = Instant::now();
    load::everybody(stage, platforms, accounts, started)
}
