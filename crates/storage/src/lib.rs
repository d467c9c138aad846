//! Bytes that survive: a command log, snapshots and blobs behind three small contracts.
//!
//! This crate knows no account, no name and no rule: a record, a snapshot and a blob are opaque bytes.
//! Engines live in [`engines`]; what each of them promises is run as a test by `conformance`.

mod blobs;
mod command_log;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod engines;
mod error;
#[cfg(feature = "conformance")]
pub mod faults;
mod snapshots;

pub use blobs::{Blobs, blob_bytes_max, key_bytes_max};
pub use command_log::{CommandLog, Records, record_bytes_max};
pub use engines::{disk, memory};
pub use error::Error;
pub use snapshots::{Saving, Snapshots};
