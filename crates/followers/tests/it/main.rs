//! The engine as its callers see it: scripts for every rule, a naive model for everything at once, and laws.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod filters;
mod laws;
mod model;
mod pins;
mod readers;
mod saved;
mod script;
mod sets;
