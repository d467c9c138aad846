//! Joins the parts: which engines, which keys, which clock.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use pipeline::{Clock, Handle, Opened, Parts, Pipeline};
use storage::disk::{self, DataDir};
use vault::{Opener, Secret, Vault};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::progress::Progress;

/// The vault over the blobs of a data folder.
pub(crate) type DiskVault = Vault<Arc<disk::Blobs>>;

/// File name of the key ring in a data folder.
pub(crate) const RING_FILE: &str = "keyring";
/// File name of the key that opens the ring, unless the configuration names another.
pub(crate) const KEY_FILE: &str = "vault.key";

/// Its presence says that the log of a data folder has the times of a rehearsal.
pub(crate) const REHEARSAL_FILE: &str = "rehearsal";
/// File name of the key that signs count certificates.
pub(crate) const SIGNER_FILE: &str = "certificate.key";

/// An open data folder with everything running on it.
pub(crate) struct Store {
    pub(crate) dir: DataDir,
    pub(crate) vault: Arc<DiskVault>,
    pub(crate) signer: Arc<vault::Signer>,
    pub(crate) pipeline: Pipeline,
    pub(crate) opened: Opened,
}

impl Store {
    pub(crate) fn handle(&self) -> Handle {
        self.pipeline.handle()
    }
}

/// Makes the key ring of a new data folder.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub(crate) fn create_ring(config: &Config) -> anyhow::Result<()> {
    let data = &config.store.data;
    if data.join(RING_FILE).exists() {
        bail!("`{}` is a data folder already; choose another, or use it as it is", data.display());
    }
    std::fs::create_dir_all(data).with_context(|| format!("cannot make `{}`", data.display()))?;
    vault::KeyRing::create(&data.join(RING_FILE), &opener(config)?)?;
    Ok(())
}

/// Opens a data folder: lock, vault, snapshot, log. One that was rehearsed on is opened by a clock that is moved by hand, and no
/// other is.
///
/// # Errors
/// When the folder is not one, is in use, or its content does not pass the checks.
pub(crate) fn open(config: &Config, clock: Clock) -> anyhow::Result<Store> {
    let mark = config.store.data.join(REHEARSAL_FILE);
    let rehearses = !clock.runs();
    if mark.exists() && !rehearses {
        bail!(
            "`{0}` was rehearsed on, so its log is not of this day; go on with `nameplate serve --rehearsal TIME`, or make \
             another with `nameplate init --data DIR`",
            config.store.data.display()
        );
    }
    let store = open_with(config, clock, config.limits())?;
    if rehearses && !mark.exists() {
        if store.opened.position > 0 {
            bail!(
                "`{}` is in use by the day's clock; rehearse on a new one, made with `nameplate init --data DIR`",
                config.store.data.display()
            );
        }
        std::fs::write(&mark, "").with_context(|| format!("cannot write `{}`", mark.display()))?;
    }
    Ok(store)
}

/// Opens a store for a verb that only looks: it logs no tick and saves no snapshot.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn open_to_look(config: &Config) -> anyhow::Result<Store> {
    let limits = pipeline::Limits {
        snapshot_at_close: false,
        tick_every: None,
        following_lists: false,
        ..config.limits()
    };
    open_with(config, Clock::System, limits)
}

/// Like [`open`], with other limits than those of the configuration.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn open_with(config: &Config, clock: Clock, limits: pipeline::Limits) -> anyhow::Result<Store> {
    let data = &config.store.data;
    if !data.join(RING_FILE).is_file() {
        bail!("`{0}` is not a data folder; make one with `nameplate init --data {0}`", data.display());
    }
    // What is older than the newest snapshot is read, and verified, only if that one cannot be used: a start must not take
    // as long as reading gigabytes does.
    let options = disk::Options { verify_all: false, ..disk::Options::default() };
    let dir = DataDir::open(data, options)?;
    let vault = Arc::new(Vault::open(Arc::new(dir.blobs()?), &opener(config)?, &data.join(RING_FILE))?);
    let signer = Arc::new(vault::Signer::open_or_create(&data.join(SIGNER_FILE))?);
    let parts = Parts {
        log: Box::new(dir.log()?),
        snapshots: Arc::new(dir.snapshots()?),
        keys: Arc::<DiskVault>::clone(&vault),
        clock,
        state_limits: state::Limits::default(),
    };
    let mut progress = Progress::new("replaying the log", "entries");
    let (pipeline, opened) = Pipeline::open_watched(limits, parts, &mut |done, all| progress.set(done, all))
        .with_context(|| format!("cannot open the data folder `{}`", data.display()))?;
    progress.finish();
    Ok(Store { dir, vault, signer, pipeline, opened })
}

/// The key of the pseudonyms of staff, made at the first start and sealed like an identity: a backup has it.
///
/// # Errors
/// Those of the vault.
pub(crate) fn pseudonym_key(vault: &DiskVault) -> anyhow::Result<web::PseudonymKey> {
    // No platform can be called like this: the ids of platforms have no `:`.
    let (tenant, place, field) = ("staff:", vault::HolderRef("pseudonyms"), "key");
    let kept = vault.reveal(tenant, place, field)?;
    if let Some(key) = kept.and_then(|key| <[u8; 32]>::try_from(key.expose()).ok()) {
        return Ok(web::PseudonymKey::new(key));
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the system gave no randomness for a key")?;
    vault.seal(tenant, place, &[(field, Secret::new(key.to_vec()))])?;
    Ok(web::PseudonymKey::new(key))
}

/// What opens the key ring, by the configuration.
fn opener(config: &Config) -> anyhow::Result<Opener> {
    if let Some(path) = &config.vault.passphrase_file {
        return Ok(Opener::Passphrase(passphrase(path)?));
    }
    Ok(Opener::KeyFile(key_file(config)))
}

/// The key file, by the configuration.
pub(crate) fn key_file(config: &Config) -> PathBuf {
    config.vault.key_file.clone().unwrap_or_else(|| config.store.data.join(KEY_FILE))
}

fn passphrase(path: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read(path)
        .map(Zeroizing::new)
        .with_context(|| format!("cannot read the passphrase file `{}`", path.display()))?;
    // An editor's line end is not part of the passphrase.
    let trimmed = text.strip_suffix(b"\n").unwrap_or(&text);
    Ok(Secret::new(trimmed.strip_suffix(b"\r").unwrap_or(trimmed).to_vec()))
}
