//! Changes that wait for two people, and how many accounts one person may change what is shown of.
//!
//! A proposal holds everything its change needs. Who confirms names the number of accounts that was worked out when it was
//! proposed, so nobody confirms what they have not seen; the number is worked out again when it takes effect.

use std::collections::BTreeMap;

use policy::Millis;

use crate::ids::{Actor, Code};
use crate::record::bytes::{Bytes, put_list, put_long, put_option, put_text, put_varint};
use crate::record::v1::{actor, id, millis, put_actor, put_millis};

/// Accounts of which one person may change what is shown, unless the platform says otherwise.
pub const BLAST_RADIUS: u32 = 1_000;
/// People who must confirm a proposal, besides the one who made it.
pub const CONFIRMATIONS: usize = 2;

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A pack is put in force, or takes the place of its former version.
    Activate {
        /// `policy::Bundle::encode()`.
        bundle: Vec<u8>,
        /// The operator's answers to what no source says: key to value.
        choices: BTreeMap<String, String>,
    },
    /// A pack is taken out of force.
    Deactivate {
        /// The pack.
        pack: Code,
    },
    /// One person may change what is shown of more accounts from now on.
    Widen {
        /// So many.
        accounts: u32,
    },
}

/// A change that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// From 1, per platform.
    pub number: u32,
    /// What is proposed.
    pub change: Change,
    /// The number that is to be confirmed: how many accounts it concerned when it was proposed, or the new bound.
    pub accounts: u64,
    /// When it takes effect; at once if not given or over.
    pub starts: Option<Millis>,
    /// Who proposed it.
    pub by: Actor,
    /// When.
    pub at: Millis,
    /// Who confirmed its number.
    pub confirmed_by: Vec<Actor>,
    /// Its time came, and by then it concerned more accounts than were confirmed, or could not be done any more.
    pub lapsed: bool,
}

impl Proposal {
    /// Whether enough people confirmed it.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed_by.len() >= CONFIRMATIONS
    }
}

/// What a platform has decided about changes, and those that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposals {
    /// Accounts of which one person may change what is shown.
    pub blast_radius: u32,
    /// Proposals made so far.
    pub made: u32,
    /// Those that wait, in the order of their numbers.
    pub open: Vec<Proposal>,
}

impl Default for Proposals {
    fn default() -> Self {
        Self { blast_radius: BLAST_RADIUS, made: 0, open: Vec::new() }
    }
}

impl Proposals {
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.blast_radius));
        put_varint(out, u64::from(self.made));
        put_list(out, &self.open, |out, proposal| {
            put_varint(out, u64::from(proposal.number));
            put_change(out, &proposal.change);
            put_varint(out, proposal.accounts);
            put_option(out, proposal.starts.as_ref(), put_millis);
            put_actor(out, &proposal.by);
            put_millis(out, &proposal.at);
            put_list(out, &proposal.confirmed_by, put_actor);
            out.push(u8::from(proposal.lapsed));
        });
    }

    pub(crate) fn load(b: &mut Bytes<'_>) -> Option<Self> {
        Some(Self {
            blast_radius: b.varint_u32()?,
            made: b.varint_u32()?,
            open: b.list(|b| {
                Some(Proposal {
                    number: b.varint_u32()?,
                    change: change(b)?,
                    accounts: b.varint()?,
                    starts: b.option(millis)?,
                    by: actor(b)?,
                    at: millis(b)?,
                    confirmed_by: b.list(actor)?,
                    lapsed: b.bool()?,
                })
            })?,
        })
    }
}

pub(crate) fn put_change(out: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Activate { bundle, choices } => {
            out.push(0);
            put_long(out, bundle);
            put_choices(out, choices);
        }
        Change::Deactivate { pack } => {
            out.push(1);
            put_text(out, pack.as_str());
        }
        Change::Widen { accounts } => {
            out.push(2);
            put_varint(out, u64::from(*accounts));
        }
    }
}

pub(crate) fn change(b: &mut Bytes<'_>) -> Option<Change> {
    match b.u8()? {
        0 => Some(Change::Activate { bundle: b.long()?.to_vec(), choices: choices(b)? }),
        1 => Some(Change::Deactivate { pack: id(b, Code::new)? }),
        2 => Some(Change::Widen { accounts: b.varint_u32()? }),
        _ => None,
    }
}

/// Answers to a pack's questions, in the order of their keys.
pub(crate) fn put_choices(out: &mut Vec<u8>, choices: &BTreeMap<String, String>) {
    put_varint(out, choices.len() as u64);
    for (key, value) in choices {
        put_text(out, key);
        put_text(out, value);
    }
}

pub(crate) fn choices(b: &mut Bytes<'_>) -> Option<BTreeMap<String, String>> {
    let mut choices = BTreeMap::new();
    for _ in 0..b.count()? {
        let key = b.text()?.to_owned();
        let value = b.text()?.to_owned();
        if choices.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return None;
        }
        choices.insert(key, value);
    }
    Some(choices)
}
