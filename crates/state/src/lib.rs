//! Commands, records, the deterministic machine, cases and effects.
//!
//! A [`Command`] is what happens; an [`Entry`] is a command at its place in the log, stamped with a time. One
//! [`Machine`] applies entries in order and answers each with an [`Outcome`]; what the outside must be told comes out
//! as [`Effect`]s. Any number of [`Reader`]s look on from other threads without a lock. Nothing here does I/O, reads a
//! clock or draws a random number, so the same log gives the same state and the same decisions, byte for byte.
//!
//! ```
//! use state::{Command, EdgeBatchBuilder, Entry, ItemOutcome, Limits, Machine, Millis, Op, PlatformId};
//! use state::commands::RegisterPlatform;
//!
//! let demo = PlatformId::new("demo")?;
//! let mut machine = Machine::new(Limits::default());
//! let reader = machine.reader();
//!
//! let register = RegisterPlatform { platform: demo.clone(), title: "A demo".parse()? };
//! machine.apply(&Entry { position: 1, at: Millis(1_000), command: Command::RegisterPlatform(register) });
//!
//! let mut batch = EdgeBatchBuilder::new(demo.clone());
//! batch.push(Op::Follow, "ann", "42", 900, None)?; // 42 follows ann
//! let outcome = machine.apply(&Entry { position: 2, at: Millis(1_001), command: Command::Edges(batch.build()) });
//! assert_eq!(outcome.items, [ItemOutcome::Accepted]);
//!
//! assert_eq!(reader.applied(), 2);
//! let platform = reader.platform(&demo).expect("registered above");
//! let ann = platform.account(state::AccountKey::parse("ann")?).expect("followed above");
//! assert_eq!(ann.count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The path of one entry: [`record::decode`] → [`Machine::apply`] → `commands::<verb>` → sets, facts and cases change →
//! the new values are published to readers → effects wait for [`Machine::take_effects`].

mod account;
mod case;
pub mod commands;
mod dead_letters;
mod directory;
mod edge_batch;
mod effect;
mod event_ids;
mod hash;
mod history;
mod holders;
mod ids;
mod ledger_timers;
mod lifecycle;
mod limits;
mod machine;
mod outcome;
mod packs;
mod platform;
mod prepared;
mod promises;
mod proposals;
mod reach;
mod reader;
pub mod record;
mod registers;
mod snapshot;
mod some_followers;
mod state_hash;
mod webhooks;

pub use account::{AccountRecord, Counted, Dated, HoldPlaced, Identity, Seen};
pub use case::{AppealAnswer, Appealed, Case, ConsentGiven, MOVES_MAX, Move, Ruling, Status};
pub use commands::{Command, Entry, Preparation};
pub use dead_letters::{DeadLetter, DeadLetterPage};
pub use edge_batch::{
    EVENT_ID_BYTES_MAX, EVENTS_MAX, EdgeBatch, EdgeBatchBuilder, EdgeEvent, EventRefusal, Events, Op,
};
pub use effect::{Effect, EffectId, EffectKind, MoveReason};
pub use history::{Cause, HistoryRow};
pub use ids::{
    ACCOUNT_ID_BYTES_MAX, AccountId, AccountKey, Actor, Code, Country, Currency, EventId, HolderId, IdError,
    KeyId, Label, Millis, PlatformId, RegionName, Role, Roles, RuleRef, WebhookUrl, moment,
};
pub use limits::{AMOUNT_MAX, Limits};
pub use machine::{Broken, LoadError, Machine};
pub use outcome::{Done, ItemOutcome, Outcome, Refusal};
pub use packs::PackInForce;
pub use proposals::{BLAST_RADIUS, CONFIRMATIONS, Change, Proposal, Proposals};
pub use reader::{
    AccountRead, ApiKey, CaseFilter, CasePage, Counts, FilterPreview, FilteredOut, FollowerPage, FollowersAt,
    HeldPage, Nameplate, PlatformRead, Reader, Recounted, ShownField, WithheldField,
};
pub use snapshot::Pinned;
pub use webhooks::{Retry, WEBHOOK_KEYS_MAX, Webhook, WebhookKey};
