//! `nameplate backup`: copy a data folder into an archive folder.
//!
//! The folder is locked meanwhile, so the copy is one moment. The key that opens the identities is not copied: whoever
//! finds the archive must not be able to read a name.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use pipeline::Clock;
use serde_json::json;

use super::{Data, Load, out_json};
use crate::archive::Archive;
use crate::progress::grouped;
use crate::{talk, wiring};

/// Copy a data folder, checked, into an archive folder
///
/// The data folder must not be in use. The vault's key file is not copied; keep it elsewhere.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    data: Data,
    /// The archive folder; it must not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        if self.to.exists() {
            bail!("`{}` exists; choose a new folder for the archive", self.to.display());
        }
        // Opened once before it is copied: an archive of a folder that does not open helps nobody.
        let store = wiring::open(&config, Clock::System)?;
        let position = store.opened.position;
        let dir = store.dir.clone();
        store.pipeline.close();
        drop(store.vault);

        let archive = Archive::at(&self.to);
        let manifest = archive
            .write(&config.store.data, position)
            .with_context(|| format!("cannot write the archive `{}`", self.to.display()))?;
        archive.verify().context("the archive was written but does not verify")?;
        drop(dir);

        let (files, bytes) = manifest.sums();
        if self.json {
            out_json(
                &json!({ "archive": self.to.display().to_string(), "position": position, "files": files, "bytes": bytes }),
            )?;
        }
        talk!(
            "position {position} is in `{}`: {} files, {} bytes, read back and compared",
            self.to.display(),
            grouped(files),
            grouped(bytes)
        );
        Ok(ExitCode::SUCCESS)
    }
}
