//! `stories`: two stories from beginning to end over HTTP, on a server that rehearses, and an endpoint that hears them.
//!
//! Everything that the feed tells must come to the endpoint, be the same there, and verify: by the endpoint's own program in
//! Python, by the crate `standardwebhooks` and by the public key. The server is killed twice on the way.

mod autumn;
mod inform;
mod receiver;
mod stage;

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::process::{release_binary, scratch};
use stage::Stage;

/// 31 October 2023, 00:00 UTC.
const AUTUMN_2023_MS: i64 = 1_698_710_400_000;

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let binary = release_binary()?;
    let started = Instant::now();
    let mut stage = Stage::open(&binary, &scratch("stories")?, &["weibo", "market"], AUTUMN_2023_MS)?;
    let told = [autumn::play(&mut stage)?, inform::play(&mut stage)?];
    let counts = stage.close()?.counts;
    ensure!(counts.refused >= 1, "the first message was to be refused once");
    told.iter().for_each(|told| println!("{told}"));
    println!(
        "{} messages, {} of them refused by the endpoint and sent again, {} heard twice under one id; each verified in Python, by \
         the crate `standardwebhooks` and by the public key; the server was killed twice; {} s",
        counts.messages,
        counts.refused,
        counts.again,
        started.elapsed().as_secs()
    );
    Ok(())
}
