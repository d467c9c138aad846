//! The state from outside: scripts for every command and refusal, models, replay, golden records.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod appeals;
mod cases;
mod changes;
mod commands;
mod golden;
mod ledgers;
mod model;
mod packs;
mod reading;
mod replay;
mod script;
mod some_followers;
mod webhooks;
