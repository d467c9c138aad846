//! What a bystander saw of each account: notices, answers, holds. From that, whether something may be shown.
//!
//! It never asks the machine where a case stands. It hears effects and answers, as the outside does, and does not know how
//! the machine came to them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};
use policy::{Again, Below, Field, HolderKind, Surface, Viewer};
use state::{AccountId, Effect, EffectKind, MoveReason, RuleRef, Ruling, ShownField};

use super::law::{Known, RuleLaw, ShowLaw, Stand};

/// One account and what was seen of it.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: AccountId,
    pub(super) known: Known,
    /// What the platform says of the holder; an identity knows better.
    pub(super) kind_said: Option<HolderKind>,
    pub(super) verified_said: bool,
    pub(super) identity: Option<Identity>,
    /// What the newest sighting says.
    pub(super) places: BTreeSet<Field>,
    pub(super) holds: BTreeSet<&'static str>,
    pub(super) left: bool,
    pub(super) filter: Option<u64>,
    told: BTreeMap<RuleRef, Told>,
}

/// What is on record of a holder.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) holder: String,
    pub(super) fields: BTreeSet<Field>,
    pub(super) kind: HolderKind,
    pub(super) verified: bool,
}

/// What was told and answered under one rule.
#[derive(Clone, Debug, Default)]
struct Told {
    notice: Option<Notice>,
    /// The case that the notice was about is over; it counts again only if the rule says so.
    over: bool,
    /// The fields of a yes that stands.
    yes: Option<BTreeSet<Field>>,
    /// The first of the latest ticks in a row at which the rule held.
    held_since: Option<i64>,
    /// The first of the latest ticks in a row at which it did not.
    gone_since: Option<i64>,
    restricted: bool,
    /// Since when an appeal waits for an answer.
    appealed: Option<i64>,
}

#[derive(Clone, Debug)]
struct Notice {
    due: i64,
    consent: bool,
    shows: Vec<ShowLaw>,
}

/// What was seen, counted, so that a run in which nothing happened proves nothing.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Times that the pack came into force.
    pub activated: u64,
    /// Notices that went out.
    pub notices: u64,
    /// Fields seen by a viewer on a surface.
    pub shown: u64,
    /// Looks by a viewer whom every rule that shows something there bars.
    pub barred: u64,
    /// Consequences that began.
    pub restricted: u64,
    /// Consequences that ended.
    pub lifted: u64,
    /// Names told to be shown.
    pub begun: u64,
    /// Names told to be hidden again.
    pub hidden: u64,
    /// Appeals that were answered.
    pub appeals: u64,
}

impl Seen {
    /// Adds what another run saw.
    pub fn add(&mut self, other: &Self) {
        self.activated += other.activated;
        self.notices += other.notices;
        self.shown += other.shown;
        self.barred += other.barred;
        self.restricted += other.restricted;
        self.lifted += other.lifted;
        self.begun += other.begun;
        self.hidden += other.hidden;
        self.appeals += other.appeals;
    }
}

/// The rules in force and the time.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) laws: BTreeMap<RuleRef, RuleLaw>,
    pub(super) now: i64,
    pub(super) last_tick: i64,
}

impl Person {
    pub(super) fn new(id: AccountId) -> Self {
        Self {
            id,
            known: Known::default(),
            kind_said: None,
            verified_said: false,
            identity: None,
            places: BTreeSet::new(),
            holds: BTreeSet::new(),
            left: false,
            filter: None,
            told: BTreeMap::new(),
        }
    }

    /// Works out the facts that rest on more than one thing said.
    pub(super) fn settle(&mut self) {
        let identity = self.identity.as_ref();
        self.known.identity_verified =
            self.verified_said || identity.is_some_and(|identity| identity.verified);
        self.known.holder = identity.map(|identity| identity.kind).or(self.kind_said);
    }

    fn on_record(&self, field: Field) -> bool {
        self.places.contains(&field)
            || self.identity.as_ref().is_some_and(|identity| identity.fields.contains(&field))
    }

    fn concerns(&self, show: &ShowLaw) -> bool {
        show.holder.is_none_or(|kind| self.known.holder == Some(kind))
    }

    /// The fields that the rule would show of this holder as things are.
    pub(super) fn fields(&self, law: &RuleLaw) -> BTreeSet<Field> {
        let shows = law.shows.iter().filter(|show| self.concerns(show) && self.on_record(show.field));
        shows.map(|show| show.field).collect()
    }

    /// A yes was taken: to the fields it names, as far as there was something to show.
    pub(super) fn said_yes(&mut self, rule: &RuleRef, named: &[Field], law: &RuleLaw) {
        let shown = self.fields(law);
        let yes = named.iter().copied().filter(|field| shown.contains(field)).collect();
        self.told.entry(rule.clone()).or_default().yes = Some(yes);
    }

    /// A no was taken, or a yes taken back.
    pub(super) fn said_no(&mut self, rule: &RuleRef) {
        self.told.entry(rule.clone()).or_default().yes = None;
    }

    /// It left: whatever was said is over.
    pub(super) fn leave(&mut self) {
        self.left = true;
        self.told.clear();
    }

    /// A rule has another text: a grace is over by the new one when that has been at work for so long, and not before.
    pub(super) fn rule_changed(&mut self, pack: &str) {
        for (_, told) in self.told.iter_mut().filter(|(rule, _)| rule.pack.as_str() == pack) {
            told.gone_since = None;
        }
    }

    /// A tick was logged: what holds now, has held since some tick.
    pub(super) fn tick(&mut self, world: &World) {
        self.told.retain(|rule, told| world.laws.contains_key(rule) || told.notice.is_some());
        for (rule, law) in &world.laws {
            let told = self.told.entry(rule.clone()).or_default();
            if law.stand(&self.known, world.now) == Stand::Holds {
                told.held_since.get_or_insert(world.now);
                told.gone_since = None;
                told.over &= law.again == Again::NewNotice;
            } else {
                told.held_since = None;
                told.gone_since.get_or_insert(world.now);
            }
        }
        let gone = |rule: &RuleRef| !world.laws.contains_key(rule);
        for told in self.told.iter_mut().filter(|(rule, _)| gone(rule)).map(|(_, told)| told) {
            told.held_since = None;
        }
    }

    /// Hears what the machine tells the outside, and says if it may not be so.
    pub(super) fn hear(&mut self, effect: &Effect, world: &World, seen: &mut Seen) -> Result<()> {
        let now = world.now;
        match &effect.kind {
            EffectKind::NoticeDue { rule, due_at, .. } => {
                seen.notices += 1;
                let Some(law) = world.laws.get(rule) else { bail!("a notice under `{rule}`, not in force") };
                ensure!(law.personal, "a personal notice under `{rule}`, which is announced");
                ensure!(!self.left && self.holds.is_empty(), "a notice to one who left or is held");
                ensure!(
                    law.stand(&self.known, now) == Stand::Holds,
                    "a notice under `{rule}`, which does not hold"
                );
                ensure!(
                    due_at.0 == now.saturating_add(law.period_ms),
                    "the period of `{rule}` is not the pack's"
                );
                let told = self.told.entry(rule.clone()).or_default();
                ensure!(
                    told.held_since.is_some_and(|since| now >= since.saturating_add(law.dwell_ms)),
                    "a notice under `{rule}` before it held as long as the pack asks"
                );
                told.notice = Some(Notice { due: due_at.0, consent: law.consent, shows: law.shows.clone() });
                told.over = false;
                told.yes = None;
            }
            EffectKind::Withdrawn { rule, reason, .. } => {
                let told = self.told.entry(rule.clone()).or_default();
                told.over = true;
                told.appealed = None;
                // A rule that went, or shows something else now, is another rule.
                if matches!(reason, MoveReason::RuleGone | MoveReason::RuleChanged) {
                    told.notice = None;
                    told.yes = None;
                }
            }
            EffectKind::Shown { rule, .. } => {
                seen.begun += 1;
                let Some(law) = world.laws.get(rule) else { bail!("`{rule}` shows and is not in force") };
                self.may_show(rule, law, law.stand(&self.known, now), world)?;
                let told = self.told.get(rule);
                ensure!(
                    !law.consent || told.is_some_and(|told| told.yes.is_some()),
                    "promise 6: `{rule}` is told to show without consent"
                );
            }
            EffectKind::Hidden { .. } => seen.hidden += 1,
            EffectKind::Appealed { rule, .. } => {
                self.told.entry(rule.clone()).or_default().appealed = Some(now);
            }
            EffectKind::AppealDecided { rule, ruling, .. } => {
                seen.appeals += 1;
                let told = self.told.entry(rule.clone()).or_default();
                let since = told.appealed.take().unwrap_or(now);
                match (ruling, &mut told.notice) {
                    // What time an answer took is no part of a period that was running.
                    (Ruling::Upheld, Some(notice)) if notice.due > since => notice.due += now - since,
                    (Ruling::Upheld, _) => {}
                    (Ruling::Overturned, _) => {
                        told.notice = None;
                        told.yes = None;
                    }
                }
            }
            EffectKind::NoticeExtended { rule, due_at, .. } => {
                if let Some(notice) = self.told.entry(rule.clone()).or_default().notice.as_mut() {
                    ensure!(due_at.0 >= notice.due, "the period of `{rule}` got shorter");
                    notice.due = due_at.0;
                }
            }
            EffectKind::Restricted { rule, .. } => {
                seen.restricted += 1;
                let Some(law) = world.laws.get(rule) else { bail!("`{rule}` restricts and is not in force") };
                ensure!(
                    law.stand(&self.known, now) == Stand::Holds,
                    "consequences of `{rule}`, which does not hold"
                );
                let told = self.told.entry(rule.clone()).or_default();
                // A case may end and go on at one tick, where the rule lets an earlier answer count.
                told.over &= law.again == Again::NewNotice;
                ensure!(
                    !told.over && told.notice.as_ref().is_some_and(|notice| notice.due <= now),
                    "consequences of `{rule}` before its period is over"
                );
                ensure!(told.appealed.is_none(), "consequences of `{rule}` while an appeal is open");
                ensure!(!told.restricted, "consequences of `{rule}` twice");
                told.restricted = true;
            }
            EffectKind::Lifted { rule, .. } => {
                seen.lifted += 1;
                if let Some(told) = self.told.get_mut(rule) {
                    told.restricted = false;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A consequence must not outlive its cause: asked after each tick.
    pub(super) fn check_consequences(&self, world: &World) -> Result<()> {
        for (rule, _) in self.told.iter().filter(|(_, told)| told.restricted) {
            ensure!(!self.left, "consequences of `{rule}` for one who left");
            let stayed = self.told.get(rule).is_some_and(|told| told.appealed.is_some());
            ensure!(!stayed, "consequences of `{rule}` while an appeal is open");
            let stands = world.laws.get(rule).map(|law| law.stand(&self.known, world.now));
            ensure!(stands == Some(Stand::Holds), "consequences of `{rule}` outlive it");
        }
        Ok(())
    }

    /// Whether a rule may show anything now, as far as notice, time, holds and the trigger go: promise 6 without consent.
    fn may_show(&self, rule: &RuleRef, law: &RuleLaw, stand: Stand, world: &World) -> Result<()> {
        ensure!(!self.left, "promise 6: `{rule}` shows one who left");
        ensure!(self.holds.is_empty(), "promise 6: `{rule}` shows one who is held");
        if !law.personal {
            ensure!(stand == Stand::Holds, "promise 6: `{rule}` shows and does not hold");
            ensure!(
                law.announced_until() <= world.now,
                "promise 6: `{rule}` shows before its period is over"
            );
            return Ok(());
        }
        let Some(told) = self.told.get(rule) else { bail!("promise 6: `{rule}` shows without a notice") };
        let Some(notice) = &told.notice else { bail!("promise 6: `{rule}` shows without a notice") };
        ensure!(notice.due <= world.now, "promise 6: `{rule}` shows before its period is over");
        ensure!(told.appealed.is_none(), "promise 6: `{rule}` shows while an appeal is open");
        ensure!(!told.over, "promise 6: `{rule}` shows by the notice of a case that is over");
        match stand {
            Stand::Holds => {}
            Stand::Out => bail!("promise 6: `{rule}` shows one who is out of its reach"),
            Stand::Below => {
                let over = |grace: i64| {
                    told.gone_since.is_some_and(|gone| world.last_tick >= gone.saturating_add(grace))
                };
                match law.below {
                    Below::HideNow => bail!("promise 6: `{rule}` shows below its line"),
                    Below::Sticky => {}
                    Below::Grace(length) => ensure!(
                        !over(i64::try_from(length.0).unwrap_or(i64::MAX)),
                        "promise 6: `{rule}` shows after its grace"
                    ),
                }
            }
        }
        Ok(())
    }

    /// How every rule stands towards the account, for all that is seen of it at one moment.
    pub(super) fn stands(&self, world: &World) -> BTreeMap<RuleRef, Stand> {
        world.laws.iter().map(|(rule, law)| (rule.clone(), law.stand(&self.known, world.now))).collect()
    }

    /// Whether this viewer may see this field here: promises 6 and 8.
    pub(super) fn check(
        &self,
        shown: &ShownField,
        viewer: Viewer,
        surface: Surface,
        stands: &BTreeMap<RuleRef, Stand>,
        world: &World,
    ) -> Result<()> {
        let ShownField { field, coarse, rule, .. } = shown;
        let Some(law) = world.laws.get(rule) else { bail!("`{rule}` shows `{field}` and is not in force") };
        let admits = |show: &&ShowLaw| {
            show.field == *field
                && show.coarse == *coarse
                && self.concerns(show)
                && show.surfaces.contains(&surface)
                // A holder sees what anybody at all sees of them.
                && (viewer == Viewer::Holder || show.viewers.contains(&viewer))
        };
        ensure!(
            law.shows.iter().any(|show| admits(&show)),
            "promise 8: `{rule}` bars `{viewer}` from `{field}` on `{surface}`"
        );
        let stand = stands.get(rule).copied().unwrap_or_else(|| law.stand(&self.known, world.now));
        self.may_show(rule, law, stand, world)?;
        ensure!(self.on_record(*field), "`{rule}` shows `{field}`, which is not on record");
        if law.personal {
            let told = self.told.get(rule);
            let notice = told.and_then(|told| told.notice.as_ref());
            ensure!(
                notice.is_some_and(|notice| notice.shows.iter().any(|show| admits(&show))),
                "promise 6: the holder was not told that `{rule}` shows `{field}` to `{viewer}` on `{surface}`"
            );
            let asked = law.consent || notice.is_some_and(|notice| notice.consent);
            let yes = told.and_then(|told| told.yes.as_ref()).is_some_and(|yes| yes.contains(field));
            ensure!(!asked || yes, "promise 6: `{rule}` shows `{field}` without consent");
        }
        Ok(())
    }
}
