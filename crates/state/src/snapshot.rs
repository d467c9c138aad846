//! The whole state as bytes, and back.
//!
//! The same log gives the same bytes on every machine: everything is written in the order of its ids or numbers. The
//! layout belongs to this version of the software (`docs/formats/state.md`); a state can always be had from the log again.
//! Whoever finds the bytes damaged is told so, never given half a state: every piece has its own checksum.

mod frame;
mod load;
mod packed;
mod pin;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use policy::{Day, FieldSet, Ledger, LedgerName, Ledgers};

use frame::{Kind, Out};
use pin::PinnedPlatform;

use crate::account::{AccountRecord, Counted, Dated, HoldPlaced, Identity, Seen};
use crate::case::{AppealAnswer, Appealed, Case, ConsentGiven, Move, Ruling, Status};
use crate::effect::MoveReason;
use crate::history::History;
use crate::ids::{AccountKey, Code, HolderId, KeyId, Label, RegionName, Roles};
use crate::limits::Limits;
use crate::machine::Machine;
use crate::packs::PackInForce;
use crate::platform::{Platform, PlatformShared, Slot};
use crate::proposals::{Proposals, choices, put_choices};
use crate::reader::ApiKey;
use crate::record::bytes::{
    Bytes, put_i64, put_list, put_long, put_option, put_text, put_varint, unzigzag, zigzag,
};
use crate::record::v1::{
    actor, class, class_number, country, currency, field, holder_kind, holder_kind_number, id, millis,
    platform, put_account, put_actor, put_country, put_currency, put_field, put_millis, put_rule, put_topics,
    rule, standing, standing_number, topics,
};

use crate::webhooks;

pub(crate) use pin::Laid;

const MAGIC: &[u8; 8] = b"nplstate";
const VERSION: u16 = 8;

/// Accounts whose ids are in one piece.
const IDS: usize = 1 << 16;

/// The whole state at the moment it was pinned, to be saved on any thread while the machine goes on.
///
/// As long as it lives the machine keeps what it replaces, once each: save it and let it go.
#[derive(Debug)]
pub struct Pinned {
    position: u64,
    head: Vec<u8>,
    platforms: Vec<PinnedPlatform>,
}

impl Machine {
    /// Appends the whole state to `out`; the same log always gives the same bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        let saved = self.pinned().save(&mut |bytes| {
            out.extend_from_slice(bytes);
            Ok::<(), Infallible>(())
        });
        match saved {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// Pins the state as it is now, to be saved while the machine goes on.
    pub fn pin(&mut self) -> Pinned {
        self.platforms.values_mut().for_each(|platform| platform.event_ids.join());
        self.pinned()
    }

    fn pinned(&self) -> Pinned {
        let mut head = Vec::new();
        put_limits(&mut head, &self.limits);
        put_varint(&mut head, self.position);
        put_millis(&mut head, &self.clock);
        let keys = self.shared.keys.load();
        put_varint(&mut head, keys.len() as u64);
        for key in keys.values() {
            put_key(&mut head, key);
        }
        put_varint(&mut head, self.platforms.len() as u64);
        let platforms = self.platforms.values().map(PinnedPlatform::of).collect();
        Pinned { position: self.position, head, platforms }
    }
}

impl Pinned {
    /// The position whose state it is.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Gives the bytes of the whole state to `sink`, piece by piece; the same log always gives the same bytes.
    ///
    /// # Errors
    /// The first one of `sink`.
    pub fn save<E>(self, sink: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        sink(MAGIC)?;
        sink(&VERSION.to_le_bytes())?;
        let mut out = Out::new(sink);
        out.begin(Kind::Head)?.extend_from_slice(&self.head);
        for platform in self.platforms {
            platform.save(&mut out)?;
        }
        out.begin(Kind::End)?;
        out.close()
    }
}

fn put_limits(out: &mut Vec<u8>, limits: &Limits) {
    let Limits {
        platforms_max,
        accounts_max,
        keys_max,
        packs_max,
        proposals_max,
        webhooks_max,
        retries_max,
        items_max,
        metrics_max,
        ledgers_max,
        topics_max,
        holds_max,
        appeals_max,
        extension_ms,
        history_rows_max,
        history_from,
        purge_accounts_max,
        dead_letters_max,
        counted_a_tick,
        looked_at_a_tick,
        passed_a_tick,
        horizon_ms,
        future_ms,
        undo_ms,
    } = limits;
    for limit in [
        platforms_max,
        accounts_max,
        keys_max,
        packs_max,
        proposals_max,
        webhooks_max,
        retries_max,
        items_max,
        metrics_max,
        ledgers_max,
        topics_max,
        holds_max,
        appeals_max,
        history_rows_max,
        history_from,
        purge_accounts_max,
        dead_letters_max,
        counted_a_tick,
        looked_at_a_tick,
        passed_a_tick,
    ] {
        out.extend_from_slice(&limit.to_le_bytes());
    }
    for limit in [extension_ms, horizon_ms, future_ms, undo_ms] {
        put_i64(out, *limit);
    }
}

pub(crate) fn put_key(out: &mut Vec<u8>, key: &ApiKey) {
    put_text(out, key.platform.as_str());
    put_text(out, key.id.as_str());
    out.extend_from_slice(&key.sha256);
    out.push(key.roles.bits());
    put_text(out, key.label.as_str());
    put_millis(out, &key.issued_at);
    put_option(out, key.expires.as_ref(), put_millis);
    put_option(out, key.revoked_at.as_ref(), put_millis);
}

fn key(b: &mut Bytes<'_>) -> Option<ApiKey> {
    Some(ApiKey {
        platform: platform(b)?,
        id: id(b, KeyId::new)?,
        sha256: b.array()?,
        roles: Roles::from_bits(b.u8()?)?,
        label: id(b, Label::new)?,
        issued_at: millis(b)?,
        expires: b.option(millis)?,
        revoked_at: b.option(millis)?,
    })
}

fn put_head(out: &mut Vec<u8>, p: &Platform, accounts: u32, slots: u32) {
    put_text(out, p.shared.id.as_str());
    put_text(out, p.shared.title.as_str());
    put_millis(out, &p.shared.registered_at);
    put_varint(out, u64::from(accounts));
    put_varint(out, u64::from(slots));
}

/// Blocks of ids: how many, whether there are texts among them, then packed numbers or one id after the other.
fn put_ids(out: &mut Vec<u8>, shared: &PlatformShared, accounts: Range<u32>) {
    let mut numbers = Vec::with_capacity(packed::BLOCK);
    for from in accounts.clone().step_by(packed::BLOCK) {
        let block = from..accounts.end.min(from.saturating_add(packed::BLOCK as u32));
        put_varint(out, block.len() as u64);
        numbers.clear();
        numbers.extend(block.clone().map_while(|no| match shared.directory.name(no) {
            Some(AccountKey::Number(number)) => Some(number),
            Some(AccountKey::Text(_)) | None => None,
        }));
        out.push(u8::from(numbers.len() < block.len()));
        if numbers.len() == block.len() {
            packed::put(out, &numbers);
        } else {
            block.for_each(|no| put_account(out, &shared.name(no)));
        }
    }
}

/// What is little, and turned to bytes when the moment is pinned.
fn put_rest(out: &mut Vec<u8>, p: &Platform) {
    let shared = &p.shared;
    let packs = shared.packs.load();
    put_list(out, &packs, |out, pack| {
        put_long(out, &pack.bundle);
        put_choices(out, &pack.pack.choices().0);
        put_varint(out, pack.position);
        put_millis(out, &pack.at);
        put_actor(out, &pack.by);
    });
    shared.proposals.load().save(out);
    webhooks::save(&shared.webhooks.load(), out);
    put_varint(out, p.moved.len() as u64);
    for no in &p.moved {
        put_varint(out, u64::from(*no));
    }
    put_option(out, p.look_from.as_ref(), |out, from| put_varint(out, u64::from(*from)));
    put_varint(out, p.reached.len() as u64);
    for (no, level) in &p.reached {
        put_varint(out, u64::from(*no));
        put_varint(out, *level);
    }
    put_varint(out, p.timers.len() as u64);
    for (at, no) in &p.timers {
        put_millis(out, at);
        put_varint(out, u64::from(*no));
    }
    put_varint(out, p.ledger_timers.len() as u64);
    for (no, at) in p.ledger_timers.iter() {
        put_varint(out, u64::from(no));
        put_millis(out, &at);
    }
    put_varint(out, u64::from(p.counted_up_to));
    put_option(out, p.levels.as_of.as_ref(), put_millis);
    let t = &shared.tallies;
    for cell in [&t.accepted, &t.duplicate, &t.stale, &t.too_old, &t.refused] {
        put_varint(out, cell.load(Ordering::Relaxed));
    }
    shared.letters.save(out);
}

fn load_slot(b: &mut Bytes<'_>, p: &mut Platform) -> Option<()> {
    let no = b.varint_u32().filter(|no| *no < p.shared.directory.len())?;
    let record = record(b)?;
    let history = History::load(b)?;
    if record.left.is_some() {
        p.left.insert(no);
    }
    if let Some(identity) = &record.identity {
        p.holders.link(&identity.holder, no);
    }
    add_slot(&p.shared, no, record, history)
}

fn add_slot(shared: &PlatformShared, no: u32, record: AccountRecord, history: History) -> Option<()> {
    if shared.slot_of.get(no) != 0 {
        return None;
    }
    let place = shared.slots.push(Slot { no, record: ArcSwap::from_pointee(record), history });
    shared.slot_of.set(no, u32::try_from(place + 1).ok()?);
    Some(())
}

fn load_rest(b: &mut Bytes<'_>, p: &mut Platform) -> Option<()> {
    let packs = b.list(pack)?;
    p.shared.packs.store(Arc::new(packs.into_iter().map(Arc::new).collect()));
    p.set_proposals(Proposals::load(b)?);
    p.shared.webhooks.store(Arc::new(webhooks::load(b)?));
    p.moved = b.list(Bytes::varint_u32)?.into_iter().collect();
    p.look_from = b.option(Bytes::varint_u32)?;
    p.reached = b.list(|b| Some((b.varint_u32()?, b.varint()?)))?.into_iter().collect();
    p.timers = b.list(|b| Some((millis(b)?, b.varint_u32()?)))?.into_iter().collect::<BTreeSet<_>>();
    for (no, at) in b.list(|b| Some((b.varint_u32()?, millis(b)?)))? {
        p.ledger_timers.set(no, Some(at));
    }
    p.counted_up_to = b.varint_u32()?;
    // Thresholds as of when they were last worked out: a phase that began since begins at the next tick, not here.
    if let Some(as_of) = b.option(millis)? {
        p.load_levels(as_of);
    }
    let t = &p.shared.tallies;
    for cell in [&t.accepted, &t.duplicate, &t.stale, &t.too_old, &t.refused] {
        cell.store(b.varint()?, Ordering::Relaxed);
    }
    p.shared.letters.fill(b)?;
    Some(())
}

fn pack(b: &mut Bytes<'_>) -> Option<PackInForce> {
    let bundle = b.long()?.to_vec();
    let choices = choices(b)?;
    let position = b.varint()?;
    let at = millis(b)?;
    PackInForce::new(bundle, &choices, position, at, actor(b)?).ok()
}

/// How much of a record is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// All of it, for a snapshot.
    Everything,
    /// What does not depend on positions, for the state hash.
    WithoutPositions,
}

pub(crate) fn put_record(out: &mut Vec<u8>, record: &AccountRecord, detail: Detail) {
    let AccountRecord {
        class,
        standing,
        identity_verified,
        holder_kind,
        topics,
        metrics,
        counts,
        ledgers,
        region,
        identity,
        holds,
        left,
        cases,
        facts: _,
    } = record;
    put_dated(out, class.as_ref(), |out, value| out.push(class_number(*value)));
    put_dated(out, standing.as_ref(), |out, value| out.push(standing_number(*value)));
    put_dated(out, identity_verified.as_ref(), |out, value| out.push(u8::from(*value)));
    put_dated(out, holder_kind.as_ref(), |out, value| out.push(holder_kind_number(*value)));
    put_dated(out, topics.as_ref(), put_topics);
    put_varint(out, metrics.len() as u64);
    for (name, metric) in metrics {
        put_text(out, name.as_str());
        put_millis(out, &metric.at);
        put_i64(out, metric.value);
    }
    // Which tick counted depends on whose turn it was, so a count is no part of what logs must agree in.
    if detail == Detail::Everything {
        put_varint(out, counts.len() as u64);
        for (name, counted) in counts {
            put_text(out, name.as_str());
            put_varint(out, u64::from(counted.count));
            put_varint(out, counted.position);
            put_millis(out, &counted.at);
        }
    }
    put_ledgers(out, ledgers);
    put_dated(out, region.as_ref(), |out, seen| {
        put_country(out, seen.country);
        put_option(out, seen.region.as_ref(), |out, region| put_text(out, region.as_str()));
        put_text(out, seen.event.as_str());
    });
    put_option(out, identity.as_ref(), |out, identity| {
        put_text(out, identity.holder.as_str());
        put_fields(out, identity.fields);
        out.extend_from_slice(&identity.commitment);
        out.push(u8::from(identity.verified));
        out.push(holder_kind_number(identity.kind));
        put_millis(out, &identity.at);
    });
    put_list(out, holds, |out, hold| {
        put_text(out, hold.reason.as_str());
        put_option(out, hold.legal_basis.as_ref(), |out, basis| put_text(out, basis.as_str()));
        put_actor(out, &hold.by);
        put_millis(out, &hold.at);
    });
    put_option(out, left.as_ref(), put_millis);
    put_list(out, cases, |out, case| put_case(out, case, detail));
}

fn record(b: &mut Bytes<'_>) -> Option<AccountRecord> {
    let mut record = AccountRecord {
        class: dated(b, class)?,
        standing: dated(b, standing)?,
        identity_verified: dated(b, |b| b.bool())?,
        holder_kind: dated(b, holder_kind)?,
        topics: dated(b, topics)?,
        metrics: b
            .list(|b| Some((id(b, Code::new)?, Dated { at: millis(b)?, value: b.i64()? })))?
            .into_iter()
            .collect(),
        counts: b
            .list(|b| {
                let name = id(b, Code::new)?;
                Some((name, Counted { count: b.varint_u32()?, position: b.varint()?, at: millis(b)? }))
            })?
            .into_iter()
            .collect(),
        ledgers: Arc::new(ledgers(b)?),
        region: dated(b, |b| {
            Some(Seen {
                country: country(b)?,
                region: b.option(|b| id(b, RegionName::new))?,
                event: id(b, Code::new)?,
            })
        })?,
        identity: b.option(|b| {
            Some(Identity {
                holder: id(b, HolderId::new)?,
                fields: fields(b)?,
                commitment: b.array()?,
                verified: b.bool()?,
                kind: holder_kind(b)?,
                at: millis(b)?,
            })
        })?,
        holds: b.list(|b| {
            Some(HoldPlaced {
                reason: id(b, Code::new)?,
                legal_basis: b.option(|b| id(b, Code::new))?,
                by: actor(b)?,
                at: millis(b)?,
            })
        })?,
        left: b.option(millis)?,
        cases: b.list(case)?,
        facts: Arc::default(),
    };
    record.refresh_facts();
    Some(record)
}

fn put_ledgers(out: &mut Vec<u8>, ledgers: &Ledgers) {
    put_varint(out, ledgers.0.len() as u64);
    for (name, ledger) in &ledgers.0 {
        put_text(out, &name.metric);
        put_currency(out, name.currency);
        put_varint(out, ledger.len() as u64);
        let mut last = 0;
        for (day, sum) in ledger.iter() {
            put_varint(out, zigzag(i64::from(day.0) - last));
            put_varint(out, zigzag(sum));
            last = i64::from(day.0);
        }
    }
}

fn ledgers(b: &mut Bytes<'_>) -> Option<Ledgers> {
    let mut ledgers = Ledgers::default();
    for _ in 0..b.count()? {
        let name = LedgerName { metric: id(b, Code::new)?.as_str().to_owned(), currency: currency(b)? };
        let mut ledger = Ledger::default();
        let mut day = 0;
        for _ in 0..b.count()? {
            day = unzigzag(b.varint()?).checked_add(day)?;
            ledger.set(Day(i32::try_from(day).ok()?), unzigzag(b.varint()?));
        }
        ledgers.0.insert(name, Arc::new(ledger));
    }
    Some(ledgers)
}

fn put_dated<T>(out: &mut Vec<u8>, dated: Option<&Dated<T>>, write: impl FnOnce(&mut Vec<u8>, &T)) {
    put_option(out, dated, |out, dated| {
        put_millis(out, &dated.at);
        write(out, &dated.value);
    });
}

fn dated<T>(b: &mut Bytes<'_>, read: impl FnOnce(&mut Bytes<'_>) -> Option<T>) -> Option<Option<Dated<T>>> {
    b.option(|b| Some(Dated { at: millis(b)?, value: read(b)? }))
}

fn put_fields(out: &mut Vec<u8>, fields: FieldSet) {
    let fields: Vec<_> = fields.iter().collect();
    put_list(out, &fields, put_field);
}

fn fields(b: &mut Bytes<'_>) -> Option<FieldSet> {
    Some(b.list(field)?.into_iter().collect())
}

fn put_case(out: &mut Vec<u8>, case: &Case, detail: Detail) {
    let Case {
        rule,
        pack_version,
        pack_hash,
        round,
        status,
        reason,
        since,
        crossed_at,
        noticed_at,
        due_at,
        consent,
        refused_at,
        took_back,
        consequences,
        grace_until,
        appeals,
        spared,
        moves,
        moves_dropped,
        terms,
        told_shown,
    } = case;
    put_rule(out, rule);
    put_varint(out, u64::from(*pack_version));
    out.extend_from_slice(pack_hash);
    put_varint(out, u64::from(*round));
    out.push(*status as u8);
    out.push(*reason as u8);
    put_millis(out, since);
    put_millis(out, crossed_at);
    put_option(out, noticed_at.as_ref(), put_millis);
    put_option(out, due_at.as_ref(), put_millis);
    put_option(out, consent.as_ref(), |out, consent| {
        put_fields(out, consent.fields);
        put_text(out, consent.text_version.as_str());
        put_millis(out, &consent.at);
    });
    put_option(out, refused_at.as_ref(), put_millis);
    out.push(u8::from(*took_back));
    put_list(out, consequences, |out, word| put_text(out, word));
    put_option(out, grace_until.as_ref(), put_millis);
    put_list(out, appeals, put_appeal);
    out.push(u8::from(*spared));
    out.extend_from_slice(terms);
    out.push(u8::from(*told_shown));
    if detail == Detail::WithoutPositions {
        return;
    }
    put_list(out, moves, |out, one| {
        put_varint(out, one.position);
        put_millis(out, &one.at);
        put_option(out, one.from.as_ref(), |out, from| out.push(*from as u8));
        out.push(one.to as u8);
        out.push(one.reason as u8);
    });
    put_varint(out, u64::from(*moves_dropped));
}

fn put_appeal(out: &mut Vec<u8>, appeal: &Appealed) {
    let Appealed { ground, at, answer_due_at, answer } = appeal;
    put_text(out, ground.as_str());
    put_millis(out, at);
    put_millis(out, answer_due_at);
    put_option(out, answer.as_ref(), |out, answer| {
        let AppealAnswer { ruling, reason, legal_basis, by, at } = answer;
        out.push(*ruling as u8);
        put_text(out, reason.as_str());
        put_text(out, legal_basis.as_str());
        put_actor(out, by);
        put_millis(out, at);
    });
}

fn appeal(b: &mut Bytes<'_>) -> Option<Appealed> {
    Some(Appealed {
        ground: id(b, Code::new)?,
        at: millis(b)?,
        answer_due_at: millis(b)?,
        answer: b.option(|b| {
            Some(AppealAnswer {
                ruling: Ruling::from_number(b.u8()?)?,
                reason: id(b, Code::new)?,
                legal_basis: id(b, Code::new)?,
                by: actor(b)?,
                at: millis(b)?,
            })
        })?,
    })
}

fn case(b: &mut Bytes<'_>) -> Option<Case> {
    let status = |b: &mut Bytes<'_>| Status::from_number(b.u8()?);
    let reason = |b: &mut Bytes<'_>| MoveReason::from_number(b.u8()?);
    let mut case = Case {
        rule: rule(b)?,
        pack_version: b.varint_u32()?,
        pack_hash: b.array()?,
        round: b.varint_u32()?,
        status: status(b)?,
        reason: reason(b)?,
        since: millis(b)?,
        crossed_at: millis(b)?,
        noticed_at: b.option(millis)?,
        due_at: b.option(millis)?,
        consent: b.option(|b| {
            Some(ConsentGiven { fields: fields(b)?, text_version: id(b, Code::new)?, at: millis(b)? })
        })?,
        refused_at: b.option(millis)?,
        took_back: b.bool()?,
        consequences: b.list(|b| b.text().map(str::to_owned))?.into(),
        grace_until: b.option(millis)?,
        appeals: b.list(appeal)?,
        spared: b.bool()?,
        terms: b.array()?,
        told_shown: b.bool()?,
        moves: Vec::new(),
        moves_dropped: 0,
    };
    case.moves = b.list(|b| {
        Some(Move {
            position: b.varint()?,
            at: millis(b)?,
            from: b.option(status)?,
            to: status(b)?,
            reason: reason(b)?,
        })
    })?;
    case.moves_dropped = b.varint_u32()?;
    Some(case)
}
