//! The settings of a server: one struct tree, read from TOML, overridden by the environment.
//!
//! An unknown key is an error, in the file and in the environment: a misspelt limit must not look like a set one.
//! All that can be checked without opening data is checked here, before anything is opened.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use connectors::webhooks::Guard;
use serde::{Deserialize, Serialize};

/// The prefix of overriding environment variables: `NAMEPLATE__SERVER__LISTEN` sets `server.listen`.
pub(crate) const ENV_PREFIX: &str = "NAMEPLATE__";

/// The whole tree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) vault: Vault,
    pub(crate) packs: Packs,
    pub(crate) webhooks: Webhooks,
    pub(crate) regions: Regions,
    pub(crate) logging: Logging,
    pub(crate) staff: Staff,
    pub(crate) oidc: Oidc,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) platforms: BTreeMap<String, Platform>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) members: BTreeMap<String, Member>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) groups: BTreeMap<String, Grant>,
}

/// Where and how the server answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    pub(crate) listen: String,
    pub(crate) tls: Tls,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metrics_listen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root_key_sha256: Option<String>,
    pub(crate) shutdown_seconds_max: u64,
}

/// Who speaks TLS before a request reaches this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tls {
    /// Nobody: allowed on a loopback address only.
    Off,
    /// A proxy in front of this process, on a network that only the proxy can reach it by.
    TerminatedByProxy,
}

/// What is kept on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) data: PathBuf,
    pub(crate) snapshot_entries: u64,
    pub(crate) snapshot_bytes: u64,
    pub(crate) snapshots_kept: usize,
    pub(crate) following_lists: bool,
}

/// How much may wait, and how much is kept for those who follow along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Queue {
    pub(crate) commands_queued_max: usize,
    pub(crate) commands_queued_bytes_max: usize,
    pub(crate) batch_entries_max: usize,
    pub(crate) batch_bytes_max: usize,
    pub(crate) effects_kept_max: usize,
    pub(crate) tick_seconds: u64,
}

/// What opens the key ring. Exactly one of the two, or neither: then `vault.key` in the data folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Vault {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Where packs come from, beside those in the binary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Packs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<PathBuf>,
}

/// Where effects may be sent besides the internet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Webhooks {
    pub(crate) networks: Vec<String>,
    pub(crate) plain_http: bool,
}

/// What addresses are looked up in, beside the built-in table of countries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Regions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<PathBuf>,
    pub(crate) language: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attribution: Option<String>,
}

impl Default for Regions {
    fn default() -> Self {
        Self { table: None, lines: None, language: "en".into(), attribution: None }
    }
}

/// How staff log in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Staff {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    pub(crate) idle_minutes: u64,
    pub(crate) session_hours: u64,
}

impl Default for Staff {
    fn default() -> Self {
        Self { address: None, idle_minutes: 30, session_hours: 10 }
    }
}

/// The identity provider that staff log in at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Oidc {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_file: Option<PathBuf>,
    pub(crate) scopes: Vec<String>,
    pub(crate) groups_claim: String,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: "nameplate".into(),
            client_secret_file: None,
            scopes: Vec::new(),
            groups_claim: "groups".into(),
        }
    }
}

/// What somebody may do, and where: a list that is left out is all there is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Grant {
    pub(crate) duties: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platforms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) packs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queues: Option<Vec<String>>,
}

/// A member who logs in with a password and a code.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Member {
    pub(crate) password: String,
    pub(crate) totp: String,
    pub(crate) duties: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platforms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) packs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queues: Option<Vec<String>>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("duties", &self.duties).finish_non_exhaustive()
    }
}

impl Member {
    fn grant(&self) -> Grant {
        let Self { duties, platforms, packs, queues, .. } = self.clone();
        Grant { duties, platforms, packs, queues }
    }
}

/// One platform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Platform {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holder_key: Option<String>,
    pub(crate) public_view_as: bool,
}

/// What is written to stderr.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Logging {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

/// The shape of a line on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8420".into(),
            tls: Tls::Off,
            metrics_listen: None,
            root_key_sha256: None,
            shutdown_seconds_max: 20,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        let limits = pipeline::Limits::default();
        Self {
            data: PathBuf::from("nameplate-data"),
            snapshot_entries: limits.snapshot_entries,
            snapshot_bytes: limits.snapshot_bytes,
            snapshots_kept: limits.snapshots_kept,
            following_lists: limits.following_lists,
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        let limits = pipeline::Limits::default();
        Self {
            commands_queued_max: limits.commands_queued_max,
            commands_queued_bytes_max: limits.commands_queued_bytes_max,
            batch_entries_max: limits.batch_entries_max,
            batch_bytes_max: limits.batch_bytes_max,
            effects_kept_max: limits.effects_kept_max,
            tick_seconds: limits.tick_every.map_or(0, |every| every.as_secs()),
        }
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}

/// What stands at the end of a printed tree.
const SECTIONS_HELP: &str = "
# One section a platform, as in `[platforms.weibo]`:
# holder_key = \"...\"      64 hexadecimal digits: the Ed25519 key that holders' tokens are signed with
# public_view_as = false   lets anybody look through other viewers' eyes; for made-up people only

# One section a member of staff who logs in with a password and a code, as `nameplate config member NAME` prints it, and
# one a group of the identity provider, as in `[groups.trust-and-safety]`:
# duties = [...]           of `appeals`, `safety`, `rules`, `integration`, `watch`
# platforms = [...]        on these platforms only; left out: on all
# packs = [...]            about these packs only
# queues = [...]           from these queues only
";

/// What each key means, in the order it is printed. A test holds this list and the tree together.
const KEYS: &[(&str, &str)] = &[
    ("server.listen", "address and port to answer on; another address than loopback needs `tls`"),
    ("server.tls", "`off`, or `terminated_by_proxy` when a proxy in front speaks TLS"),
    ("server.metrics_listen", "address and port for `/metrics`; without it there are none"),
    (
        "server.root_key_sha256",
        "hash of the key that opens `/v1/admin` everywhere; `nameplate config root-key`",
    ),
    ("server.shutdown_seconds_max", "how long open requests may take after a stop was asked for"),
    ("store.data", "the data folder: log, snapshots, sealed identities"),
    ("store.snapshot_entries", "log entries between two snapshots"),
    ("store.snapshot_bytes", "log bytes between two snapshots"),
    ("store.snapshots_kept", "snapshots kept; the log is trimmed behind the oldest; at least 1"),
    ("store.following_lists", "whether it is listed whom each account follows; costs about 4 bytes a follow"),
    ("queue.commands_queued_max", "commands that may wait; one more is refused as busy"),
    ("queue.commands_queued_bytes_max", "bytes of commands that may wait"),
    ("queue.batch_entries_max", "entries written with one sync"),
    ("queue.batch_bytes_max", "bytes written with one sync"),
    ("queue.effects_kept_max", "effects kept for those who follow the feed"),
    ("queue.tick_seconds", "seconds between two logged ticks, by which cases move; 0: never by itself"),
    ("vault.key_file", "file with the 32-byte key that opens the key ring"),
    ("vault.passphrase_file", "file with the passphrase that opens the key ring"),
    ("packs.folder", "folder of packs that override those in the binary"),
    (
        "webhooks.networks",
        "networks that effects may be sent to although they are not public, as in `[\"10.1.0.0/16\"]`",
    ),
    ("webhooks.plain_http", "whether effects may be sent by `http`"),
    (
        "regions.table",
        "file in the MaxMind format (`.mmdb`) that addresses are looked up in; read again when it changes",
    ),
    (
        "regions.lines",
        "file of lines `prefix,country,region` that beat every table; read again when it changes",
    ),
    ("regions.language", "in which language provinces are named, as far as the table has it: `en`, `zh-CN`"),
    ("regions.attribution", "what pages say beside a region, as the licence of the table asks for"),
    (
        "staff.address",
        "how browsers reach this server, as in `https://nameplate.example`; without it no member of staff logs in",
    ),
    ("staff.idle_minutes", "a session ends when nothing came for so long"),
    ("staff.session_hours", "a session ends after so long in any case"),
    ("oidc.issuer", "the identity provider that staff log in at, exactly as it names itself"),
    ("oidc.client_id", "what this server is called there"),
    ("oidc.client_secret_file", "file with the secret between the two"),
    ("oidc.scopes", "scopes asked for besides `openid`, as in `[\"groups\"]`"),
    ("oidc.groups_claim", "the claim of the ID token that names a member's groups"),
    ("logging.filter", "what is logged, as in `info` or `pipeline=debug`"),
    ("logging.format", "`text` or `json`"),
];

impl Config {
    /// The settings of `file` (or the defaults), with the environment's overrides on top, checked.
    ///
    /// # Errors
    /// When the file cannot be read, a key is unknown, a value has the wrong type, or [`Config::check`] objects.
    pub(crate) fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the configuration `{}`", path.display()))?,
            None => String::new(),
        };
        let config = Self::parse(&text, env).with_context(|| match file {
            Some(path) => format!("the configuration `{}` is not usable", path.display()),
            None => "the configuration is not usable".to_owned(),
        })?;
        config.check()?;
        Ok(config)
    }

    fn parse(text: &str, env: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut table: toml::Table = text.parse()?;
        // Parsed once without the overrides, so that a message about the file has its line and column.
        let _: Self = toml::from_str(text)?;
        let defaults = toml::Table::try_from(Self::default())?;
        for (name, value) in env {
            if let Some(path) = name.strip_prefix(ENV_PREFIX) {
                set(&mut table, &defaults, path, &value)
                    .with_context(|| format!("in the variable `{name}`"))?;
            }
        }
        Ok(table.try_into()?)
    }

    /// Looks for settings that cannot work, or that would be unsafe.
    ///
    /// # Errors
    /// With the first problem and what to do about it.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let listen = self.listen()?;
        if !listen.ip().is_loopback() && self.server.tls == Tls::Off {
            bail!(
                "`server.listen` is `{listen}`, which others can reach, and nothing speaks TLS; put a TLS proxy \
                 in front and set `server.tls = \"terminated_by_proxy\"`, or listen on 127.0.0.1"
            );
        }
        if !listen.ip().is_loopback() && self.vault.key_file.is_none() && self.vault.passphrase_file.is_none()
        {
            bail!(
                "`server.listen` is `{listen}`, which others can reach, and the vault's key is the default one \
                 beside the data; move it elsewhere and set `vault.key_file`, or use `vault.passphrase_file`"
            );
        }
        if self.vault.key_file.is_some() && self.vault.passphrase_file.is_some() {
            bail!("both `vault.key_file` and `vault.passphrase_file` are set; keep one");
        }
        self.metrics_listen()?;
        self.guard()?;
        self.staff_settings()?;
        for (key, value) in [
            ("store.snapshots_kept", self.store.snapshots_kept),
            ("queue.commands_queued_max", self.queue.commands_queued_max),
            ("queue.batch_entries_max", self.queue.batch_entries_max),
            ("queue.effects_kept_max", self.queue.effects_kept_max),
        ] {
            if value == 0 {
                bail!("`{key}` is 0, it must be at least 1");
            }
        }
        if self.store.snapshot_entries == 0 || self.store.snapshot_bytes == 0 {
            bail!("`store.snapshot_entries` and `store.snapshot_bytes` must be at least 1");
        }
        Ok(())
    }

    /// Where effects may be sent.
    ///
    /// # Errors
    /// When one of `webhooks.networks` is no network.
    pub(crate) fn guard(&self) -> anyhow::Result<Guard> {
        let mut networks = Vec::with_capacity(self.webhooks.networks.len());
        for text in &self.webhooks.networks {
            networks.push(text.trim().parse().map_err(|_| {
                anyhow::anyhow!("`webhooks.networks` has `{text}`, expected a network as in `10.1.0.0/16`")
            })?);
        }
        Ok(Guard { networks, plain_http: self.webhooks.plain_http })
    }

    /// How staff log in. The secret's file is read.
    ///
    /// # Errors
    /// When an address is none, a duty is unknown, or a member's password or secret cannot be used.
    pub(crate) fn staff_settings(&self) -> anyhow::Result<web::StaffSettings> {
        let address = |key: &str, text: &str| -> anyhow::Result<url::Url> {
            let address: url::Url = text
                .parse()
                .with_context(|| format!("`{key}` is `{text}`, expected an address as in `https://...`"))?;
            let here =
                address.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"));
            if address.scheme() != "https" && !(here && address.scheme() == "http") {
                bail!("`{key}` is `{text}`; it must begin with `https`, unless it is on this machine");
            }
            Ok(address)
        };
        let staff = self.staff.address.as_ref().map(|text| address("staff.address", text)).transpose()?;
        if staff.is_none() && (!self.members.is_empty() || self.oidc.issuer.is_some()) {
            bail!(
                "there are `members` or an `oidc.issuer`, and no `staff.address`: say how browsers reach this server"
            );
        }
        let mut members = BTreeMap::new();
        for (name, member) in &self.members {
            let at = format!("members.{name}");
            let local = web::LocalMember {
                password: member.password.clone(),
                totp: member.totp.clone(),
                grant: member.grant().read(&at)?,
            };
            web::usable_member(&local).map_err(|why| {
                anyhow::anyhow!("{why} in `{at}`; make the section with `nameplate config member {name}`")
            })?;
            members.insert(name.clone(), local);
        }
        let mut groups = BTreeMap::new();
        for (name, grant) in &self.groups {
            groups.insert(name.clone(), grant.read(&format!("groups.{name}"))?);
        }
        let oidc = match &self.oidc.issuer {
            None => None,
            Some(issuer) => Some(web::OidcSettings {
                issuer: address("oidc.issuer", issuer)?,
                client_id: self.oidc.client_id.clone(),
                client_secret: match &self.oidc.client_secret_file {
                    None => None,
                    Some(path) => Some(
                        std::fs::read_to_string(path)
                            .with_context(|| {
                                format!("cannot read `oidc.client_secret_file` `{}`", path.display())
                            })?
                            .trim_end()
                            .to_owned(),
                    ),
                },
                scopes: self.oidc.scopes.clone(),
                groups_claim: self.oidc.groups_claim.clone(),
            }),
        };
        Ok(web::StaffSettings {
            address: staff,
            idle: Duration::from_secs(self.staff.idle_minutes.saturating_mul(60)),
            longest: Duration::from_secs(self.staff.session_hours.saturating_mul(3600)),
            members,
            oidc,
            groups,
        })
    }

    /// The address to answer on.
    ///
    /// # Errors
    /// When `server.listen` is not an address and a port.
    pub(crate) fn listen(&self) -> anyhow::Result<SocketAddr> {
        self.server.listen.parse().with_context(|| {
            format!(
                "`server.listen` is `{}`, expected an address and a port as in `127.0.0.1:8420`",
                self.server.listen
            )
        })
    }

    /// The address of `/metrics`, if it has one.
    ///
    /// # Errors
    /// When `server.metrics_listen` is not an address and a port, or one that others can reach without TLS.
    pub(crate) fn metrics_listen(&self) -> anyhow::Result<Option<SocketAddr>> {
        let Some(text) = &self.server.metrics_listen else { return Ok(None) };
        let address: SocketAddr = text.parse().with_context(|| {
            format!(
                "`server.metrics_listen` is `{text}`, expected an address and a port as in `127.0.0.1:9420`"
            )
        })?;
        if !address.ip().is_loopback() && self.server.tls == Tls::Off {
            bail!("`server.metrics_listen` is `{address}`, which others can reach, and nothing speaks TLS");
        }
        Ok(Some(address))
    }

    /// 32 bytes written as 64 hexadecimal digits.
    ///
    /// # Errors
    /// When `text` is something else; the message names `key` and not the text.
    pub(crate) fn bytes_of_hex(&self, key: &str, text: &str) -> anyhow::Result<[u8; 32]> {
        let mut bytes = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 64 {
            bail!("`{key}` must have 64 hexadecimal digits");
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = pair.with_context(|| format!("`{key}` must have 64 hexadecimal digits"))?;
        }
        Ok(bytes)
    }

    /// The pipeline's limits.
    pub(crate) fn limits(&self) -> pipeline::Limits {
        pipeline::Limits {
            commands_queued_max: self.queue.commands_queued_max,
            commands_queued_bytes_max: self.queue.commands_queued_bytes_max,
            batch_entries_max: self.queue.batch_entries_max,
            batch_bytes_max: self.queue.batch_bytes_max,
            snapshot_entries: self.store.snapshot_entries,
            snapshot_bytes: self.store.snapshot_bytes,
            snapshots_kept: self.store.snapshots_kept,
            following_lists: self.store.following_lists,
            effects_kept_max: self.queue.effects_kept_max,
            tick_every: (self.queue.tick_seconds > 0).then(|| Duration::from_secs(self.queue.tick_seconds)),
            ..pipeline::Limits::default()
        }
    }

    /// The tree as TOML, each key with its meaning. Reading it back gives the same settings.
    ///
    /// # Errors
    /// When a path in the settings is not UTF-8.
    pub(crate) fn print(&self) -> anyhow::Result<String> {
        let table = toml::Table::try_from(self)?;
        let mut out = String::new();
        let mut section = "";
        for (path, meaning) in KEYS {
            let (head, key) = path.split_once('.').unwrap_or(("", path));
            if head != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                let _ = writeln!(out, "{gap}[{head}]");
                section = head;
            }
            let _ = writeln!(out, "# {meaning}");
            match table.get(head).and_then(|section| section.get(key)) {
                Some(value) => drop(writeln!(out, "{key} = {value}")),
                None => drop(writeln!(out, "# {key} =")),
            }
        }
        out.push_str(SECTIONS_HELP);
        for (id, platform) in &self.platforms {
            let _ = write!(out, "\n[platforms.{id}]\n{}", toml::to_string(platform)?);
        }
        for (name, member) in &self.members {
            let _ = write!(out, "\n[members.{name}]\n{}", toml::to_string(member)?);
        }
        for (name, grant) in &self.groups {
            let _ = write!(out, "\n[groups.{name:?}]\n{}", toml::to_string(grant)?);
        }
        Ok(out)
    }
}

impl Grant {
    fn read(&self, at: &str) -> anyhow::Result<web::Grant> {
        let mut duties = std::collections::BTreeSet::new();
        for word in &self.duties {
            let duty = web::Duty::parse(word).with_context(|| {
                let words = web::Duty::ALL.map(web::Duty::as_str).join("`, `");
                format!("`{at}.duties` has `{word}`, expected one of `{words}`")
            })?;
            duties.insert(duty);
        }
        if duties.is_empty() {
            bail!("`{at}.duties` is empty: say what they may do");
        }
        if let Some(queue) = self.queues.iter().flatten().find(|queue| !web::is_queue(queue)) {
            bail!(
                "`{at}.queues` has `{queue}`, expected `appeals`, `holds` or a status of cases such as `noticed`"
            );
        }
        let scope = |names: &Option<Vec<String>>| names.clone().map_or(web::Scope::ALL, web::Scope::only);
        Ok(web::Grant {
            duties,
            platforms: scope(&self.platforms),
            packs: scope(&self.packs),
            queues: scope(&self.queues),
        })
    }
}

/// Sets `SECTION__KEY` in `table`, reading `value` as the type the default has.
fn set(table: &mut toml::Table, defaults: &toml::Table, path: &str, value: &str) -> anyhow::Result<()> {
    let path = path.to_ascii_lowercase();
    let Some((section, key)) = path.split_once("__") else {
        bail!("expected `{ENV_PREFIX}SECTION__KEY`");
    };
    if !KEYS.iter().any(|(known, _)| *known == format!("{section}.{key}")) {
        bail!("there is no setting `{section}.{key}`; run `nameplate config print --defaults` for the list");
    }
    let value = match defaults.get(section).and_then(|section| section.get(key)) {
        Some(toml::Value::Integer(_)) => {
            toml::Value::Integer(value.parse().with_context(|| format!("`{value}` is not a whole number"))?)
        }
        Some(toml::Value::Boolean(_)) => {
            let value = value.parse().with_context(|| format!("`{value}` is neither `true` nor `false`"))?;
            toml::Value::Boolean(value)
        }
        // One after the other, with commas between them.
        Some(toml::Value::Array(_)) => toml::Value::Array(
            value
                .split(',')
                .filter(|part| !part.is_empty())
                .map(|part| toml::Value::String(part.into()))
                .collect(),
        ),
        _ => toml::Value::String(value.to_owned()),
    };
    let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(section) = section.as_table_mut() {
        section.insert(key.to_owned(), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::parse(text, env).map_err(|error| format!("{error:#}"))?;
        config.check().map_err(|error| format!("{error:#}"))?;
        Ok(config)
    }

    #[test]
    fn every_key_is_documented_and_every_documented_key_exists() {
        let mut full = Config::default();
        full.server.metrics_listen = Some("127.0.0.1:9420".into());
        full.server.root_key_sha256 = Some("00".repeat(32));
        full.vault = Vault { key_file: Some("k".into()), passphrase_file: Some("p".into()) };
        full.packs.folder = Some("packs".into());
        full.regions.table = Some("city.mmdb".into());
        full.regions.lines = Some("lines.csv".into());
        full.regions.attribution = Some("by".into());
        full.staff.address = Some("https://nameplate.example".into());
        full.oidc.issuer = Some("https://id.example".into());
        full.oidc.client_secret_file = Some("secret".into());
        let table = toml::Table::try_from(&full).unwrap();
        let mut keys: Vec<String> = table
            .iter()
            .flat_map(|(section, keys)| {
                keys.as_table().unwrap().keys().map(move |key| format!("{section}.{key}"))
            })
            .collect();
        let mut documented: Vec<String> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
        keys.sort();
        documented.sort();
        assert_eq!(keys, documented);
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_settings() {
        let mut config = Config::default();
        config.vault.key_file = Some("/etc/nameplate/vault.key".into());
        config.queue.tick_seconds = 0;
        let platform = Platform { holder_key: Some("0f".repeat(32)), public_view_as: true };
        config.platforms.insert("weibo".into(), platform);
        config.staff.address = Some("https://nameplate.example".into());
        let new = web::new_member().unwrap();
        let duties = vec!["appeals".to_owned()];
        let member =
            Member { password: new.hash, totp: new.totp, duties: duties.clone(), ..Member::default() };
        config.members.insert("night-shift".into(), member);
        let grant = Grant { duties, packs: Some(vec!["weibo-2023".into()]), ..Grant::default() };
        config.groups.insert("trust & safety".into(), grant);
        assert_eq!(load(&config.print().unwrap(), &[]).unwrap(), config);
    }

    #[test]
    fn an_unknown_key_is_refused_in_the_file_and_in_the_environment() {
        let error = load("[server]\nlisten_on = \"x\"\n", &[]).unwrap_err();
        assert!(error.contains("listen_on"), "{error}");
        let error = load("", &[("NAMEPLATE__SERVER__LISTEN_ON", "x")]).unwrap_err();
        assert!(error.contains("no setting `server.listen_on`"), "{error}");
    }

    #[test]
    fn the_environment_beats_the_file() {
        let env = [
            ("NAMEPLATE__QUEUE__TICK_SECONDS", "9"),
            ("NAMEPLATE__SERVER__LISTEN", "127.0.0.1:1"),
            ("NAMEPLATE__WEBHOOKS__NETWORKS", "10.0.0.0/8, ::1/128"),
            ("OTHER", "1"),
        ];
        let config = load("[queue]\ntick_seconds = 3\nbatch_entries_max = 7\n", &env).unwrap();
        assert_eq!((config.queue.tick_seconds, config.queue.batch_entries_max), (9, 7));
        assert_eq!(config.server.listen, "127.0.0.1:1");
        assert_eq!(config.guard().unwrap().networks.len(), 2);
        let error = load("[webhooks]\nnetworks = [\"here\"]\n", &[]).unwrap_err();
        assert!(error.contains("`here`"), "{error}");
        let error = load("", &[("NAMEPLATE__QUEUE__TICK_SECONDS", "soon")]).unwrap_err();
        assert!(error.contains("`soon` is not a whole number"), "{error}");
    }

    #[test]
    fn a_reachable_address_needs_tls_and_a_key_of_its_own() {
        let reachable = "[server]\nlisten = \"0.0.0.0:80\"\n";
        assert!(load(reachable, &[]).unwrap_err().contains("nothing speaks TLS"));
        let proxied = format!("{reachable}tls = \"terminated_by_proxy\"\n");
        assert!(load(&proxied, &[]).unwrap_err().contains("the default one"));
        load(&format!("{proxied}[vault]\nkey_file = \"/run/key\"\n"), &[]).unwrap();
    }

    #[test]
    fn staff_that_could_not_log_in_is_refused() {
        let address = "[staff]\naddress = \"https://nameplate.example\"\n";
        let group = |duties: &str| format!("{address}[groups.a]\nduties = {duties}\n");
        load(&group("[\"safety\"]"), &[]).unwrap();
        for (text, says) in [
            (group("[\"everything\"]"), "`everything`"),
            (group("[]"), "`groups.a.duties` is empty"),
            (
                format!("{address}[members.a]\nduties = [\"watch\"]\npassword = \"secret\"\n"),
                "no Argon2id hash",
            ),
            ("[staff]\naddress = \"http://nameplate.example\"\n".into(), "begin with `https`"),
            ("[oidc]\nissuer = \"https://id.example\"\n".into(), "no `staff.address`"),
        ] {
            let error = load(&text, &[]).unwrap_err();
            assert!(error.contains(says), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn limits_of_zero_are_refused() {
        for key in ["store.snapshots_kept", "queue.commands_queued_max", "queue.batch_entries_max"] {
            let (section, name) = key.split_once('.').unwrap();
            let error = load(&format!("[{section}]\n{name} = 0\n"), &[]).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
