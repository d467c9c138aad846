//! The vault as the rest of the house uses it: sealing, refusing, forgetting, rotating.
#![expect(clippy::unwrap_used, reason = "helpers of tests may stop as tests do")]

mod forgetting;
mod refusals;
mod rings;
mod sealing;
mod support;
