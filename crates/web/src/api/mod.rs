//! The `/v1` endpoints and what anybody may ask, with their part of the OpenAPI document. `roles` puts them on the router.

pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod amounts;
pub(crate) mod certificates;
pub(crate) mod effects;
pub(crate) mod export;
pub(crate) mod follows;
pub(crate) mod identities;
pub(crate) mod ingest;
pub(crate) mod jobs;
pub(crate) mod me;
pub(crate) mod meta;
pub(crate) mod nameplates;
pub(crate) mod notices;
pub(crate) mod purges;
pub(crate) mod session;
pub(crate) mod sightings;
pub(crate) mod webhooks;
