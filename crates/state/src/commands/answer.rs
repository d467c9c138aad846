//! A holder answers a notice: yes field by field, no, or takes the answer back.
//!
//! A no before the period is over has its consequences when it is over, never before. A no to a name that is shown
//! hides it at once. A late yes counts from the moment it is logged: the notice was given and its time is over.

use policy::Field;

use crate::ids::{AccountId, Code, PlatformId, RuleRef};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// The rule whose notice is answered.
    pub rule: RuleRef,
    /// The round that the holder was told about; an answer never slips into a later round.
    pub round: u32,
    /// The answer.
    pub answer: HolderAnswer,
}

/// What a holder may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolderAnswer {
    /// Yes, to these fields, having read that text.
    Consent {
        /// Each field that may be shown.
        fields: Vec<Field>,
        /// Version of the text that was read.
        text_version: Code,
    },
    /// No.
    Refuse,
    /// Takes back what was said; a consent to a name that is shown becomes a no.
    Withdraw,
}
