//! `nameplate config`: look at the settings without opening anything.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::config::{Config, Member};
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
    /// Make a member of staff who logs in without the identity provider: password and code are printed once
    Member {
        /// The name they log in with
        name: String,
        /// What they may do
        #[arg(long, value_delimiter = ',', default_value = "watch", value_name = "DUTY,...")]
        duties: Vec<String>,
        /// Print everything as one JSON object
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
            Verb::Member { name, duties, json } => {
                state::Code::new(&name)
                    .map_err(|error| anyhow::anyhow!("`{name}` is no name for a member: {error}"))?;
                for duty in &duties {
                    web::Duty::parse(duty).with_context(|| {
                        format!(
                            "`{duty}` is no duty; there are {}",
                            web::Duty::ALL.map(web::Duty::as_str).join(", ")
                        )
                    })?;
                }
                let new = web::new_member().context("the system gave no randomness for a password")?;
                let app = format!("otpauth://totp/nameplate:{name}?secret={}&issuer=nameplate", new.totp);
                let section = toml::to_string(&Member {
                    password: new.hash,
                    totp: new.totp.clone(),
                    duties,
                    ..Member::default()
                })?;
                let section = format!("[members.{name}]\n{section}");
                if json {
                    super::out_json(&serde_json::json!({
                        "password": new.password, "totp": new.totp, "app": app, "section": section,
                    }))?;
                    return Ok(ExitCode::SUCCESS);
                }
                super::out(|stdout| writeln!(stdout, "{section}"))?;
                talk!(
                    "put the section above into the settings; the password is shown this once:\n{}\nand this is for the \
                     authenticator app, as text or as a QR code:\n{app}",
                    new.password
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
