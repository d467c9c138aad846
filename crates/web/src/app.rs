//! What every handler holds: the pipeline's handle, the vault, the tables and the bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use connectors::webhooks::Courier;
use pipeline::{Clock, Handle, Identity, SealError};
use policy::Bundle;
use state::{Command, Identity as Logged, Millis, PlatformId, Reader};
use vault::{HolderRef, Secret};

use crate::api::admin::recounts::Recounts;
use crate::api::jobs::Jobs;
use crate::body::Pool;
use crate::idempotency::Table;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::region::Regions;
use crate::staff::local::Doorkeeper;
use crate::staff::oidc::Logins;
use crate::staff::sessions::Sessions;
use crate::staff::{PseudonymKey, StaffSettings};

/// What the server is told when it starts.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// SHA-256 of the secret half of the server's root key (`npk_root_<secret>`), which opens `/v1/admin` on every
    /// platform. Without it platforms and keys are made from the command line only.
    pub root_sha256: Option<[u8; 32]>,
    /// Settings of single platforms.
    pub platforms: BTreeMap<PlatformId, PlatformSettings>,
    /// How staff log in.
    pub staff: StaffSettings,
}

/// Settings of one platform.
#[derive(Debug, Clone, Default)]
pub struct PlatformSettings {
    /// Ed25519 public key that the platform signs its holders' tokens with; without it `/v1/me` is closed.
    pub holder_key: Option<[u8; 32]>,
    /// Lets anybody see the public pages through other viewers' eyes. For demonstrations with made-up people only.
    pub public_view_as: bool,
}

/// The two things `web` asks of the vault.
pub trait Identities: Send + Sync {
    /// Seals an identity, durably, and gives the command that links it. Blocks on the disk.
    ///
    /// # Errors
    /// Those of [`pipeline::seal`].
    fn seal(&self, handle: &Handle, identity: Identity) -> Result<Command, SealError>;

    /// One sealed field, from the very record that the log names. Quick when the record was opened lately.
    ///
    /// # Errors
    /// Those of the vault; nothing is shown then.
    fn reveal(
        &self,
        platform: &PlatformId,
        identity: &Logged,
        field: policy::Field,
    ) -> Result<Option<Secret>, vault::Error>;
}

impl<B: storage::Blobs> Identities for vault::Vault<B> {
    fn seal(&self, handle: &Handle, identity: Identity) -> Result<Command, SealError> {
        pipeline::seal(handle, self, identity)
    }

    fn reveal(
        &self,
        platform: &PlatformId,
        identity: &Logged,
        field: policy::Field,
    ) -> Result<Option<Secret>, vault::Error> {
        let holder = HolderRef(identity.holder.as_str());
        self.reveal_as_logged(platform.as_str(), holder, field.as_str(), &identity.commitment)
    }
}

/// What an [`AppState`] is made of.
pub struct Parts {
    /// Submits commands and reads the state.
    pub handle: Handle,
    /// The pipeline's clock; keys expire by it.
    pub clock: Clock,
    /// The vault.
    pub identities: Arc<dyn Identities>,
    /// What count certificates are signed with; without it there are none.
    pub signer: Option<Arc<vault::Signer>>,
    /// Packs that can be activated by their id.
    pub packs: BTreeMap<String, Bundle>,
    /// From addresses to regions.
    pub regions: Regions,
    /// Sends effects to endpoints.
    pub courier: Arc<Courier>,
    /// Key of the pseudonyms of staff.
    pub pseudonyms: PseudonymKey,
    /// Bounds.
    pub limits: Limits,
    /// Settings.
    pub settings: Settings,
    /// What `/version` says.
    pub version: String,
}

/// Shared by all handlers; clones are the same state.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

/// What an [`AppState`] shares; all of it is this crate's own.
pub struct Inner {
    pub(crate) handle: Handle,
    pub(crate) clock: Clock,
    pub(crate) identities: Arc<dyn Identities>,
    pub(crate) signer: Option<Arc<vault::Signer>>,
    pub(crate) packs: BTreeMap<String, Bundle>,
    pub(crate) regions: ArcSwap<Regions>,
    pub(crate) limits: Limits,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) version: String,
    pub(crate) pool: Pool,
    pub(crate) idempotency: Table,
    pub(crate) metrics: Metrics,
    pub(crate) jobs: Jobs,
    pub(crate) recounts: Recounts,
    pub(crate) courier: Arc<Courier>,
    pub(crate) pseudonyms: PseudonymKey,
    pub(crate) sessions: Sessions,
    pub(crate) doorkeeper: Doorkeeper,
    pub(crate) logins: Logins,
    /// Who makes keys of endpoints, one at a time.
    pub(crate) keys_changing: tokio::sync::Mutex<()>,
    /// One simulation at a time.
    pub(crate) simulating: tokio::sync::Semaphore,
}

impl std::ops::Deref for AppState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}

impl AppState {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            handle,
            clock,
            identities,
            signer,
            packs,
            regions,
            courier,
            pseudonyms,
            limits,
            settings,
            version,
        } = parts;
        Self(Arc::new(Inner {
            pool: Pool::new(limits.bodies_bytes_max),
            idempotency: Table::new(limits.idempotency_keys_max, limits.idempotency_bytes_max),
            metrics: Metrics::default(),
            jobs: Jobs::default(),
            recounts: Recounts::default(),
            courier,
            pseudonyms,
            sessions: Sessions::default(),
            doorkeeper: Doorkeeper::default(),
            logins: Logins::default(),
            keys_changing: tokio::sync::Mutex::default(),
            simulating: tokio::sync::Semaphore::new(1),
            regions: ArcSwap::from_pointee(regions),
            settings: ArcSwap::from_pointee(settings),
            handle,
            clock,
            identities,
            signer,
            packs,
            limits,
            version,
        }))
    }

    /// Takes another region table at once; running requests finish with the old one.
    pub fn set_regions(&self, regions: Regions) {
        self.regions.store(Arc::new(regions));
    }

    /// Takes other settings at once.
    pub fn set_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }
}

impl Inner {
    pub(crate) fn reader(&self) -> &Reader {
        self.handle.reader()
    }

    /// Now, never earlier than the log's clock.
    pub(crate) fn now(&self) -> Millis {
        Millis(self.clock.now_ms().max(self.reader().clock().0))
    }
}
