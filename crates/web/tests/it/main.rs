//! The router in process, over storage in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod amounts;
mod appeals;
mod bad_input;
mod export;
mod filters;
mod followers;
mod holders;
mod house;
mod ingest;
mod names;
mod operators;
mod pages;
mod platforms;
mod regions;
mod serving;
mod staff;
mod webhooks;
