//! The router in process, over storage in memory.

mod bad_input;
mod holders;
mod house;
mod ingest;
mod names;
mod operators;
mod pages;
mod platforms;
mod serving;
