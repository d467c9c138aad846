//! Everything that can happen, one file a command: fields, apply, refusals, tests.
//!
//! A command is checked when its parts are made, so each one that exists may be logged. What the state thinks of it
//! is an [`Outcome`](crate::Outcome), and refusals are logged like any other answer.

use crate::edge_batch::EdgeBatch;
use crate::ids::PlatformId;
use crate::reader::Reader;

pub mod activate_pack;
pub mod add_amounts;
pub mod answer;
pub mod appeal;
pub mod deactivate_pack;
pub mod decide_appeal;
pub mod decide_proposal;
pub mod edges;
pub mod extend_notice;
pub mod filter;
pub mod hold;
pub mod issue_key;
pub mod leave;
pub mod link_identity;
pub mod propose_change;
pub mod purge;
pub mod record_deliveries;
pub mod register_platform;
pub mod release;
pub mod remove_webhook;
pub mod revoke_key;
pub mod rewind_webhook;
pub mod set_blast_radius;
pub mod set_metrics;
pub mod set_webhook;
pub mod settle_dead_letters;
pub mod sight_region;
pub mod tick;
pub mod undo_filter;
pub mod upsert_accounts;

pub use activate_pack::ActivatePack;
pub use add_amounts::{AddAmounts, Amount, AmountItem};
pub use answer::{Answer, HolderAnswer};
pub use appeal::Appeal;
pub use deactivate_pack::DeactivatePack;
pub use decide_appeal::DecideAppeal;
pub use decide_proposal::DecideProposal;
pub use extend_notice::ExtendNotice;
pub use filter::{Filter, FilterCriteria};
pub use hold::Hold;
pub use issue_key::IssueKey;
pub use leave::Leave;
pub use link_identity::LinkIdentity;
pub use propose_change::ProposeChange;
pub use purge::Purge;
pub use record_deliveries::RecordDeliveries;
pub use register_platform::RegisterPlatform;
pub use release::Release;
pub use remove_webhook::RemoveWebhook;
pub use revoke_key::RevokeKey;
pub use rewind_webhook::RewindWebhook;
pub use set_blast_radius::SetBlastRadius;
pub use set_metrics::{MetricItem, SetMetrics};
pub use set_webhook::{NewWebhookKey, SetWebhook};
pub use settle_dead_letters::SettleDeadLetters;
pub use sight_region::{SightRegion, Sighting};
pub use undo_filter::UndoFilter;
pub use upsert_accounts::{AccountFacts, Attributes, Topics, UpsertAccounts};

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A new tenant.
    RegisterPlatform(RegisterPlatform),
    /// A new API key, as the hash of its secret.
    IssueKey(IssueKey),
    /// An API key stops working.
    RevokeKey(RevokeKey),
    /// Facts of accounts.
    UpsertAccounts(UpsertAccounts),
    /// Follows and unfollows.
    Edges(EdgeBatch),
    /// Metrics of accounts.
    SetMetrics(SetMetrics),
    /// Dated amounts of accounts.
    AddAmounts(AddAmounts),
    /// A pack applies from now on.
    ActivatePack(ActivatePack),
    /// A pack no longer applies.
    DeactivatePack(DeactivatePack),
    /// A holder's sealed identity stands behind an account.
    LinkIdentity(LinkIdentity),
    /// A holder answers a notice.
    Answer(Answer),
    /// A holder objects to a case.
    Appeal(Appeal),
    /// A second person answers an appeal.
    DecideAppeal(DecideAppeal),
    /// An operator gives a holder longer to answer a notice.
    ExtendNotice(ExtendNotice),
    /// A change that concerns many accounts is proposed.
    ProposeChange(ProposeChange),
    /// Somebody confirms a proposal, or takes it off the table.
    DecideProposal(DecideProposal),
    /// One person may change what is shown of fewer accounts.
    SetBlastRadius(SetBlastRadius),
    /// Effects are sent to an endpoint from now on, or otherwise than before.
    SetWebhook(SetWebhook),
    /// An endpoint is no longer sent anything.
    RemoveWebhook(RemoveWebhook),
    /// An endpoint is sent again what it was sent before.
    RewindWebhook(RewindWebhook),
    /// How far an endpoint is.
    RecordDeliveries(RecordDeliveries),
    /// Followers are removed in bulk.
    Filter(Filter),
    /// A filter is undone.
    UndoFilter(UndoFilter),
    /// A safety stop.
    Hold(Hold),
    /// A safety stop ends.
    Release(Release),
    /// An account leaves for good.
    Leave(Leave),
    /// Where accounts speak from.
    SightRegion(SightRegion),
    /// Accounts leave every follower set they are in.
    Purge(Purge),
    /// Events that came too late are brought in, or let go.
    SettleDeadLetters(SettleDeadLetters),
    /// Time passes: timers fire and moved accounts are evaluated, on every platform.
    Tick,
}

/// What can be worked out about a command before its turn; see [`Command::preparation`].
#[derive(Debug)]
pub struct Preparation(EdgeBatch);

impl Preparation {
    /// Does it on the calling thread, unless another one has or is at it.
    pub fn run(self, reader: &Reader) {
        if let Some(platform) = reader.platform_shared(self.0.platform()) {
            self.0.prepared(&platform);
        }
    }
}

impl Command {
    /// The platform it belongs to; none for a tick.
    pub fn platform(&self) -> Option<&PlatformId> {
        match self {
            Command::RegisterPlatform(c) => Some(&c.platform),
            Command::IssueKey(c) => Some(&c.platform),
            Command::RevokeKey(c) => Some(&c.platform),
            Command::UpsertAccounts(c) => Some(&c.platform),
            Command::Edges(c) => Some(c.platform()),
            Command::SetMetrics(c) => Some(&c.platform),
            Command::AddAmounts(c) => Some(&c.platform),
            Command::ActivatePack(c) => Some(&c.platform),
            Command::DeactivatePack(c) => Some(&c.platform),
            Command::LinkIdentity(c) => Some(&c.platform),
            Command::Answer(c) => Some(&c.platform),
            Command::Appeal(c) => Some(&c.platform),
            Command::DecideAppeal(c) => Some(&c.platform),
            Command::ExtendNotice(c) => Some(&c.platform),
            Command::ProposeChange(c) => Some(&c.platform),
            Command::DecideProposal(c) => Some(&c.platform),
            Command::SetBlastRadius(c) => Some(&c.platform),
            Command::SetWebhook(c) => Some(&c.platform),
            Command::RemoveWebhook(c) => Some(&c.platform),
            Command::RewindWebhook(c) => Some(&c.platform),
            Command::RecordDeliveries(c) => Some(&c.platform),
            Command::Filter(c) => Some(&c.platform),
            Command::UndoFilter(c) => Some(&c.platform),
            Command::Hold(c) => Some(&c.platform),
            Command::Release(c) => Some(&c.platform),
            Command::Leave(c) => Some(&c.platform),
            Command::SightRegion(c) => Some(&c.platform),
            Command::Purge(c) => Some(&c.platform),
            Command::SettleDeadLetters(c) => Some(&c.platform),
            Command::Tick => None,
        }
    }

    /// Works out on the calling thread what the writer would have to otherwise, as far as that can be done before the
    /// command's turn. Makes no difference to the outcome, only to who waits.
    pub fn prepare(&self, reader: &Reader) {
        if let Some(preparation) = self.preparation() {
            preparation.run(reader);
        }
    }

    /// What [`Command::prepare`] would do, for a thread that no longer has the command when it does it. `None` when there is
    /// nothing to prepare.
    pub fn preparation(&self) -> Option<Preparation> {
        match self {
            Command::Edges(batch) => Some(Preparation(batch.clone())),
            _ => None,
        }
    }

    /// The machine word, as in the API, in metrics and in the record format.
    pub fn as_str(&self) -> &'static str {
        match self {
            Command::RegisterPlatform(_) => "register_platform",
            Command::IssueKey(_) => "issue_key",
            Command::RevokeKey(_) => "revoke_key",
            Command::UpsertAccounts(_) => "upsert_accounts",
            Command::Edges(_) => "edges",
            Command::SetMetrics(_) => "set_metrics",
            Command::AddAmounts(_) => "add_amounts",
            Command::ActivatePack(_) => "activate_pack",
            Command::DeactivatePack(_) => "deactivate_pack",
            Command::LinkIdentity(_) => "link_identity",
            Command::Answer(_) => "answer",
            Command::Appeal(_) => "appeal",
            Command::DecideAppeal(_) => "decide_appeal",
            Command::ExtendNotice(_) => "extend_notice",
            Command::ProposeChange(_) => "propose_change",
            Command::DecideProposal(_) => "decide_proposal",
            Command::SetBlastRadius(_) => "set_blast_radius",
            Command::SetWebhook(_) => "set_webhook",
            Command::RemoveWebhook(_) => "remove_webhook",
            Command::RewindWebhook(_) => "rewind_webhook",
            Command::RecordDeliveries(_) => "record_deliveries",
            Command::Filter(_) => "filter",
            Command::UndoFilter(_) => "undo_filter",
            Command::Hold(_) => "hold",
            Command::Release(_) => "release",
            Command::Leave(_) => "leave",
            Command::SightRegion(_) => "sight_region",
            Command::Purge(_) => "purge",
            Command::SettleDeadLetters(_) => "settle_dead_letters",
            Command::Tick => "tick",
        }
    }
}

/// A command at its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The place, from 1, without gaps.
    pub position: u64,
    /// When it was appended, as stamped before the append. Never earlier than the entry before.
    pub at: policy::Millis,
    /// What happens.
    pub command: Command,
}
