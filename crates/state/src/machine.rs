//! The deterministic machine: one entry after another, nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use policy::Millis;

use crate::commands::{Command, Entry, edges, tick};
use crate::effect::{Effect, EffectId};
use crate::ids::PlatformId;
use crate::limits::Limits;
use crate::outcome::{Done, ItemOutcome, Outcome, Refusal};
use crate::platform::{Context, Platform};
use crate::reader::{Reader, Shared};
use crate::webhooks::Webhook;

/// A promise of the state that does not hold: a bug, never bad input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state broke a promise on platform `{platform}`, account `{account}`: {promise}")]
pub struct Broken {
    /// The platform where it was seen.
    pub platform: String,
    /// The account, by external id; empty if it is about the platform.
    pub account: String,
    /// The promise, as a sentence.
    pub promise: String,
}

/// Why saved bytes were not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a saved state.
    #[error("the bytes are not a saved state")]
    NotAState,
    /// Saved by a version this one cannot read.
    #[error("the saved state has version `{0}`, which this build cannot read: use the build that wrote it")]
    UnknownVersion(u16),
    /// Saved under other limits.
    #[error("saved under other limits: start with the limits the log was written under")]
    OtherLimits,
    /// Damaged.
    #[error("the saved state is damaged at {0}: take an older snapshot")]
    Damaged(&'static str),
    /// The follower sets in it were not loaded.
    #[error(transparent)]
    Followers(#[from] followers::LoadError),
}

/// Everything that is known, and the only one who may change it.
#[derive(Debug)]
pub struct Machine {
    pub(crate) limits: Limits,
    pub(crate) position: u64,
    pub(crate) clock: Millis,
    pub(crate) platforms: BTreeMap<PlatformId, Platform>,
    pub(crate) shared: Arc<Shared>,
    effects: Vec<Effect>,
}

impl Machine {
    /// Knows nothing, at position 0.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            position: 0,
            clock: Millis(0),
            platforms: BTreeMap::new(),
            shared: Arc::default(),
            effects: Vec::new(),
        }
    }

    /// Applies one entry and publishes the result to readers.
    ///
    /// Call it only with entries that are durable: readers see the result at once.
    ///
    /// # Panics
    /// If the position is not the next one or the time runs backwards: the log is not what it promised to be.
    pub fn apply(&mut self, entry: &Entry) -> Outcome {
        assert!(
            entry.position == self.position + 1,
            "the log has position {} after {}",
            entry.position,
            self.position
        );
        assert!(entry.at >= self.clock, "the log's clock runs backwards at position {}", entry.position);
        self.position = entry.position;
        self.clock = entry.at;
        self.shared.changing.fetch_add(1, Ordering::SeqCst);
        let mut effects = std::mem::take(&mut self.effects);
        let answer = self.dispatch(entry, &mut effects);
        self.effects = effects;
        // The position last: who reads it first sees at least what this entry did.
        self.shared.clock.store(entry.at.0, Ordering::Release);
        self.shared.applied.store(entry.position, Ordering::Release);
        self.shared.changing.fetch_add(1, Ordering::SeqCst);
        match answer {
            Ok((done, items)) => Outcome { position: entry.position, result: Ok(done), items },
            Err(refusal) => Outcome { position: entry.position, result: Err(refusal), items: Vec::new() },
        }
    }

    fn dispatch(
        &mut self,
        entry: &Entry,
        effects: &mut Vec<Effect>,
    ) -> Result<(Done, Vec<ItemOutcome>), Refusal> {
        let at = entry.at;
        let Some(id) = entry.command.platform() else {
            return Ok((self.tick(entry, effects), Vec::new()));
        };
        if let Command::RegisterPlatform(command) = &entry.command {
            return command.apply(self, at).map(plain);
        }
        let platform = self.platforms.get_mut(id).ok_or_else(|| Refusal::UnknownPlatform(id.clone()))?;
        platform.engine.set_clock(at.0);
        let position = entry.position;
        let mut ctx = Context { position, at, limits: &self.limits, effects, effect_index: 0 };
        let answer = match &entry.command {
            // Handled above; named so that a new command makes someone think.
            Command::RegisterPlatform(_) | Command::Tick => Ok((Done::Unchanged, Vec::new())),
            Command::IssueKey(command) => command.apply(&self.shared, at, &self.limits).map(plain),
            Command::RevokeKey(command) => command.apply(&self.shared, at).map(plain),
            Command::UpsertAccounts(command) => command.apply(platform, &ctx),
            Command::Edges(batch) => Ok(edges::apply(batch, platform, &ctx)),
            Command::SetMetrics(command) => command.apply(platform, &ctx),
            Command::AddAmounts(command) => command.apply(platform, &ctx),
            Command::ActivatePack(command) => command.apply(platform, &ctx).map(plain),
            Command::DeactivatePack(command) => command.apply(platform, &ctx).map(plain),
            Command::LinkIdentity(command) => command.apply(platform, &ctx).map(plain),
            Command::Answer(command) => command.apply(platform, &mut ctx).map(plain),
            Command::Appeal(command) => command.apply(platform, &mut ctx).map(plain),
            Command::DecideAppeal(command) => command.apply(platform, &mut ctx).map(plain),
            Command::ExtendNotice(command) => command.apply(platform, &mut ctx).map(plain),
            Command::ProposeChange(command) => command.apply(platform, &ctx).map(plain),
            Command::DecideProposal(command) => command.apply(platform, &ctx).map(plain),
            Command::SetBlastRadius(command) => command.apply(platform, &ctx).map(plain),
            Command::SetWebhook(command) => command.apply(platform, &ctx).map(plain),
            Command::RemoveWebhook(command) => command.apply(platform, &ctx).map(plain),
            Command::RewindWebhook(command) => command.apply(platform, &ctx).map(plain),
            Command::RecordDeliveries(command) => command.apply(platform, &ctx).map(plain),
            Command::Filter(command) => command.apply(platform, &mut ctx).map(plain),
            Command::UndoFilter(command) => command.apply(platform, &mut ctx).map(plain),
            Command::Hold(command) => command.apply(platform, &mut ctx).map(plain),
            Command::Release(command) => command.apply(platform, &mut ctx).map(plain),
            Command::Leave(command) => command.apply(platform, &mut ctx).map(plain),
            Command::SightRegion(command) => command.apply(platform, &ctx),
            Command::Purge(command) => command.apply(platform, &ctx),
            Command::SettleDeadLetters(command) => command.apply(platform, &ctx),
        };
        platform.publish_moved();
        answer
    }

    fn tick(&mut self, entry: &Entry, effects: &mut Vec<Effect>) -> Done {
        let (position, at) = (entry.position, entry.at);
        let mut ctx = Context { position, at, limits: &self.limits, effects, effect_index: 0 };
        let mut sum = tick::Ticked::default();
        for platform in self.platforms.values_mut() {
            platform.engine.set_clock(at.0);
            let ticked = tick::apply(platform, &mut ctx);
            sum.evaluated += ticked.evaluated;
            sum.moves += ticked.moves;
            platform.publish_moved();
        }
        Done::Ticked { evaluated: sum.evaluated, moves: sum.moves, more: self.looks_on() }
    }

    /// Whether accounts still wait for their turn since rules changed: ticks should follow each other until they had it.
    pub fn looks_on(&self) -> bool {
        self.platforms.values().any(|platform| platform.look_from.is_some())
    }

    /// Adds a platform and shows it to readers.
    pub(crate) fn add_platform(&mut self, platform: Platform) {
        let mut shown = self.shared.platforms.load().as_ref().clone();
        shown.insert(platform.shared.id.clone(), Arc::clone(&platform.shared));
        self.shared.platforms.store(Arc::new(shown));
        self.platforms.insert(platform.shared.id.clone(), platform);
    }

    /// A handle for looking from any thread.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// The effects since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The oldest effect that an endpoint may still need; `None` if none needs any.
    pub fn effects_needed_from(&self) -> Option<EffectId> {
        let all = self.platforms.values().map(|platform| platform.shared.webhooks.load());
        let first = |webhooks: arc_swap::Guard<Arc<BTreeMap<_, Arc<Webhook>>>>| {
            webhooks.values().filter(|webhook| !webhook.gone).map(|webhook| webhook.needs_from()).min()
        };
        all.filter_map(first).min()
    }

    /// Puts a piece of what is idle in order, and says whether there may be more: see [`followers::Engine::settle_more`].
    /// Whoever looks sees no difference.
    pub fn tidy(&mut self) -> bool {
        self.platforms.values_mut().any(|platform| platform.engine.settle_more())
    }

    /// The position of the last entry applied.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The log's clock: the time of the last entry applied.
    pub fn clock(&self) -> Millis {
        self.clock
    }

    /// The bounds it works within.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

fn plain(done: Done) -> (Done, Vec<ItemOutcome>) {
    (done, Vec::new())
}
