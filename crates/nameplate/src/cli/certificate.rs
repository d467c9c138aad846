//! `nameplate certificate`: signed counts, made and verified. Verifying needs no data folder.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use state::{AccountId, PlatformId};
use web::certificate::{Certificate, hex, unhex};

use super::{Data, EXIT_REFUSED, Load, out, out_json, platform};
use crate::{talk, wiring};

/// Make or verify signed counts
#[derive(Debug, Args)]
pub(crate) struct CertificateVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// State, signed, how many followers an account has and which
    Make(Make),
    /// Check a certificate; exits with 3 when it proves nothing
    Verify(Verify),
    /// Print the public key that this data folder signs with
    Key(Key),
}

#[derive(Debug, Args)]
struct Make {
    #[command(flatten)]
    data: Data,
    /// The platform
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
    /// The account
    account: AccountId,
}

#[derive(Debug, Args)]
struct Verify {
    /// File with the certificate
    file: PathBuf,
    /// The server's public key, 64 hexadecimal digits, from its `/v1/certificates/key`
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

#[derive(Debug, Args)]
struct Key {
    #[command(flatten)]
    data: Data,
}

impl CertificateVerb {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Make(make) => make.run(load),
            Verb::Verify(verify) => verify.run(),
            Verb::Key(key) => key.run(load),
        }
    }
}

impl Make {
    fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let store = wiring::open_to_look(&config)?;
        let handle = store.handle();
        let read = platform(handle.reader(), &self.platform)?;
        let account = read
            .account(self.account.key())
            .with_context(|| format!("`{}` was never seen on `{}`", self.account, self.platform))?;
        // Nothing is written here, so the first look is the last position.
        let Some(at) = account.followers_now(1_000) else { bail!("the state does not come to rest") };
        let made = Certificate::sign(&self.platform, &self.account.to_string(), &at, &store.signer);
        out_json(&serde_json::to_value(&made)?)?;
        drop((at, account, read));
        store.pipeline.close();
        Ok(ExitCode::SUCCESS)
    }
}

impl Verify {
    fn run(self) -> anyhow::Result<ExitCode> {
        let text = std::fs::read(&self.file)
            .with_context(|| format!("cannot read the certificate `{}`", self.file.display()))?;
        let certificate: Certificate = serde_json::from_slice(&text)
            .with_context(|| format!("`{}` is not a certificate", self.file.display()))?;
        let expected = match &self.key {
            None => None,
            Some(key) => Some(unhex(key).context("`--key` must have 64 hexadecimal digits, in lower case")?),
        };
        if let Err(invalid) = certificate.verify(expected) {
            talk!("{invalid}");
            return Ok(ExitCode::from(EXIT_REFUSED));
        }
        out(|stdout| {
            writeln!(
                stdout,
                "`{}` on `{}` had {} followers at position {} ({})",
                certificate.account,
                certificate.platform,
                certificate.followers,
                certificate.position,
                certificate.at
            )
        })?;
        if expected.is_none() {
            talk!("signed by {}; compare with the server's `/v1/certificates/key`", certificate.public_key);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Key {
    fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let store = wiring::open_to_look(&config)?;
        let key = hex(&store.signer.public_key());
        store.pipeline.close();
        out(|stdout| writeln!(stdout, "{key}"))?;
        Ok(ExitCode::SUCCESS)
    }
}
