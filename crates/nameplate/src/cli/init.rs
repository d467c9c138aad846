//! `nameplate init`: a data folder, its key ring and the first API key.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use pipeline::Clock;
use serde_json::json;
use state::commands::{IssueKey, RegisterPlatform};
use state::{Command, Label, PlatformId, Role, Roles};

use super::{Data, Load, out, out_json, platform, submit};
use crate::{talk, wiring};

/// Make a data folder, its key ring and the first API key
///
/// On a data folder that exists, `--platform` adds another platform.
#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    data: Data,
    /// Register this platform and print an API key for it, once
    #[arg(long, value_name = "ID")]
    platform: Option<PlatformId>,
    /// How operators call the platform [default: its id]
    #[arg(long, value_name = "TEXT", requires = "platform")]
    title: Option<Label>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

impl Init {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let folder = config.store.data.display().to_string();
        let is_new = !config.store.data.join(wiring::RING_FILE).exists();
        if is_new {
            wiring::create_ring(&config)?;
        } else if self.platform.is_none() {
            bail!("`{folder}` is a data folder already; add a platform to it with `--platform`");
        }
        let store = wiring::open(&config, Clock::System)?;
        let handle = store.handle();

        let mut token = None;
        if let Some(id) = &self.platform {
            if handle.reader().platform(id).is_some() {
                bail!("the platform `{id}` exists already");
            }
            let title = match self.title {
                Some(title) => title,
                None => Label::new(id.as_str())?,
            };
            submit(&handle, Command::RegisterPlatform(RegisterPlatform { platform: id.clone(), title }))?;
            let key = web::mint().context("the system gave no randomness for a key")?;
            submit(
                &handle,
                Command::IssueKey(IssueKey {
                    platform: id.clone(),
                    key_id: key.id.clone(),
                    sha256: key.sha256,
                    roles: Roles::of(&Role::ALL),
                    label: Label::new("first key")?,
                    expires: None,
                }),
            )?;
            platform(handle.reader(), id)?;
            token = Some(key.token);
        }
        store.pipeline.close();

        let key_file = config.vault.passphrase_file.is_none().then(|| wiring::key_file(&config));
        if self.json {
            out_json(&json!({
                "data": folder,
                "created": is_new,
                "platform": self.platform.as_ref().map(PlatformId::as_str),
                "api_key": token,
                "key_file": key_file.as_ref().map(|path| path.display().to_string()),
            }))?;
        } else if let Some(token) = &token {
            out(|stdout| writeln!(stdout, "{token}"))?;
        }
        if is_new {
            talk!("made the data folder `{folder}`");
            if let Some(path) = &key_file {
                talk!(
                    "`{}` opens the identities: keep a copy elsewhere, a backup does not hold it",
                    path.display()
                );
            }
        }
        if let Some(id) = &self.platform {
            talk!("platform `{id}` is registered; its API key is shown this once");
        }
        Ok(ExitCode::SUCCESS)
    }
}
