//! A hash of all that matters, the same for logs that differ only in repeated or reordered events.
//!
//! In it: platforms, keys, packs and choices, endpoints; per account its follower set with days, attributes, facts, metrics,
//! amounts, region, identity, holds, cases and answers. Not in it: account numbers, positions, the moves of a case, the count
//! history, event ids, timers, counters and counts of some of the followers, since those tell in which order things were heard. Accounts are summed up,
//! so that no order among them matters, and one of which nothing is known counts for nothing.

use std::sync::Arc;

use followers::{AccountDay, AccountNo};
use policy::Millis;

use crate::commands::add_amounts::first_kept;
use crate::machine::Machine;
use crate::platform::Platform;
use crate::record::bytes::{put_long, put_text, put_varint};
use crate::record::v1::{put_account, put_actor, put_millis};
use crate::snapshot::{Detail, put_key, put_record};

impl Machine {
    /// A hash of all that matters: equal for logs that differ only in repeated or reordered events.
    pub fn state_hash(&self) -> [u8; 32] {
        let mut out = Vec::new();
        out.extend_from_slice(b"nameplate state hash 1");
        for key in self.shared.keys.load().values() {
            put_key(&mut out, key);
        }
        for platform in self.platforms.values() {
            put_platform(&mut out, platform, self.clock);
        }
        *blake3::hash(&out).as_bytes()
    }
}

fn put_platform(out: &mut Vec<u8>, p: &Platform, clock: Millis) {
    let shared = &p.shared;
    put_text(out, shared.id.as_str());
    put_text(out, shared.title.as_str());
    put_millis(out, &shared.registered_at);
    for pack in shared.packs.load().iter() {
        put_long(out, &pack.hash);
        for (key, value) in &pack.pack.choices().0 {
            put_text(out, key);
            put_text(out, value);
        }
        put_millis(out, &pack.at);
        put_actor(out, &pack.by);
    }
    shared.proposals.load().save(out);
    // How far each endpoint is counts in positions.
    shared.webhooks.load().values().for_each(|webhook| webhook.save_settings(out));
    let mut sum = [0u64; 4];
    let mut buffer = Vec::new();
    for no in 0..shared.directory.len() {
        buffer.clear();
        if !put_one(&mut buffer, p, no, clock) {
            continue;
        }
        let hash = blake3::hash(&buffer);
        for (lane, part) in sum.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            *lane = lane.wrapping_add(u64::from_le_bytes(part.try_into().unwrap_or_default()));
        }
    }
    for lane in sum {
        out.extend_from_slice(&lane.to_le_bytes());
    }
}

/// Everything about one account; false if nothing is known of it.
fn put_one(out: &mut Vec<u8>, p: &Platform, no: u32, clock: Millis) -> bool {
    let shared = &p.shared;
    let count = shared.count(no);
    let attributes = p.attributes.get(no);
    let mut record = shared.record(no);
    // Days that ledgers no longer keep go with the next amount, so when they went tells the order.
    let first = first_kept(clock);
    if record.has_before(first) {
        Arc::make_mut(&mut record).forget_before(first);
    }
    let days = AccountDay::ALL.map(|which| shared.followers.day(AccountNo(no), which).map_or(0, |day| day.0));
    if count == 0 && attributes == 0 && days == [0; 2] && *record == *shared.nothing_known {
        return false;
    }
    put_account(out, &shared.name(no));
    put_varint(out, u64::from(count));
    let digest = p.engine.digest(AccountNo(no), &|follower| identity_of(p, follower));
    out.extend_from_slice(&digest.to_le_bytes());
    put_varint(out, attributes);
    days.iter().for_each(|day| out.extend_from_slice(&day.to_le_bytes()));
    put_record(out, &record, Detail::WithoutPositions);
    true
}

/// What makes an account itself, whatever its number.
fn identity_of(p: &Platform, no: AccountNo) -> u128 {
    let mut bytes = Vec::with_capacity(24);
    put_account(&mut bytes, &p.shared.name(no.0));
    crate::hash::hash128(&bytes)
}
