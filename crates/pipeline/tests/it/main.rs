//! The pipeline against storage that fails, a clock that is moved, and restarts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod effects;
mod faults;
mod forgetting;
mod house;
mod identity;
mod queue;
mod restart;
mod stamps;
