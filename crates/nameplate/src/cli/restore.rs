//! `nameplate restore`: a data folder from an archive folder.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use pipeline::Clock;
use serde_json::json;

use super::{Data, Load, out_json};
use crate::archive::Archive;
use crate::{talk, wiring};

/// Make a data folder from an archive folder, checked
///
/// The data folder must not exist. The vault's key comes from `--key-file` or from the settings.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    data: Data,
    /// The archive folder
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The vault's key file, copied to where the settings look for it
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let data = &config.store.data;
        if data.exists() {
            bail!("`{}` exists; choose a new folder to restore to", data.display());
        }
        let archive = Archive::at(&self.from);
        let manifest = archive
            .verify()
            .with_context(|| format!("the archive `{}` is not whole", self.from.display()))?;
        let key = wiring::key_file(&config);
        if config.vault.passphrase_file.is_none() && self.key_file.is_none() && !key.is_file() {
            bail!(
                "the vault's key is not in the archive; give the file that was kept elsewhere with `--key-file`"
            );
        }
        archive.restore(&manifest, data)?;
        if let Some(from) = &self.key_file {
            std::fs::copy(from, &key)
                .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), key.display()))?;
        }
        let store = wiring::open(&config, Clock::System)?;
        let position = store.opened.position;
        store.pipeline.close();
        if position != manifest.position {
            bail!("the restored folder ends at position {position}, the archive at {}", manifest.position);
        }
        if self.json {
            out_json(&json!({ "data": data.display().to_string(), "position": position }))?;
        }
        talk!("`{}` is restored up to position {position} and opens", data.display());
        Ok(ExitCode::SUCCESS)
    }
}
