//! What the outside must be told: a value, not an act.
//!
//! An effect carries ids only, never a name. Its id is the entry's position and its index there, so telling it twice
//! is harmless and replay gives the same ids.

use std::sync::Arc;

use policy::Millis;

use crate::case::Ruling;
use crate::ids::{AccountId, Code, PlatformId, RuleRef};

/// Position of the entry that caused it, and the index among the effects of that entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId {
    /// The entry's position.
    pub position: u64,
    /// From 0, in the order the moves were made.
    pub index: u32,
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Unique and repeatable.
    pub id: EffectId,
    /// The entry's time.
    pub at: Millis,
    /// The platform to tell.
    pub platform: PlatformId,
    /// The account it is about.
    pub account: AccountId,
    /// What happened.
    pub kind: EffectKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectKind {
    /// The count passed a threshold of an active pack since the tick before.
    Crossed {
        /// The threshold nearest to where the count is now.
        threshold: u64,
        /// Up or down.
        up: bool,
        /// The count now.
        count: u64,
    },
    /// The notice must be handed to the holder; the clock runs.
    NoticeDue {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
        /// When the period is over.
        due_at: Millis,
    },
    /// The rule's fields are shown from now on.
    Shown {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
    },
    /// The rule's fields are no longer shown.
    Hidden {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
        /// Why.
        reason: MoveReason,
    },
    /// The holder refused or was silent: these consequences apply.
    Restricted {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
        /// Refused, silent, ...
        reason: MoveReason,
        /// The pack's words for what to restrict.
        consequences: Arc<[String]>,
    },
    /// Those consequences no longer apply.
    Lifted {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
        /// The pack's words for what was restricted.
        consequences: Arc<[String]>,
    },
    /// The case is over.
    Withdrawn {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
        /// Why.
        reason: MoveReason,
    },
    /// The holder appealed: nothing of the case is shown, and nothing comes of it, until it is answered.
    Appealed {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
        /// Why, as a code.
        ground: Code,
        /// When the pack wants an answer.
        answer_due_at: Millis,
    },
    /// An appeal was answered.
    AppealDecided {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
        /// What the answer is.
        ruling: Ruling,
        /// Why, as a code.
        reason: Code,
    },
    /// The holder has longer: an operator extended the notice period, or an appeal stayed it.
    NoticeExtended {
        /// The rule.
        rule: RuleRef,
        /// The round of the case.
        round: u32,
        /// When the period is over now.
        due_at: Millis,
    },
    /// A safety hold is in place; nothing is shown.
    Held {
        /// Why, as a code.
        reason: Code,
    },
    /// The last hold is released.
    Released {
        /// The reason of the hold that was released.
        reason: Code,
    },
    /// The account has left; everything of it is gone.
    Left,
    /// Followers were removed by a filter.
    Filtered {
        /// The filter: the position of its command.
        filter: u64,
        /// How many went.
        removed: u32,
        /// The count afterwards.
        left: u32,
    },
    /// A filter was undone.
    Restored {
        /// The filter: the position of its command.
        filter: u64,
        /// How many came back.
        restored: u32,
        /// The count afterwards.
        count: u32,
    },
}

impl EffectKind {
    /// The machine words of all kinds.
    pub const WORDS: [&'static str; 15] = [
        "crossed",
        "notice_due",
        "shown",
        "hidden",
        "restricted",
        "lifted",
        "withdrawn",
        "appealed",
        "appeal_decided",
        "notice_extended",
        "held",
        "released",
        "left",
        "filtered",
        "restored",
    ];

    /// The machine word, as in the API: `crossed`, `notice_due`, ...
    pub fn as_str(&self) -> &'static str {
        match self {
            EffectKind::Crossed { .. } => "crossed",
            EffectKind::NoticeDue { .. } => "notice_due",
            EffectKind::Shown { .. } => "shown",
            EffectKind::Hidden { .. } => "hidden",
            EffectKind::Restricted { .. } => "restricted",
            EffectKind::Lifted { .. } => "lifted",
            EffectKind::Withdrawn { .. } => "withdrawn",
            EffectKind::Appealed { .. } => "appealed",
            EffectKind::AppealDecided { .. } => "appeal_decided",
            EffectKind::NoticeExtended { .. } => "notice_extended",
            EffectKind::Held { .. } => "held",
            EffectKind::Released { .. } => "released",
            EffectKind::Left => "left",
            EffectKind::Filtered { .. } => "filtered",
            EffectKind::Restored { .. } => "restored",
        }
    }
}

macro_rules! move_reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $word:literal;)*) => {
        /// Why a case moved. One byte; the numbers are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum MoveReason {
            $($(#[$doc])* $name = $number,)*
        }

        impl MoveReason {
            /// Every reason, in the order of its number.
            pub const ALL: &'static [MoveReason] = &[$(MoveReason::$name,)*];

            /// The machine word, as in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(MoveReason::$name => $word,)* }
            }

            pub(crate) fn from_number(number: u8) -> Option<MoveReason> {
                match number { $($number => Some(MoveReason::$name),)* _ => None }
            }
        }
    };
}

move_reasons! {
    /// The rule's trigger began to hold.
    TriggerHolds = 0, "trigger_holds";
    /// The trigger held as long as the rule asks; the notice went out.
    DwellOver = 1, "dwell_over";
    /// The notice period is over and the holder consented.
    Consented = 2, "consented";
    /// The notice period is over and the rule needs no consent.
    PeriodOver = 3, "period_over";
    /// The holder consented after the period was over.
    ConsentedLate = 4, "consented_late";
    /// The holder refused.
    Refused = 5, "refused";
    /// The holder did not answer in time.
    Silent = 6, "silent";
    /// The holder took a consent back.
    ConsentWithdrawn = 7, "consent_withdrawn";
    /// None of the fields is on the holder's record.
    NoIdentity = 8, "no_identity";
    /// The trigger no longer holds.
    TriggerGone = 9, "trigger_gone";
    /// The grace period after the trigger was gone is over.
    GraceOver = 10, "grace_over";
    /// The trigger holds again.
    TriggerBack = 11, "trigger_back";
    /// The earlier answer counts again, as the rule says.
    Resumed = 12, "resumed";
    /// The pack no longer has the rule, or is no longer active.
    RuleGone = 13, "rule_gone";
    /// The rule shows something else now, so the holder must be told again.
    RuleChanged = 14, "rule_changed";
    /// A safety hold.
    Held = 15, "held";
    /// The last hold was released.
    Released = 16, "released";
    /// The account left.
    Left = 17, "left";
    /// The identity is on record now.
    IdentityLinked = 18, "identity_linked";
    /// The holder appealed.
    Appealed = 19, "appealed";
    /// An appeal was answered: the case goes on.
    Upheld = 20, "upheld";
    /// An appeal was answered: the case is over.
    Overturned = 21, "overturned";
    /// An operator gave the holder longer.
    Extended = 22, "extended";
}
