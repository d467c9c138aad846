//! One account under one rule, from crossing to end.
//!
//! A case moves at a tick, or at the command that has the power to move it; follows and unfollows never move one.
//! What a viewer gets is computed from the case and the facts of the moment, so hiding does not wait for a move.

use std::sync::Arc;

use policy::{FieldSet, Millis};

use crate::effect::MoveReason;
use crate::ids::{Actor, Code, RuleRef};

/// Moves kept in a case at most; older ones are dropped, and [`Case::moves_dropped`] counts them.
pub const MOVES_MAX: usize = 32;

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Status {
    /// The trigger holds; the dwell time is running and nobody was told yet.
    Crossed = 0,
    /// The notice is out; the period is running.
    Noticed = 1,
    /// The rule's fields are shown, unless a hold, a refusal or the facts of the moment hide them.
    Shown = 2,
    /// Refused or silent: the consequences apply, nothing is shown.
    Restricted = 3,
    /// The trigger is gone, the grace period is running and the fields are still shown.
    Below = 4,
    /// Over. A new crossing opens the next round.
    Withdrawn = 5,
    /// The account left. Final.
    Left = 6,
}

impl Status {
    /// Every status, in the order of its number.
    pub const ALL: [Status; 7] = [
        Status::Crossed,
        Status::Noticed,
        Status::Shown,
        Status::Restricted,
        Status::Below,
        Status::Withdrawn,
        Status::Left,
    ];

    /// The machine word, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Crossed => "crossed",
            Status::Noticed => "noticed",
            Status::Shown => "shown",
            Status::Restricted => "restricted",
            Status::Below => "below",
            Status::Withdrawn => "withdrawn",
            Status::Left => "left",
        }
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Not over yet.
    pub fn is_open(self) -> bool {
        !matches!(self, Status::Withdrawn | Status::Left)
    }

    pub(crate) fn from_number(number: u8) -> Option<Status> {
        Status::ALL.get(usize::from(number)).copied()
    }
}

/// A holder's yes: dated, field by field, to a text of a known version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentGiven {
    /// The fields it names.
    pub fields: FieldSet,
    /// The version of the text that the holder read.
    pub text_version: Code,
    /// When it was logged.
    pub at: Millis,
}

/// What a second person said to an appeal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Ruling {
    /// The rule applies: the case goes on where the appeal stayed it.
    Upheld = 0,
    /// It does not: the case is over.
    Overturned = 1,
}

impl Ruling {
    /// The machine word, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Ruling::Upheld => "upheld",
            Ruling::Overturned => "overturned",
        }
    }

    /// The ruling of that name.
    pub fn parse(text: &str) -> Option<Ruling> {
        [Ruling::Upheld, Ruling::Overturned].into_iter().find(|ruling| ruling.as_str() == text)
    }

    pub(crate) fn from_number(number: u8) -> Option<Ruling> {
        [Ruling::Upheld, Ruling::Overturned].get(usize::from(number)).copied()
    }
}

/// A holder's objection to a case. While it waits for an answer nothing of the case is shown and nothing comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appealed {
    /// Why, as a code; what the holder wrote stays with the platform.
    pub ground: Code,
    /// When it was logged.
    pub at: Millis,
    /// When the pack wants it answered.
    pub answer_due_at: Millis,
    /// The answer; none while it is open.
    pub answer: Option<AppealAnswer>,
}

/// An answer to an appeal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppealAnswer {
    /// What it is.
    pub ruling: Ruling,
    /// Why, as a code.
    pub reason: Code,
    /// On what basis, as a code: an article, a clause of the platform's terms.
    pub legal_basis: Code,
    /// Who gave it.
    pub by: Actor,
    /// When it was logged.
    pub at: Millis,
}

/// One move of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The entry that caused it.
    pub position: u64,
    /// That entry's time.
    pub at: Millis,
    /// `None` for the first move of the first round.
    pub from: Option<Status>,
    /// The new status.
    pub to: Status,
    /// Why.
    pub reason: MoveReason,
}

/// One account under one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The rule.
    pub rule: RuleRef,
    /// The pack's version that the holder was told about.
    pub pack_version: u32,
    /// The pack's hash that the holder was told about.
    pub pack_hash: [u8; 32],
    /// Counts crossings, from 1.
    pub round: u32,
    /// Where it stands.
    pub status: Status,
    /// Why it stands there.
    pub reason: MoveReason,
    /// Since when it stands there.
    pub since: Millis,
    /// When the trigger was first seen to hold in this round.
    pub crossed_at: Millis,
    /// When the notice was logged; nothing is shown without it.
    pub noticed_at: Option<Millis>,
    /// When the notice period is over.
    pub due_at: Option<Millis>,
    /// The holder's yes in force.
    pub consent: Option<ConsentGiven>,
    /// The holder's no in force.
    pub refused_at: Option<Millis>,
    /// Did the no take back an earlier yes?
    pub took_back: bool,
    /// The consequences in force, in the pack's words; empty unless [`Status::Restricted`].
    pub consequences: Arc<[String]>,
    /// When the grace period is over, while [`Status::Below`].
    pub grace_until: Option<Millis>,
    /// Appeals of this round, oldest first; only the last may be open.
    pub appeals: Vec<Appealed>,
    /// An appeal was granted: the same trigger opens no other round before it was seen not to hold.
    pub spared: bool,
    /// The latest moves, oldest first, [`MOVES_MAX`] at most.
    pub moves: Vec<Move>,
    /// Earlier moves that are no longer kept.
    pub moves_dropped: u32,
    /// What the rule shows to whom, as the holder was told; another rule text needs another notice.
    pub(crate) terms: [u8; 32],
    /// Was the outside last told that the name is shown?
    pub(crate) told_shown: bool,
}

impl Case {
    /// Is the holder's name up for showing, as far as the case goes? Facts, holds and viewers are asked afterwards.
    pub fn is_showing(&self) -> bool {
        matches!(self.status, Status::Shown | Status::Below) && self.refused_at.is_none() && !self.is_stayed()
    }

    /// The appeal that waits for an answer.
    pub fn open_appeal(&self) -> Option<&Appealed> {
        self.appeals.last().filter(|appeal| appeal.answer.is_none() && self.status.is_open())
    }

    /// Is the case stayed by an appeal?
    pub fn is_stayed(&self) -> bool {
        self.open_appeal().is_some()
    }
}
