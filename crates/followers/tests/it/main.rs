//! The engine as its callers see it: scripts for every rule, a naive model for everything at once, and laws.

mod laws;
mod model;
mod readers;
mod saved;
mod script;
mod sets;
