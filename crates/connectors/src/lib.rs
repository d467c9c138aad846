//! Other platforms' events become commands, and decisions become messages to them.
//!
//! Everything read here comes from outside and may be wrong: a bad line is refused by number and reason, never by
//! its contents, and never stops the lines after it.
//!
//! | module | reads |
//! |---|---|
//! | `files` | exports of follows: CSV, TSV, columns in white space, NDJSON; plain, gzip or zstd |
//! | `ingest` | the NDJSON of one HTTP request |
//! | `compression` | bodies that someone else compressed, up to a limit |
//!
//! `webhooks` sends.

pub mod compression;
pub mod files;
pub mod ingest;
pub mod webhooks;

mod amount;
mod batch;
mod json;
mod refusal;
mod when;

pub use batch::Batch;
pub use refusal::{Column, Refusals, Refused, Why};
