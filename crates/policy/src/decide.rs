//! What one viewer sees beside one account on one surface, and why not the rest.
//!
//! The viewer is asked before the account: a barred viewer learns nothing about the account from the reason.

use crate::active::{ActivePack, ActiveRule, ActiveShow};
use crate::evaluate::Seen;
use crate::facts::Facts;
use crate::pack::Below;
use crate::time::Millis;
use crate::words::{Coarse, Field, FieldSet, NoticeKind, Reason, Surface, Viewer};

/// How one account stands under one rule with personal notice, as the state machine has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseView {
    /// Index into [`ActivePack::rules`].
    pub rule: usize,
    /// Notice is durable and over, consent was given if needed, and nothing stays it.
    pub showing: bool,
    /// Since when it is as it is.
    pub since: Millis,
    /// Why it is not showing; not read while `showing`.
    pub reason: Reason,
    /// The fields the holder agreed to; read if the rule needs consent.
    pub consented: FieldSet,
}

/// Everything one decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The account's facts.
    pub facts: &'a Facts,
    /// The account's cases under this pack.
    pub cases: &'a [CaseView],
    /// The fields on record for the holder and the account.
    pub have: FieldSet,
    /// A safety hold is in place.
    pub held: bool,
    /// The holder has left.
    pub left: bool,
    /// Who is looking.
    pub viewer: Viewer,
    /// Where.
    pub surface: Surface,
    /// When.
    pub now: Millis,
}

/// One field that the viewer may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What.
    pub field: Field,
    /// How coarsely.
    pub coarse: Coarse,
    /// Index into [`ActivePack::rules`].
    pub rule: usize,
    /// Since when the rule shows it.
    pub since: Millis,
    /// Why.
    pub reason: Reason,
}

/// One field that the viewer may not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// What.
    pub field: Field,
    /// Index into [`ActivePack::rules`].
    pub rule: usize,
    /// Why not. Tell it to others than the holder only if [`Reason::is_public`].
    pub reason: Reason,
}

/// What one viewer sees: every field that a rule of the pack names is in one of the two lists, once per rule part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Seen, in the order of rules and their parts.
    pub shown: Vec<Shown>,
    /// Not seen, in the same order.
    pub withheld: Vec<Withheld>,
}

impl ActivePack {
    /// Decides what the viewer sees. Pure, and cheap enough to run on every page view.
    pub fn decide(&self, look: &Look<'_>) -> Decision {
        let mut decision = Decision::default();
        let name_shown = look.facts.name_shown || (self.looks_at_names && self.name_shown(look));
        let seen = Seen { name_shown, ..Seen::new(look.facts, look.now) };
        for (index, rule) in self.rules().iter().enumerate() {
            for show in &rule.shows {
                let answer = show.admits(look.viewer, look.surface);
                match answer.and_then(|()| rule.displays(index, show, look, seen)) {
                    Ok((since, reason)) => decision.shown.push(Shown {
                        field: show.field,
                        coarse: show.coarse,
                        rule: index,
                        since,
                        reason,
                    }),
                    Err(reason) => {
                        decision.withheld.push(Withheld { field: show.field, rule: index, reason });
                    }
                }
            }
        }
        decision
    }

    /// True if a name is on display to anybody under this pack, whoever is looking now.
    ///
    /// Where several packs are active, set [`Facts::name_shown`] if any of them says so, then decide: otherwise
    /// a region would stay beside a name that another pack shows.
    pub fn name_shown(&self, look: &Look<'_>) -> bool {
        let seen = Seen::new(look.facts, look.now);
        self.rules().iter().enumerate().any(|(index, rule)| {
            rule.shows
                .iter()
                .any(|show| show.field.is_name() && rule.displays(index, show, look, seen).is_ok())
        })
    }
}

impl ActiveShow {
    /// Whether this viewer sees anything of it on this surface at all.
    fn admits(&self, viewer: Viewer, surface: Surface) -> Result<(), Reason> {
        if !self.surfaces.contains(&surface) {
            return Err(Reason::SurfaceNotNamed);
        }
        if self.viewers.contains(&viewer) {
            return Ok(());
        }
        Err(match viewer {
            // A holder sees what others see of them; there is always somebody who sees it.
            Viewer::Holder => return Ok(()),
            Viewer::LoggedOut => Reason::ViewerNotLoggedIn,
            Viewer::Unverified => Reason::ViewerNotVerified,
            Viewer::BadStanding => Reason::ViewerInBadStanding,
            Viewer::Verified | Viewer::Buyer | Viewer::Staff => Reason::ViewerNotNamed,
        })
    }
}

impl ActiveRule {
    /// Whether the field is on display at all, with since when and why.
    fn displays(
        &self,
        index: usize,
        show: &ActiveShow,
        look: &Look<'_>,
        seen: Seen<'_>,
    ) -> Result<(Millis, Reason), Reason> {
        if look.left {
            return Err(Reason::Left);
        }
        if look.held {
            return Err(Reason::Held);
        }
        let why_not = self.why_not(seen, look.now);
        let (since, reason) = match self.notice {
            NoticeKind::Announcement => {
                if let Some(reason) = why_not {
                    return Err(reason);
                }
                let since = self.announced_until();
                if look.now < since {
                    return Err(Reason::InNotice);
                }
                (since, Reason::ShownByRule)
            }
            NoticeKind::Personal => {
                let case = look.cases.iter().find(|case| case.rule == index);
                match (why_not, case) {
                    (None, Some(case)) if case.showing => (case.since, Reason::ShownByRule),
                    (None, Some(case)) => return Err(case.reason),
                    (None, None) => return Err(Reason::NotNoticed),
                    (Some(Reason::BelowThreshold | Reason::OutOfScope), Some(case))
                        if case.showing && self.below != Below::HideNow =>
                    {
                        (case.since, Reason::ShownInGrace)
                    }
                    (Some(reason), _) => return Err(reason),
                }
            }
        };
        if show.holder.is_some_and(|kind| seen.facts.holder_kind != Some(kind)) {
            return Err(Reason::OtherHolderKind);
        }
        if !look.have.contains(show.field) {
            return Err(Reason::NotOnRecord);
        }
        if self.consent_required
            && !look.cases.iter().any(|case| case.rule == index && case.consented.contains(show.field))
        {
            return Err(Reason::AwaitingConsent);
        }
        Ok((since, reason))
    }
}
