//! Who may call what: one table of every endpoint and page.
//!
//! The router is made from the table and from nothing else, so an endpoint without a row cannot be reached, and the
//! compiler says that its handler is never used. Handlers name their row where they ask who is calling; the OpenAPI
//! document takes its security from here; `openapi/roles.txt` shows the whole table.

use std::fmt::Write as _;

use axum::Router;
use axum::routing::get;
use state::Role;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    accounts, admin, amounts, certificates, effects, export, follows, identities, ingest, jobs, me, meta,
    nameplates, notices, purges, session, sightings, webhooks,
};
use crate::app::AppState;
use crate::pages;
use crate::staff::Duty;

/// An endpoint or a page.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// `get`, `put`, `post` or `delete`.
    pub(crate) method: &'static str,
    /// Route template.
    pub(crate) path: &'static str,
    /// Who may call it.
    pub(crate) may: May,
}

/// Who may call an endpoint.
#[derive(Debug)]
pub(crate) enum May {
    /// Whoever reaches the server.
    Anybody,
    /// A key of the platform with one of these roles. The server's root key passes for an operator and an auditor.
    Keys(&'static [Role]),
    /// The server's root key and nobody else.
    Root,
    /// A holder, about their own account.
    Holder,
    /// A member of staff with that duty there, or an operator's key, or the server's root key.
    Duty(Duty),
    /// Any member of staff there, or an operator's or auditor's key, or the server's root key.
    Office,
    /// Any member of staff.
    Session,
    /// A holder, about their own account, or a key of the platform with one of these roles.
    HolderOrKeys(&'static [Role]),
}

impl Endpoint {
    /// The roles of which a key needs one; none if keys do not open it.
    pub(crate) fn roles(&self) -> &'static [Role] {
        match self.may {
            May::Keys(roles) | May::HolderOrKeys(roles) => roles,
            May::Duty(_) => &[Role::Operator],
            May::Office => &[Role::Operator, Role::Auditor],
            May::Anybody | May::Root | May::Holder | May::Session => &[],
        }
    }

    /// Does the server's root key open it?
    pub(crate) fn admits_root(&self) -> bool {
        match self.may {
            May::Anybody | May::Root | May::Duty(_) | May::Office => true,
            May::Keys(roles) | May::HolderOrKeys(roles) => {
                roles.iter().any(|role| matches!(role, Role::Operator | Role::Auditor))
            }
            May::Holder | May::Session => false,
        }
    }

    /// Whether members of staff open it, and with which duty if it takes one.
    #[expect(clippy::option_option, reason = "no member of staff, any of them, or those with a duty")]
    pub(crate) fn duty(&self) -> Option<Option<Duty>> {
        match self.may {
            May::Duty(duty) => Some(Some(duty)),
            May::Office | May::Session => Some(None),
            May::Anybody | May::Keys(_) | May::Root | May::Holder | May::HolderOrKeys(_) => None,
        }
    }

    fn admits_duty(&self, duty: Duty) -> bool {
        matches!(self.may, May::Anybody)
            || self.duty().is_some_and(|takes| takes.is_none_or(|takes| takes == duty))
    }

    /// Does a holder's token open it?
    pub(crate) fn admits_holders(&self) -> bool {
        matches!(self.may, May::Anybody | May::Holder | May::HolderOrKeys(_))
    }

    fn admits_role(&self, role: Role) -> bool {
        matches!(self.may, May::Anybody) || self.roles().contains(&role)
    }
}

/// Rows of the API: name of the row, method, path, who may, and the handler.
macro_rules! endpoints {
    ($($name:ident: $method:ident $path:literal, $may:expr => $($handler:ident)::+;)*) => {
        $(pub(crate) const $name: Endpoint =
            Endpoint { method: stringify!($method), path: $path, may: $may };)*

        const ENDPOINTS: &[Endpoint] = &[$($name),*];

        /// Every endpoint, added to `base`.
        pub(crate) fn api(base: OpenApi) -> OpenApiRouter<AppState> {
            let router = OpenApiRouter::with_openapi(base);
            $(let router = router.routes(routes!($($handler)::+));)*
            router
        }
    };
}

/// Rows of the pages: they are read, by anybody.
macro_rules! pages {
    ($($path:literal => $handler:path;)*) => {
        const PAGES: &[Endpoint] = &[$(Endpoint { method: "get", path: $path, may: May::Anybody }),*];

        /// Every page.
        pub(crate) fn site() -> Router<AppState> {
            Router::new()$(.route($path, get($handler)))*
        }
    };
}

const APPEALS: May = May::Duty(Duty::Appeals);
const SAFETY: May = May::Duty(Duty::Safety);
const RULES: May = May::Duty(Duty::Rules);
const INTEGRATION: May = May::Duty(Duty::Integration);
/// Sees what operators see.
const OFFICE: May = May::Office;
const INGEST_KEY: May = May::Keys(&[Role::Ingest]);
const READ_KEY: May = May::Keys(&[Role::Read]);

endpoints! {
    INGEST: post "/v1/ingest", INGEST_KEY => ingest::ingest;
    POST_ACCOUNTS: post "/v1/accounts", INGEST_KEY => accounts::post_accounts;
    GET_ACCOUNT: get "/v1/accounts/{platform}/{account}", May::Keys(&[Role::Read, Role::Auditor]) => accounts::get_account;
    PUT_ACCOUNT: put "/v1/accounts/{platform}/{account}", INGEST_KEY => accounts::put_account;
    POST_AMOUNTS: post "/v1/amounts", INGEST_KEY => amounts::post_amounts;
    POST_SIGHTINGS: post "/v1/sightings", INGEST_KEY => sightings::post_sightings;
    PURGE: post "/v1/purges", INGEST_KEY => purges::purge;
    PUT_IDENTITY: put "/v1/identities/{platform}/{account}", May::Keys(&[Role::Holders]) => identities::put_identity;

    GET_NAMEPLATE: get "/v1/nameplates/{platform}/{account}", READ_KEY => nameplates::get_nameplate;
    ASK_NAMEPLATES: post "/v1/nameplates", READ_KEY => nameplates::ask_nameplates;
    LIST_FOLLOWERS: get "/v1/accounts/{platform}/{account}/followers", READ_KEY => follows::list_followers;
    LIST_FOLLOWING: get "/v1/accounts/{platform}/{account}/following", READ_KEY => follows::list_following;
    GET_AMOUNTS: get "/v1/accounts/{platform}/{account}/amounts", May::Keys(&[Role::Read, Role::Auditor]) => amounts::get_amounts;
    GET_CERTIFICATE: get "/v1/accounts/{platform}/{account}/certificate", May::Keys(&[Role::Read, Role::Auditor]) => certificates::get_certificate;
    GET_CERTIFICATE_KEY: get "/v1/certificates/key", May::Anybody => certificates::get_certificate_key;
    LIST_EFFECTS: get "/v1/effects", May::Keys(&[Role::Read, Role::Operator, Role::Auditor]) => effects::list_effects;
    GET_JOB: get "/v1/jobs/{job}", May::HolderOrKeys(&[Role::Holders, Role::Operator, Role::Auditor]) => jobs::get_job;
    GET_REMOVED: get "/v1/jobs/{job}/removed", May::HolderOrKeys(&[Role::Holders, Role::Operator, Role::Auditor]) => jobs::get_removed;

    GET_ME: get "/v1/me", May::Holder => me::get_me;
    EXPORT_ME: get "/v1/me/export", May::Holder => export::export_me;
    GET_MY_AMOUNTS: get "/v1/me/amounts", May::Holder => amounts::get_my_amounts;
    PREVIEW_ME: get "/v1/me/preview", May::Holder => me::preview_me;
    LIST_MY_NOTICES: get "/v1/me/notices", May::Holder => notices::list_my_notices;
    GET_MY_NOTICE: get "/v1/me/notices/{pack}/{rule}/{number}", May::Holder => notices::get_my_notice;
    POST_ANSWER: post "/v1/me/answers", May::Holder => me::post_answer;
    PREVIEW_FILTER: post "/v1/me/filters/preview", May::Holder => me::preview_filter;
    POST_FILTER: post "/v1/me/filters", May::Holder => me::post_filter;
    UNDO_FILTER: post "/v1/me/filters/{filter}/undo", May::Holder => me::undo_filter;
    POST_APPEAL: post "/v1/me/appeals", May::Holder => me::post_appeal;
    LEAVE: post "/v1/me/leave", May::Holder => me::leave;

    LIST_WEBHOOKS: get "/v1/webhooks", OFFICE => webhooks::list_webhooks;
    SET_WEBHOOK: put "/v1/webhooks/{webhook}", INTEGRATION => webhooks::set_webhook;
    REMOVE_WEBHOOK: delete "/v1/webhooks/{webhook}", INTEGRATION => webhooks::remove_webhook;
    ROTATE_WEBHOOK: post "/v1/webhooks/{webhook}/rotate", INTEGRATION => webhooks::rotate_webhook;
    REWIND_WEBHOOK: post "/v1/webhooks/{webhook}/rewind", INTEGRATION => webhooks::rewind_webhook;
    PING_WEBHOOK: post "/v1/webhooks/{webhook}/ping", INTEGRATION => webhooks::ping_webhook;
    LIST_DELIVERIES: get "/v1/webhooks/{webhook}/deliveries", OFFICE => webhooks::list_deliveries;

    BEGIN_SESSION: post "/v1/session", May::Anybody => session::begin_session;
    GET_SESSION: get "/v1/session", May::Session => session::get_session;
    END_SESSION: delete "/v1/session", May::Session => session::end_session;
    BEGIN_LOGIN: get "/v1/session/login", May::Anybody => session::begin_login;
    FINISH_LOGIN: get "/v1/session/return", May::Anybody => session::finish_login;

    LIST_PLATFORMS: get "/v1/admin/platforms", OFFICE => admin::platforms::list_platforms;
    REGISTER_PLATFORM: post "/v1/admin/platforms", May::Root => admin::platforms::register_platform;
    LIST_KEYS: get "/v1/admin/keys", May::Root => admin::keys::list_keys;
    ISSUE_KEY: post "/v1/admin/keys", May::Root => admin::keys::issue_key;
    REVOKE_KEY: delete "/v1/admin/keys/{key}", May::Root => admin::keys::revoke_key;
    LIST_PACKS: get "/v1/admin/packs", OFFICE => admin::packs::list_packs;
    GET_PACK: get "/v1/admin/packs/{pack}", OFFICE => admin::packs::get_pack;
    CHECK_PACK: post "/v1/admin/packs/check", OFFICE => admin::packs::check_pack;
    SIMULATE_PACK: post "/v1/admin/packs/simulate", OFFICE => admin::simulations::simulate_pack;
    ACTIVATE_PACK: post "/v1/admin/packs/activate", RULES => admin::packs::activate_pack;
    DEACTIVATE_PACK: delete "/v1/admin/packs/{pack}", RULES => admin::packs::deactivate_pack;
    LIST_PROPOSALS: get "/v1/admin/proposals", OFFICE => admin::proposals::list_proposals;
    PROPOSE_CHANGE: post "/v1/admin/proposals", RULES => admin::proposals::propose_change;
    CONFIRM_PROPOSAL: post "/v1/admin/proposals/confirm", RULES => admin::proposals::confirm_proposal;
    DISCARD_PROPOSAL: post "/v1/admin/proposals/discard", RULES => admin::proposals::discard_proposal;
    SET_BLAST_RADIUS: post "/v1/admin/blast-radius", RULES => admin::proposals::set_blast_radius;
    LIST_CASES: get "/v1/admin/cases", OFFICE => admin::cases::list_cases;
    DECIDE_APPEAL: post "/v1/admin/appeals/decide", APPEALS => admin::appeals::decide_appeal;
    EXTEND_NOTICE: post "/v1/admin/notices/extend", APPEALS => admin::appeals::extend_notice;
    LIST_HELD: get "/v1/admin/holds", OFFICE => admin::holds::list_held;
    LIST_HOLDS: get "/v1/admin/holds/{platform}/{account}", OFFICE => admin::holds::list_holds;
    PLACE_HOLD: post "/v1/admin/holds", SAFETY => admin::holds::place_hold;
    RELEASE_HOLD: post "/v1/admin/holds/release", SAFETY => admin::holds::release_hold;
    LIST_DEAD_LETTERS: get "/v1/admin/dead-letters", OFFICE => admin::dead_letters::list_dead_letters;
    SETTLE_DEAD_LETTERS: post "/v1/admin/dead-letters/settle", INTEGRATION => admin::dead_letters::settle_dead_letters;
    GET_REGION_TABLES: get "/v1/admin/regions", OFFICE => admin::regions::get_region_tables;
    START_RECOUNT: post "/v1/admin/recounts", OFFICE => admin::recounts::start_recount;
    GET_RECOUNT: get "/v1/admin/recounts/{platform}", OFFICE => admin::recounts::get_recount;
    MOVE_CLOCK: post "/v1/admin/clock", May::Root => admin::clock::move_clock;
    TICK: post "/v1/admin/ticks", May::Root => admin::ticks::tick;

    HEALTHZ: get "/healthz", May::Anybody => meta::healthz;
    READYZ: get "/readyz", May::Anybody => meta::readyz;
    VERSION: get "/version", May::Anybody => meta::version;
    DOCUMENT: get "/openapi.json", May::Anybody => meta::document;
    EXPLAIN_PROBLEM: get "/errors/{type}", May::Anybody => meta::explain_problem;
}

pages! {
    "/" => pages::index;
    "/p" => pages::find;
    "/p/{platform}/{account}" => pages::profile;
    "/style.css" => pages::style;
}

/// The row of an endpoint of the API.
pub(crate) fn row(method: &str, path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|row| row.method == method && row.path == path)
}

/// Route templates of the pages.
pub(crate) fn page_paths() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|row| row.path)
}

/// The whole table as text, as it is checked in at `openapi/roles.txt`.
pub(crate) fn text() -> String {
    let yes = |may: bool| if may { "yes" } else { "-" };
    let mut text = String::from(
        "# Who may call what. Made from the table that the router is made from; checked in so that a change is seen.\n\
         # nobody: without a credential. ingest to auditor: an API key of the platform with that role alone.\n\
         # root: the server's own key. token: one that the platform signed for the account's holder.\n\
         # appeals to watch: a member of staff with that duty alone.\n",
    );
    let mut heads = vec!["nobody"];
    heads.extend(Role::ALL.iter().map(|role| role.as_str()));
    heads.extend(["root", "token"]);
    heads.extend(Duty::ALL.iter().map(|duty| duty.as_str()));
    let mut line = |method: &str, path: &str, cells: &[&str]| {
        let mut row = format!("{method:<7} {path:<52}");
        for (cell, head) in cells.iter().zip(&heads) {
            let width = head.len().max(8);
            // Writing to a text cannot fail.
            let _ = write!(row, " {cell:<width$}");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    };
    line("method", "path", &heads);
    for row in ENDPOINTS.iter().chain(PAGES) {
        let mut cells = vec![yes(matches!(row.may, May::Anybody))];
        cells.extend(Role::ALL.iter().map(|role| yes(row.admits_role(*role))));
        cells.extend([yes(row.admits_root()), yes(row.admits_holders())]);
        cells.extend(Duty::ALL.iter().map(|duty| yes(row.admits_duty(*duty))));
        line(row.method, row.path, &cells);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_handlers_name_the_same_endpoints() {
        let (_, document) = api(crate::openapi::base()).split_for_parts();
        let mut documented = Vec::new();
        for (path, item) in &document.paths.paths {
            for (method, there) in
                [("get", &item.get), ("put", &item.put), ("post", &item.post), ("delete", &item.delete)]
            {
                if there.is_some() {
                    documented.push((method, path.as_str()));
                }
            }
        }
        let mut rows: Vec<_> = ENDPOINTS.iter().map(|row| (row.method, row.path)).collect();
        rows.sort_unstable();
        documented.sort_unstable();
        assert_eq!(rows, documented);
    }
}
