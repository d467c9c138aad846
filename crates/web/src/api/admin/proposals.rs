//! Changes that concern many accounts: proposed by one, confirmed by two others who name the number.
//!
//! One person may change what is shown of so many accounts and no more (`blast_radius`). The number is the server's, worked
//! out when a change is proposed and again when it takes effect.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use policy::Bundle;
use serde::{Deserialize, Serialize};
use state::commands::{DecideProposal, ProposeChange, SetBlastRadius};
use state::{Actor, Change, Command, Done, PlatformId, Proposal};
use utoipa::ToSchema;

use crate::api::admin::keys::PlatformQuery;
use crate::api::admin::packs::{ActivateBody, Named, about_bundle, bundle_of};
use crate::app::AppState;
use crate::auth::{self, Caller};
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request;
use crate::roles::{self, Endpoint};
use crate::wire::words::{Code, Count, Moment, Platform, Round};

/// A change to propose: exactly one of `pack` or `files`, `deactivate`, `blast_radius`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeToPropose)]
pub(crate) struct ProposalBody {
    platform: Platform,
    /// A listed pack to put in force.
    pack: Option<Code>,
    /// The files of a pack to put in force.
    files: Option<Named<true>>,
    /// Answers to what no source says.
    #[serde(default)]
    choices: Named<false>,
    /// A pack to take out of force.
    deactivate: Option<Code>,
    /// How many accounts one person may change from now on.
    #[schema(inline)]
    blast_radius: Option<Count>,
    /// When it takes effect once it is confirmed; at once when left out or over.
    starts: Option<Moment>,
}

/// A confirmation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProposalConfirmation)]
pub(crate) struct ConfirmBody {
    platform: Platform,
    /// The proposal's number.
    #[schema(inline)]
    proposal: Round,
    /// How many accounts it concerns, as the proposal says: whoever confirms has seen it.
    #[schema(inline)]
    accounts: Count,
}

/// A proposal to take off the table.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProposalToDiscard)]
pub(crate) struct DiscardBody {
    platform: Platform,
    /// The proposal's number.
    #[schema(inline)]
    proposal: Round,
}

/// A lower bound.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BlastRadius)]
pub(crate) struct RadiusBody {
    platform: Platform,
    /// How many accounts one person may change from now on; 0 has everything confirmed by two.
    #[schema(inline)]
    accounts: Count,
}

/// That a change waits.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangeProposed)]
pub(crate) struct Proposed {
    #[schema(minimum = 1)]
    position: u64,
    /// Its number.
    #[schema(minimum = 1)]
    proposal: u32,
    /// The number to confirm: accounts whose nameplate it may change, or the new bound.
    accounts: u64,
}

/// That it is done.
#[derive(Serialize, ToSchema)]
#[schema(as = ProposalDone)]
pub(crate) struct ProposalDone {
    #[schema(minimum = 1)]
    position: u64,
    /// Whether the change took effect with this; else it waits for another or for its date, or is off the table.
    in_effect: bool,
}

/// Changes that wait.
#[derive(Serialize, ToSchema)]
#[schema(as = Proposals)]
pub(crate) struct Proposals {
    /// How many accounts one person may change.
    blast_radius: u32,
    items: Vec<Item>,
    /// Always true.
    complete: bool,
}

/// A change that waits.
#[derive(Serialize, ToSchema)]
#[schema(as = Proposal)]
pub(crate) struct Item {
    #[schema(minimum = 1)]
    proposal: u32,
    kind: Kind,
    /// The pack that it is about; absent if it is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pack: Option<String>,
    /// The version that would be in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<u32>,
    /// The operator's answers to what no source says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    choices: Option<BTreeMap<String, String>>,
    /// The number to confirm: accounts whose nameplate it may change, or the new bound.
    accounts: u64,
    /// When it takes effect once it is confirmed; absent if at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    starts: Option<Moment>,
    /// Who proposed it, by the id of their key.
    proposed_by: String,
    proposed_at: Moment,
    /// Who confirmed it, by the ids of their keys.
    confirmed_by: Vec<String>,
    /// How many more must confirm it.
    missing: usize,
    /// Its date came, and it concerned too many accounts by then or could not be done any more.
    lapsed: bool,
}

/// What a proposal does.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProposalKind)]
pub(crate) enum Kind {
    Activate,
    Deactivate,
    BlastRadius,
}

/// The changes that wait on a platform.
#[utoipa::path(
    get, path = "/v1/admin/proposals", tag = "admin", operation_id = "list_proposals",
    params(PlatformQuery),
    responses((status = 200, description = "All that wait.", body = Proposals)),
)]
pub(crate) async fn list_proposals(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let query = Query::parse(raw.as_deref(), &["platform", request::MIN_POSITION_QUERY])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.on(&platform, &roles::LIST_PROPOSALS)?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let proposals = request::platform(&app, &platform)?.proposals();
    // A pack is read for its name and version.
    let view = request::blocking(move || Proposals {
        blast_radius: proposals.blast_radius,
        items: proposals.open.iter().map(Item::from).collect(),
        complete: true,
    })
    .await?;
    request::json(StatusCode::OK, position, &view)
}

/// Proposes a change, and works out how many accounts it concerns.
#[utoipa::path(
    post, path = "/v1/admin/proposals", tag = "admin", operation_id = "propose_change",
    request_body = ProposalBody,
    responses((status = 200, description = "It waits for two others.", body = Proposed)),
)]
pub(crate) async fn propose_change(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) =
        request::command::<ProposalBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform.0.clone();
    caller.on(&platform, &roles::PROPOSE_CHANGE)?;
    let by = super::actor(&caller)?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"propose_change"], body: &taken.bytes.clone() };
    let work = async {
        let starts = body.starts.as_ref().map(|starts| starts.0);
        let change = change_of(&app, body)?;
        may_change(&caller, &platform, &roles::PROPOSE_CHANGE, &change)?;
        let command = Command::ProposeChange(ProposeChange { platform, change, starts, by });
        let (outcome, done) = request::submit(&app, command).await?;
        let Done::Proposed { number, accounts } = done else {
            return Err(Problem::broken("a proposal came to something else than one"));
        };
        let position = outcome.position;
        request::json(StatusCode::OK, position, &Proposed { position, proposal: number, accounts })
    };
    app.idempotency.once(&headers, asked, work).await
}

fn change_of(app: &AppState, body: ProposalBody) -> Result<Change, Problem> {
    let ProposalBody { platform, pack, files, choices, deactivate, blast_radius, starts: _ } = body;
    match (pack.is_some() || files.is_some(), deactivate, blast_radius) {
        (true, None, None) => {
            let (bundle, choices) = bundle_of(app, ActivateBody { platform, pack, files, choices })?;
            Ok(Change::Activate { bundle: bundle.essential().encode(), choices })
        }
        (false, Some(pack), None) => Ok(Change::Deactivate { pack: pack.0 }),
        (false, None, Some(accounts)) => Ok(Change::Widen { accounts: accounts.count() }),
        _ => {
            let detail = "give exactly one of `pack` or `files`, `deactivate`, `blast_radius`";
            Err(Problem::new(&problem::REFUSED, detail).code("one_change"))
        }
    }
}

/// Whether the caller's packs have the one that would change. A bound for all packs takes all of them.
fn may_change(
    caller: &Caller,
    platform: &PlatformId,
    row: &Endpoint,
    change: &Change,
) -> Result<(), Problem> {
    match change {
        Change::Activate { bundle, .. } => match Bundle::decode(bundle) {
            Ok(bundle) => about_bundle(caller, platform, row, &bundle),
            // What reads it refuses it.
            Err(_) => caller.on(platform, row),
        },
        Change::Deactivate { pack } => caller.about(platform, row, pack.as_str(), None),
        Change::Widen { .. } if caller.sees(platform, row, |grant| grant.packs.names().is_none()) => Ok(()),
        Change::Widen { .. } => Err(Problem::new(
            &problem::ROLE_MISSING,
            "this is about all packs, and your groups reach to some",
        )),
    }
}

/// Whether the caller may decide about a proposal that waits.
fn about_proposal(
    app: &AppState,
    caller: &Caller,
    platform: &PlatformId,
    row: &Endpoint,
    number: u32,
) -> Result<(), Problem> {
    caller.on(platform, row)?;
    let open = request::platform(app, platform)?.proposals();
    // One that is not there is refused as such.
    let Some(proposal) = open.open.iter().find(|proposal| proposal.number == number) else { return Ok(()) };
    may_change(caller, platform, row, &proposal.change)
}

/// Confirms a proposal by its number of accounts. It takes two, and neither is who proposed it.
#[utoipa::path(
    post, path = "/v1/admin/proposals/confirm", tag = "admin", operation_id = "confirm_proposal",
    request_body = ConfirmBody,
    responses((status = 200, description = "Confirmed; with the second the change takes effect.", body = ProposalDone)),
)]
pub(crate) async fn confirm_proposal(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command::<ConfirmBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform.0;
    caller.on(&platform, &roles::CONFIRM_PROPOSAL)?;
    let by = super::actor(&caller)?;
    about_proposal(&app, &caller, &platform, &roles::CONFIRM_PROPOSAL, body.proposal.count())?;
    let (number, confirms) = (body.proposal.count(), Some(u64::from(body.accounts.count())));
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"confirm_proposal"], body: &taken.bytes.clone() };
    let command =
        Command::DecideProposal(DecideProposal { platform: platform.clone(), number, confirms, by });
    app.idempotency.once(&headers, asked, decided(&app, platform, number, command)).await
}

/// Takes a proposal off the table.
#[utoipa::path(
    post, path = "/v1/admin/proposals/discard", tag = "admin", operation_id = "discard_proposal",
    request_body = DiscardBody,
    responses((status = 200, description = "It is gone, and changed nothing.", body = ProposalDone)),
)]
pub(crate) async fn discard_proposal(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command::<DiscardBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform.0;
    caller.on(&platform, &roles::DISCARD_PROPOSAL)?;
    let by = super::actor(&caller)?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"discard_proposal"], body: &taken.bytes.clone() };
    let number = body.proposal.count();
    about_proposal(&app, &caller, &platform, &roles::DISCARD_PROPOSAL, number)?;
    let command = Command::DecideProposal(DecideProposal { platform, number, confirms: None, by });
    app.idempotency.once(&headers, asked, done(&app, command, false)).await
}

async fn done(app: &AppState, command: Command, in_effect: bool) -> Result<Response, Problem> {
    let (outcome, _) = request::submit(app, command).await?;
    let position = outcome.position;
    request::json(StatusCode::OK, position, &ProposalDone { position, in_effect })
}

async fn decided(
    app: &AppState,
    platform: PlatformId,
    number: u32,
    command: Command,
) -> Result<Response, Problem> {
    let (outcome, _) = request::submit(app, command).await?;
    let position = outcome.position;
    let waiting = request::platform(app, &platform)?.proposals();
    let in_effect = waiting.open.iter().all(|open| open.number != number);
    request::json(StatusCode::OK, position, &ProposalDone { position, in_effect })
}

/// Lowers the number of accounts that one person may change. To raise it, propose `blast_radius`.
#[utoipa::path(
    post, path = "/v1/admin/blast-radius", tag = "admin", operation_id = "set_blast_radius",
    request_body = RadiusBody,
    responses((status = 200, description = "Lower from now on.", body = ProposalDone)),
)]
pub(crate) async fn set_blast_radius(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command::<RadiusBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform.0;
    caller.on(&platform, &roles::SET_BLAST_RADIUS)?;
    let by = super::actor(&caller)?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"set_blast_radius"], body: &taken.bytes.clone() };
    let accounts = body.accounts.count();
    let command = Command::SetBlastRadius(SetBlastRadius { platform, accounts, by });
    app.idempotency.once(&headers, asked, done(&app, command, true)).await
}

impl From<&Proposal> for Item {
    fn from(proposal: &Proposal) -> Self {
        let (kind, pack, version, choices) = match &proposal.change {
            Change::Activate { bundle, choices } => {
                let pack = Bundle::decode(bundle).ok().and_then(|bundle| policy::parse(&bundle).ok());
                let (name, version) = pack.map(|pack| (pack.id, pack.version)).unzip();
                (Kind::Activate, name, version, Some(choices.clone()))
            }
            Change::Deactivate { pack } => (Kind::Deactivate, Some(pack.to_string()), None, None),
            Change::Widen { .. } => (Kind::BlastRadius, None, None, None),
        };
        Self {
            proposal: proposal.number,
            kind,
            pack,
            version,
            choices,
            accounts: proposal.accounts,
            starts: proposal.starts.map(Moment),
            proposed_by: name_of(&proposal.by),
            proposed_at: Moment(proposal.at),
            confirmed_by: proposal.confirmed_by.iter().map(name_of).collect(),
            missing: state::CONFIRMATIONS.saturating_sub(proposal.confirmed_by.len()),
            lapsed: proposal.lapsed,
        }
    }
}

fn name_of(actor: &Actor) -> String {
    match actor {
        Actor::Operator(id) => id.to_string(),
        Actor::Platform(key) => key.to_string(),
        Actor::Holder => "holder".to_owned(),
        Actor::System => "system".to_owned(),
    }
}
