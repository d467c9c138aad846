//! Files and bodies as other platforms send them, good and bad.
#![expect(clippy::unwrap_used, reason = "helpers of tests may stop as tests do")]

mod compressed;
mod files;
mod files_any;
mod ingest;
mod support;
