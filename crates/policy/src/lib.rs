//! The pack language: parse, check, evaluate, explain. Sees counts and flags, never a person.
//!
//! A pack is files ([`Bundle`]) that [`parse`] into typed data ([`Pack`]), in which a value is either stated by a
//! source or a gap. The operator's [`Choices`] fill the gaps: an [`ActivePack`]. That one answers for an account's
//! [`Facts`] whether a rule holds, at which follower counts this changes, and what a viewer sees and why.
//! Nothing here knows a clock: `now` is always handed in, so the same log gives the same decisions for ever.

mod active;
mod bundle;
pub mod cases;
mod check;
mod choices;
mod decide;
mod diagnostic;
mod evaluate;
mod explain;
mod facts;
pub mod forecast;
mod ledger;
pub mod matrix;
mod money;
mod pack;
mod parse;
pub mod simulate;
mod time;
mod window;
mod words;

pub use active::{ActiveExemption, ActivePack, ActivePhase, ActiveRule, ActiveShow, Origin, Setting};
pub use bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError, FILES_MAX, PATH_BYTES_MAX};
pub use check::check;
pub use choices::{ChoiceProblem, Choices, MissingChoice};
pub use decide::{CaseView, Decision, Look, Shown, Withheld};
pub use diagnostic::{At, Diagnostic, Severity, any_error};
pub use explain::{ExemptionView, Explanation, PhaseView, TestView};
pub use facts::{FOLLOWER_COUNTS, FOLLOWERS, Facts, is_follower_count};
pub use ledger::{Day, LEDGER_DAYS_MAX, Ledger, LedgerName, Ledgers};
pub use money::Currency;
pub use pack::{
    Appeal, Bar, Below, Exemption, Gap, GapKind, LANGUAGE, Pack, Phase, Rule, Show, Source, Start, Stated,
    Suggestion, Test, TestKind,
};
pub use parse::parse;
pub use time::{Date, LENGTH_MAX, Length, Millis};
pub use window::{Span, WindowTest};
pub use words::{
    Again, Class, Coarse, Compare, ExemptKind, Field, FieldSet, Grade, HolderKind, NoticeKind, Reason,
    Standing, Status, Surface, TopicMode, Viewer,
};
