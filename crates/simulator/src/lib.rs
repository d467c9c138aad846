//! Seeded whole-system runs: a made-up month of a platform against an independent model.
//!
//! The same seed gives the same run on every machine. A run that never exercised what it is meant to show fails.

pub mod exactness;
pub mod fuzzed;
mod history;
mod house;
pub mod listing;
mod model;
pub mod oracle;
mod population;
mod random;
mod replay;
pub mod rules;
pub mod soak;
mod steps;
pub mod whole;

pub use history::Size;
pub use random::Random;
pub use replay::{Report, run as replay};
