//! The `/v1` endpoints and what anybody may ask, with their part of the OpenAPI document.

pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod amounts;
pub(crate) mod certificates;
pub(crate) mod effects;
pub(crate) mod follows;
pub(crate) mod identities;
pub(crate) mod ingest;
pub(crate) mod jobs;
pub(crate) mod me;
pub(crate) mod meta;
pub(crate) mod nameplates;
pub(crate) mod purges;
pub(crate) mod sightings;

use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;

/// Every documented endpoint, added to `base`.
pub(crate) fn routes(base: OpenApi) -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(base)
        .routes(routes!(ingest::ingest))
        .routes(routes!(accounts::get_account, accounts::put_account))
        .routes(routes!(accounts::post_accounts))
        .routes(routes!(amounts::post_amounts))
        .routes(routes!(follows::list_followers))
        .routes(routes!(follows::list_following))
        .routes(routes!(certificates::get_certificate))
        .routes(routes!(certificates::get_certificate_key))
        .routes(routes!(purges::purge))
        .routes(routes!(identities::put_identity))
        .routes(routes!(nameplates::get_nameplate))
        .routes(routes!(nameplates::ask_nameplates))
        .routes(routes!(sightings::post_sightings))
        .routes(routes!(effects::list_effects))
        .routes(routes!(jobs::get_job))
        .routes(routes!(jobs::get_removed))
        .routes(routes!(me::get_me))
        .routes(routes!(me::preview_me))
        .routes(routes!(me::post_answer))
        .routes(routes!(me::preview_filter))
        .routes(routes!(me::post_filter))
        .routes(routes!(me::undo_filter))
        .routes(routes!(me::leave))
        .routes(routes!(admin::platforms::list_platforms, admin::platforms::register_platform))
        .routes(routes!(admin::keys::list_keys, admin::keys::issue_key))
        .routes(routes!(admin::keys::revoke_key))
        .routes(routes!(admin::packs::list_packs))
        .routes(routes!(admin::packs::get_pack, admin::packs::deactivate_pack))
        .routes(routes!(admin::packs::check_pack))
        .routes(routes!(admin::packs::activate_pack))
        .routes(routes!(admin::holds::place_hold))
        .routes(routes!(admin::holds::release_hold))
        .routes(routes!(admin::holds::list_holds))
        .routes(routes!(admin::cases::list_cases))
        .routes(routes!(admin::dead_letters::list_dead_letters))
        .routes(routes!(admin::dead_letters::settle_dead_letters))
        .routes(routes!(admin::recounts::start_recount))
        .routes(routes!(admin::recounts::get_recount))
        .routes(routes!(admin::ticks::tick))
        .routes(routes!(meta::healthz))
        .routes(routes!(meta::readyz))
        .routes(routes!(meta::version))
        .routes(routes!(meta::document))
        .routes(routes!(meta::explain_problem))
}
