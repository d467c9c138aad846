//! `nameplate config`: look at the settings without opening anything.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::config::Config;
use crate::talk;

/// Look at the settings
#[derive(Debug, Args)]
pub(crate) struct ConfigVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say whether the settings can be used
    Check,
    /// Make a root key: print it once, with the line for the settings
    RootKey {
        /// Print the key and its hash as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the settings in force, each with its meaning
    Print {
        /// Print the defaults instead
        #[arg(long)]
        defaults: bool,
    },
}

impl ConfigVerb {
    pub(crate) fn run(self, file: Option<&Path>) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Check => {
                Config::load(file, std::env::vars())?;
                talk!("the settings can be used");
            }
            Verb::RootKey { json } => {
                let key = web::mint_root().context("the system gave no randomness for a key")?;
                let hash: String = key.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
                if json {
                    super::out_json(&serde_json::json!({ "key": key.token, "sha256": hash }))?;
                    return Ok(ExitCode::SUCCESS);
                }
                super::out(|stdout| writeln!(stdout, "{}", key.token))?;
                talk!(
                    "the key is shown this once; put its hash into the settings:\n[server]\nroot_key_sha256 = \"{hash}\""
                );
            }
            Verb::Print { defaults } => {
                let config = if defaults { Config::default() } else { Config::load(file, std::env::vars())? };
                let text = config.print()?;
                super::out(|stdout| stdout.write_all(text.as_bytes()))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
