//! The HTTP API and the pages: parse, call, render.
//!
//! Handlers know no storage engine and no rule: they read a request strictly, ask the state through its reader,
//! submit commands through the pipeline's handle, open what a decision shows, and write an answer. What surprises:
//! the address of a client and the value of a name exist only inside one request's types, which print as
//! `<address>` and `<sealed>`.
//!
//! | module | is |
//! |---|---|
//! | `router`, `serve` | routes with one thin layer; the accept loop with its bounds |
//! | `api/` | one file per noun under `/v1` |
//! | `pages/` | the public pages, without script |
//! | `problem`, `openapi` | every way to say no; the document made from the handlers |
//! | `auth`, `keys`, `staff/` | who asks; how staff log in |
//! | `body`, `json`, `query`, `request`, `wire/` | reading strictly |
//! | `idempotency`, `cursor`, `region`, `metrics` | what their names say |

mod api;
mod app;
mod auth;
mod body;
pub mod certificate;
mod cursor;
#[cfg(test)]
mod documents;
mod idempotency;
mod json;
mod keys;
mod limits;
mod metrics;
mod openapi;
mod pages;
mod problem;
mod query;
mod region;
mod request;
mod roles;
mod router;
mod serve;
mod staff;
mod watch;
mod wire;

pub use api::effects::webhook_message;
pub use app::{AppState, Identities, Parts, PlatformSettings, Settings};
pub use keys::{NewKey, mint, mint_root};
pub use limits::Limits;
pub use metrics::metrics_router;
pub use region::{OVERRIDES_MAX, Place, Regions, RegionsError, TableAbout};
pub use router::{error_pages, openapi, role_table, site};
pub use serve::serve;
pub use staff::{
    Duty, Grant, LocalMember, NewMember, OidcSettings, PseudonymKey, Scope, StaffSettings, is_queue,
    new_member, usable_member,
};
pub use watch::Site;
