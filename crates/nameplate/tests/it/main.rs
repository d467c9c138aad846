//! The real binary, as a person or a script uses it: init, import, export, restart, kill, backup, demo.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod archive;
mod bench;
mod forgotten;
mod house;
mod import;
mod killed;
mod server;
mod story;
mod verbs;
