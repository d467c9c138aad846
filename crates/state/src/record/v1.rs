//! Version 1 of the record format; see `docs/formats/record.md`.
//!
//! What a writer writes, the reader next to it reads: they stand in pairs. Lists and sets have one order, so equal
//! commands have equal bytes.

use std::collections::BTreeSet;

use followers::{Attribute, Day, Order};
use policy::{Class, Currency, Field, HolderKind, Millis, Standing};

use super::RecordError;
use super::bytes::{Bytes, put_i64, put_list, put_long, put_option, put_text, put_varint};
use crate::case::Ruling;
use crate::commands::{
    AccountFacts, ActivatePack, AddAmounts, Amount, AmountItem, Answer, Appeal, Attributes, Command,
    DeactivatePack, DecideAppeal, DecideProposal, ExtendNotice, Filter, FilterCriteria, Hold, HolderAnswer,
    IssueKey, Leave, LinkIdentity, MetricItem, NewWebhookKey, ProposeChange, Purge, RecordDeliveries,
    RegisterPlatform, Release, RemoveWebhook, RevokeKey, RewindWebhook, SetBlastRadius, SetMetrics,
    SetWebhook, SettleDeadLetters, SightRegion, Sighting, Topics, UndoFilter, UpsertAccounts,
};
use crate::edge_batch::EdgeBatch;
use crate::ids::{
    AccountId, AccountKey, Actor, Code, Country, EventId, HolderId, IdError, KeyId, Label, PlatformId,
    RegionName, Roles, RuleRef, WebhookUrl,
};
use crate::proposals::{change, choices, put_change, put_choices};
use crate::webhooks::{effect_id, put_effect_id, put_retry, retry};

const REGISTER_PLATFORM: u8 = 1;
const ISSUE_KEY: u8 = 2;
const REVOKE_KEY: u8 = 3;
const UPSERT_ACCOUNTS: u8 = 4;
const EDGES: u8 = 5;
const SET_METRICS: u8 = 6;
const ACTIVATE_PACK: u8 = 7;
const DEACTIVATE_PACK: u8 = 8;
const LINK_IDENTITY: u8 = 9;
const ANSWER: u8 = 10;
const FILTER: u8 = 11;
const UNDO_FILTER: u8 = 12;
const HOLD: u8 = 13;
const RELEASE: u8 = 14;
const LEAVE: u8 = 15;
const SIGHT_REGION: u8 = 16;
const TICK: u8 = 17;
const PURGE: u8 = 18;
const SETTLE_DEAD_LETTERS: u8 = 19;
const ADD_AMOUNTS: u8 = 20;
const APPEAL: u8 = 21;
const DECIDE_APPEAL: u8 = 22;
const EXTEND_NOTICE: u8 = 23;
const PROPOSE_CHANGE: u8 = 24;
const DECIDE_PROPOSAL: u8 = 25;
const SET_BLAST_RADIUS: u8 = 26;
const SET_WEBHOOK: u8 = 27;
const REMOVE_WEBHOOK: u8 = 28;
const REWIND_WEBHOOK: u8 = 29;
const RECORD_DELIVERIES: u8 = 30;
const HOLD_ON_BASIS: u8 = 31;
const RELEASE_ON_BASIS: u8 = 32;

/// How deep filter criteria may nest in a record. Far above what the state accepts: what it refuses is logged too.
const CRITERIA_DEPTH_MAX: u32 = 500;

pub(super) fn put_command(out: &mut Vec<u8>, command: &Command) {
    match command {
        Command::RegisterPlatform(c) => {
            out.push(REGISTER_PLATFORM);
            put_text(out, c.platform.as_str());
            put_text(out, c.title.as_str());
        }
        Command::IssueKey(c) => {
            out.push(ISSUE_KEY);
            put_text(out, c.platform.as_str());
            put_text(out, c.key_id.as_str());
            out.extend_from_slice(&c.sha256);
            out.push(c.roles.bits());
            put_text(out, c.label.as_str());
            put_option(out, c.expires.as_ref(), put_millis);
        }
        Command::RevokeKey(c) => {
            out.push(REVOKE_KEY);
            put_text(out, c.platform.as_str());
            put_text(out, c.key_id.as_str());
        }
        Command::UpsertAccounts(c) => {
            out.push(UPSERT_ACCOUNTS);
            put_text(out, c.platform.as_str());
            put_list(out, &c.items, put_facts);
        }
        Command::Edges(batch) => {
            out.push(EDGES);
            put_text(out, batch.platform().as_str());
            put_varint(out, u64::from(batch.len()));
            // To the end of the record, so that the events are stored and logged without a copy.
            out.extend_from_slice(batch.bytes());
        }
        Command::SetMetrics(c) => {
            out.push(SET_METRICS);
            put_text(out, c.platform.as_str());
            put_list(out, &c.items, |out, item| {
                put_account(out, &item.account);
                put_text(out, item.metric.as_str());
                put_i64(out, item.value);
                put_millis(out, &item.at);
            });
        }
        Command::AddAmounts(c) => {
            out.push(ADD_AMOUNTS);
            put_text(out, c.platform.as_str());
            put_list(out, &c.items, put_amount);
        }
        Command::ActivatePack(c) => {
            out.push(ACTIVATE_PACK);
            put_text(out, c.platform.as_str());
            put_long(out, &c.bundle);
            put_choices(out, &c.choices);
            put_actor(out, &c.by);
        }
        Command::DeactivatePack(c) => {
            out.push(DEACTIVATE_PACK);
            put_text(out, c.platform.as_str());
            put_text(out, c.pack.as_str());
            put_actor(out, &c.by);
        }
        Command::LinkIdentity(c) => {
            out.push(LINK_IDENTITY);
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_text(out, c.holder.as_str());
            put_list(out, &c.fields, put_field);
            out.extend_from_slice(&c.commitment);
            out.push(u8::from(c.verified));
            out.push(holder_kind_number(c.kind));
        }
        Command::Answer(c) => {
            out.push(ANSWER);
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_rule(out, &c.rule);
            put_varint(out, u64::from(c.round));
            match &c.answer {
                HolderAnswer::Consent { fields, text_version } => {
                    out.push(0);
                    put_list(out, fields, put_field);
                    put_text(out, text_version.as_str());
                }
                HolderAnswer::Refuse => out.push(1),
                HolderAnswer::Withdraw => out.push(2),
            }
        }
        Command::Filter(c) => {
            out.push(FILTER);
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_criteria(out, &c.criteria, 0);
            put_list(out, &c.keep, put_account);
            match c.order {
                Order::Newest => out.push(0),
                Order::Oldest => out.push(1),
                Order::Random { seed } => {
                    out.push(2);
                    out.extend_from_slice(&seed.to_le_bytes());
                }
            }
            put_option(out, c.leave_at.as_ref(), |out, left| put_varint(out, u64::from(*left)));
            out.push(u8::from(c.keep_verified) | u8::from(c.keep_followed) << 1);
            put_varint(out, u64::from(c.bar_days));
            put_actor(out, &c.by);
        }
        Command::UndoFilter(c) => {
            out.push(UNDO_FILTER);
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_varint(out, c.filter);
            put_actor(out, &c.by);
        }
        Command::Hold(c) => {
            out.push(if c.legal_basis.is_some() { HOLD_ON_BASIS } else { HOLD });
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_text(out, c.reason.as_str());
            if let Some(basis) = &c.legal_basis {
                put_text(out, basis.as_str());
            }
            put_actor(out, &c.by);
        }
        Command::Release(c) => {
            out.push(if c.legal_basis.is_some() { RELEASE_ON_BASIS } else { RELEASE });
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_text(out, c.reason.as_str());
            if let Some(basis) = &c.legal_basis {
                put_text(out, basis.as_str());
            }
            put_actor(out, &c.by);
        }
        Command::Leave(c) => {
            out.push(LEAVE);
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_actor(out, &c.by);
        }
        Command::SightRegion(c) => {
            out.push(SIGHT_REGION);
            put_text(out, c.platform.as_str());
            put_list(out, &c.items, |out, item| {
                put_account(out, &item.account);
                put_option(out, item.region.as_ref(), |out, region| put_text(out, region.as_str()));
                put_country(out, item.country);
                put_millis(out, &item.at);
                put_text(out, item.event.as_str());
            });
        }
        Command::Purge(c) => {
            out.push(PURGE);
            put_text(out, c.platform.as_str());
            put_list(out, &c.accounts, put_account);
            put_actor(out, &c.by);
        }
        Command::SettleDeadLetters(c) => {
            out.push(SETTLE_DEAD_LETTERS);
            put_text(out, c.platform.as_str());
            put_varint(out, c.from);
            put_varint(out, c.to);
            out.push(u8::from(c.replay));
            put_actor(out, &c.by);
        }
        Command::Appeal(c) => {
            out.push(APPEAL);
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_rule(out, &c.rule);
            put_varint(out, u64::from(c.round));
            put_text(out, c.ground.as_str());
        }
        Command::DecideAppeal(c) => {
            out.push(DECIDE_APPEAL);
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_rule(out, &c.rule);
            put_varint(out, u64::from(c.round));
            out.push(c.ruling as u8);
            put_text(out, c.reason.as_str());
            put_text(out, c.legal_basis.as_str());
            put_actor(out, &c.by);
        }
        Command::ExtendNotice(c) => {
            out.push(EXTEND_NOTICE);
            put_text(out, c.platform.as_str());
            put_account(out, &c.account);
            put_rule(out, &c.rule);
            put_varint(out, u64::from(c.round));
            put_millis(out, &c.until);
            put_text(out, c.reason.as_str());
            put_text(out, c.legal_basis.as_str());
            put_actor(out, &c.by);
        }
        Command::ProposeChange(c) => {
            out.push(PROPOSE_CHANGE);
            put_text(out, c.platform.as_str());
            put_change(out, &c.change);
            put_option(out, c.starts.as_ref(), put_millis);
            put_actor(out, &c.by);
        }
        Command::DecideProposal(c) => {
            out.push(DECIDE_PROPOSAL);
            put_text(out, c.platform.as_str());
            put_varint(out, u64::from(c.number));
            put_option(out, c.confirms.as_ref(), |out, confirms| put_varint(out, *confirms));
            put_actor(out, &c.by);
        }
        Command::SetBlastRadius(c) => {
            out.push(SET_BLAST_RADIUS);
            put_text(out, c.platform.as_str());
            put_varint(out, u64::from(c.accounts));
            put_actor(out, &c.by);
        }
        Command::SetWebhook(c) => {
            out.push(SET_WEBHOOK);
            put_text(out, c.platform.as_str());
            put_text(out, c.id.as_str());
            put_text(out, c.url.as_str());
            put_list(out, &c.kinds, |out, kind| put_text(out, kind.as_str()));
            put_option(out, c.key.as_ref(), |out, key| {
                put_varint(out, u64::from(key.number));
                out.extend_from_slice(&key.commitment);
                out.extend_from_slice(&key.public);
                put_option(out, key.former_until.as_ref(), put_millis);
            });
            put_actor(out, &c.by);
        }
        Command::RemoveWebhook(c) => {
            out.push(REMOVE_WEBHOOK);
            put_text(out, c.platform.as_str());
            put_text(out, c.id.as_str());
            put_actor(out, &c.by);
        }
        Command::RewindWebhook(c) => {
            out.push(REWIND_WEBHOOK);
            put_text(out, c.platform.as_str());
            put_text(out, c.id.as_str());
            put_effect_id(out, &c.to);
            put_actor(out, &c.by);
        }
        Command::RecordDeliveries(c) => {
            out.push(RECORD_DELIVERIES);
            put_text(out, c.platform.as_str());
            put_text(out, c.id.as_str());
            put_effect_id(out, &c.from);
            put_effect_id(out, &c.through);
            put_varint(out, u64::from(c.delivered));
            put_list(out, &c.failed, put_retry);
            put_list(out, &c.settled, put_effect_id);
            put_list(out, &c.given_up, put_effect_id);
            out.push(u8::from(c.gone));
        }
        Command::Tick => out.push(TICK),
    }
}

pub(super) fn command(record: &[u8]) -> Result<Command, RecordError> {
    let mut bytes = Bytes::new(record);
    let number = bytes.u8().ok_or(RecordError::Malformed { command: "unknown" })?;
    let (word, read): (&'static str, Option<Command>) = match number {
        REGISTER_PLATFORM => ("register_platform", register_platform(&mut bytes)),
        ISSUE_KEY => ("issue_key", issue_key(&mut bytes)),
        REVOKE_KEY => ("revoke_key", revoke_key(&mut bytes)),
        UPSERT_ACCOUNTS => ("upsert_accounts", upsert_accounts(&mut bytes)),
        EDGES => ("edges", edges(&mut bytes)),
        SET_METRICS => ("set_metrics", set_metrics(&mut bytes)),
        ACTIVATE_PACK => ("activate_pack", activate_pack(&mut bytes)),
        DEACTIVATE_PACK => ("deactivate_pack", deactivate_pack(&mut bytes)),
        LINK_IDENTITY => ("link_identity", link_identity(&mut bytes)),
        ANSWER => ("answer", answer(&mut bytes)),
        FILTER => ("filter", filter(&mut bytes)),
        UNDO_FILTER => ("undo_filter", undo_filter(&mut bytes)),
        HOLD => ("hold", hold(&mut bytes, false)),
        HOLD_ON_BASIS => ("hold", hold(&mut bytes, true)),
        RELEASE => ("release", release(&mut bytes, false)),
        RELEASE_ON_BASIS => ("release", release(&mut bytes, true)),
        LEAVE => ("leave", leave(&mut bytes)),
        SIGHT_REGION => ("sight_region", sight_region(&mut bytes)),
        TICK => ("tick", Some(Command::Tick)),
        PURGE => ("purge", purge(&mut bytes)),
        SETTLE_DEAD_LETTERS => ("settle_dead_letters", settle_dead_letters(&mut bytes)),
        ADD_AMOUNTS => ("add_amounts", add_amounts(&mut bytes)),
        APPEAL => ("appeal", appeal(&mut bytes)),
        DECIDE_APPEAL => ("decide_appeal", decide_appeal(&mut bytes)),
        EXTEND_NOTICE => ("extend_notice", extend_notice(&mut bytes)),
        PROPOSE_CHANGE => ("propose_change", propose_change(&mut bytes)),
        DECIDE_PROPOSAL => ("decide_proposal", decide_proposal(&mut bytes)),
        SET_BLAST_RADIUS => ("set_blast_radius", set_blast_radius(&mut bytes)),
        SET_WEBHOOK => ("set_webhook", set_webhook(&mut bytes)),
        REMOVE_WEBHOOK => ("remove_webhook", remove_webhook(&mut bytes)),
        REWIND_WEBHOOK => ("rewind_webhook", rewind_webhook(&mut bytes)),
        RECORD_DELIVERIES => ("record_deliveries", record_deliveries(&mut bytes)),
        unknown => return Err(RecordError::UnknownCommand(unknown)),
    };
    match read {
        Some(command) if bytes.is_empty() => Ok(command),
        _ => Err(RecordError::Malformed { command: word }),
    }
}

fn propose_change(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::ProposeChange(ProposeChange {
        platform: platform(b)?,
        change: change(b)?,
        starts: b.option(millis)?,
        by: actor(b)?,
    }))
}

fn decide_proposal(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::DecideProposal(DecideProposal {
        platform: platform(b)?,
        number: b.varint_u32()?,
        confirms: b.option(Bytes::varint)?,
        by: actor(b)?,
    }))
}

fn set_blast_radius(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::SetBlastRadius(SetBlastRadius {
        platform: platform(b)?,
        accounts: b.varint_u32()?,
        by: actor(b)?,
    }))
}

fn set_webhook(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::SetWebhook(SetWebhook {
        platform: platform(b)?,
        id: id(b, Code::new)?,
        url: id(b, WebhookUrl::new)?,
        kinds: b.list(|b| id(b, Code::new))?,
        key: b.option(|b| {
            Some(Box::new(NewWebhookKey {
                number: b.varint_u32()?,
                commitment: b.array()?,
                public: b.array()?,
                former_until: b.option(millis)?,
            }))
        })?,
        by: actor(b)?,
    }))
}

fn remove_webhook(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::RemoveWebhook(RemoveWebhook {
        platform: platform(b)?,
        id: id(b, Code::new)?,
        by: actor(b)?,
    }))
}

fn rewind_webhook(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::RewindWebhook(RewindWebhook {
        platform: platform(b)?,
        id: id(b, Code::new)?,
        to: effect_id(b)?,
        by: actor(b)?,
    }))
}

fn record_deliveries(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::RecordDeliveries(RecordDeliveries {
        platform: platform(b)?,
        id: id(b, Code::new)?,
        from: effect_id(b)?,
        through: effect_id(b)?,
        delivered: b.varint_u32()?,
        failed: b.list(retry)?,
        settled: b.list(effect_id)?,
        given_up: b.list(effect_id)?,
        gone: b.bool()?,
    }))
}

fn appeal(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::Appeal(Appeal {
        platform: platform(b)?,
        account: account(b)?,
        rule: rule(b)?,
        round: b.varint_u32()?,
        ground: id(b, Code::new)?,
    }))
}

fn decide_appeal(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::DecideAppeal(DecideAppeal {
        platform: platform(b)?,
        account: account(b)?,
        rule: rule(b)?,
        round: b.varint_u32()?,
        ruling: Ruling::from_number(b.u8()?)?,
        reason: id(b, Code::new)?,
        legal_basis: id(b, Code::new)?,
        by: actor(b)?,
    }))
}

fn extend_notice(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::ExtendNotice(ExtendNotice {
        platform: platform(b)?,
        account: account(b)?,
        rule: rule(b)?,
        round: b.varint_u32()?,
        until: millis(b)?,
        reason: id(b, Code::new)?,
        legal_basis: id(b, Code::new)?,
        by: actor(b)?,
    }))
}

fn register_platform(b: &mut Bytes<'_>) -> Option<Command> {
    let platform = platform(b)?;
    let title = id(b, Label::new)?;
    Some(Command::RegisterPlatform(RegisterPlatform { platform, title }))
}

fn issue_key(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::IssueKey(IssueKey {
        platform: platform(b)?,
        key_id: id(b, KeyId::new)?,
        sha256: b.array()?,
        roles: Roles::from_bits(b.u8()?)?,
        label: id(b, Label::new)?,
        expires: b.option(millis)?,
    }))
}

fn revoke_key(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::RevokeKey(RevokeKey { platform: platform(b)?, key_id: id(b, KeyId::new)? }))
}

fn upsert_accounts(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::UpsertAccounts(UpsertAccounts { platform: platform(b)?, items: b.list(facts)? }))
}

fn edges(b: &mut Bytes<'_>) -> Option<Command> {
    let platform = platform(b)?;
    let len = b.varint_u32()?;
    let events = b.take(b.len())?.to_vec();
    EdgeBatch::checked(platform, events, len).map(Command::Edges)
}

fn set_metrics(b: &mut Bytes<'_>) -> Option<Command> {
    let platform = platform(b)?;
    let items = b.list(|b| {
        Some(MetricItem { account: account(b)?, metric: id(b, Code::new)?, value: b.i64()?, at: millis(b)? })
    })?;
    Some(Command::SetMetrics(SetMetrics { platform, items }))
}

fn add_amounts(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::AddAmounts(AddAmounts { platform: platform(b)?, items: b.list(amount)? }))
}

fn activate_pack(b: &mut Bytes<'_>) -> Option<Command> {
    let platform = platform(b)?;
    let bundle = b.long()?.to_vec();
    let choices = choices(b)?;
    Some(Command::ActivatePack(ActivatePack { platform, bundle, choices, by: actor(b)? }))
}

fn deactivate_pack(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::DeactivatePack(DeactivatePack {
        platform: platform(b)?,
        pack: id(b, Code::new)?,
        by: actor(b)?,
    }))
}

fn link_identity(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::LinkIdentity(LinkIdentity {
        platform: platform(b)?,
        account: account(b)?,
        holder: id(b, HolderId::new)?,
        fields: b.list(field)?,
        commitment: b.array()?,
        verified: b.bool()?,
        kind: holder_kind(b)?,
    }))
}

fn answer(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::Answer(Answer {
        platform: platform(b)?,
        account: account(b)?,
        rule: rule(b)?,
        round: b.varint_u32()?,
        answer: match b.u8()? {
            0 => HolderAnswer::Consent { fields: b.list(field)?, text_version: id(b, Code::new)? },
            1 => HolderAnswer::Refuse,
            2 => HolderAnswer::Withdraw,
            _ => return None,
        },
    }))
}

fn filter(b: &mut Bytes<'_>) -> Option<Command> {
    let (platform, account_id) = (platform(b)?, account(b)?);
    let (criteria, keep) = (criteria(b, 0)?, b.list(account)?);
    let order = match b.u8()? {
        0 => Order::Newest,
        1 => Order::Oldest,
        2 => Order::Random { seed: b.u64()? },
        _ => return None,
    };
    let leave_at = b.option(Bytes::varint_u32)?;
    let stay = b.u8().filter(|stay| *stay < 4)?;
    Some(Command::Filter(Filter {
        platform,
        account: account_id,
        criteria,
        keep,
        order,
        leave_at,
        keep_verified: stay & 1 != 0,
        keep_followed: stay & 2 != 0,
        bar_days: u16::try_from(b.varint()?).ok()?,
        by: actor(b)?,
    }))
}

fn undo_filter(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::UndoFilter(UndoFilter {
        platform: platform(b)?,
        account: account(b)?,
        filter: b.varint()?,
        by: actor(b)?,
    }))
}

fn hold(b: &mut Bytes<'_>, on_basis: bool) -> Option<Command> {
    Some(Command::Hold(Hold {
        platform: platform(b)?,
        account: account(b)?,
        reason: id(b, Code::new)?,
        legal_basis: if on_basis { Some(id(b, Code::new)?) } else { None },
        by: actor(b)?,
    }))
}

fn release(b: &mut Bytes<'_>, on_basis: bool) -> Option<Command> {
    Some(Command::Release(Release {
        platform: platform(b)?,
        account: account(b)?,
        reason: id(b, Code::new)?,
        legal_basis: if on_basis { Some(id(b, Code::new)?) } else { None },
        by: actor(b)?,
    }))
}

fn leave(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::Leave(Leave { platform: platform(b)?, account: account(b)?, by: actor(b)? }))
}

fn sight_region(b: &mut Bytes<'_>) -> Option<Command> {
    let platform = platform(b)?;
    let items = b.list(|b| {
        Some(Sighting {
            account: account(b)?,
            region: b.option(|b| id(b, RegionName::new))?,
            country: country(b)?,
            at: millis(b)?,
            event: id(b, Code::new)?,
        })
    })?;
    Some(Command::SightRegion(SightRegion { platform, items }))
}

fn purge(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::Purge(Purge { platform: platform(b)?, accounts: b.list(account)?, by: actor(b)? }))
}

fn settle_dead_letters(b: &mut Bytes<'_>) -> Option<Command> {
    Some(Command::SettleDeadLetters(SettleDeadLetters {
        platform: platform(b)?,
        from: b.varint()?,
        to: b.varint()?,
        replay: b.bool()?,
        by: actor(b)?,
    }))
}

fn put_amount(out: &mut Vec<u8>, item: &AmountItem) {
    put_account(out, &item.account);
    put_text(out, item.metric.as_str());
    put_currency(out, item.currency);
    match &item.amount {
        Amount::Event { amount, at, id } => {
            out.push(0);
            put_i64(out, *amount);
            put_millis(out, at);
            put_text(out, id.as_str());
        }
        Amount::Total { day, total } => {
            out.push(1);
            out.extend_from_slice(&day.0.to_le_bytes());
            put_i64(out, *total);
        }
    }
}

fn amount(b: &mut Bytes<'_>) -> Option<AmountItem> {
    Some(AmountItem {
        account: account(b)?,
        metric: id(b, Code::new)?,
        currency: currency(b)?,
        amount: match b.u8()? {
            0 => Amount::Event { amount: b.i64()?, at: millis(b)?, id: id(b, EventId::new)? },
            1 => Amount::Total { day: policy::Day(b.array().map(i32::from_le_bytes)?), total: b.i64()? },
            _ => return None,
        },
    })
}

// ---- pieces, shared with the snapshot ----

/// Text of an id whose maker checks it.
pub(crate) fn id<T>(b: &mut Bytes<'_>, new: fn(&str) -> Result<T, IdError>) -> Option<T> {
    new(b.text()?).ok()
}

pub(crate) fn platform(b: &mut Bytes<'_>) -> Option<PlatformId> {
    id(b, PlatformId::new)
}

pub(crate) fn put_millis(out: &mut Vec<u8>, at: &Millis) {
    put_i64(out, at.0);
}

pub(crate) fn millis(b: &mut Bytes<'_>) -> Option<Millis> {
    b.i64().map(Millis)
}

pub(crate) fn put_account(out: &mut Vec<u8>, account: &AccountId) {
    match account {
        AccountId::Number(number) => {
            out.push(0);
            put_varint(out, *number);
        }
        AccountId::Text(text) => {
            out.push(1);
            put_text(out, text);
        }
    }
}

pub(crate) fn account(b: &mut Bytes<'_>) -> Option<AccountId> {
    match b.u8()? {
        0 => b.varint().map(AccountId::Number),
        // A number that is spelled as a text would be a second name for the same account.
        1 => match AccountKey::parse(b.text()?).ok()? {
            AccountKey::Text(text) => Some(AccountId::Text(text.into())),
            AccountKey::Number(_) => None,
        },
        _ => None,
    }
}

pub(crate) fn put_rule(out: &mut Vec<u8>, rule: &RuleRef) {
    put_text(out, rule.pack.as_str());
    put_text(out, rule.rule.as_str());
}

pub(crate) fn rule(b: &mut Bytes<'_>) -> Option<RuleRef> {
    Some(RuleRef { pack: id(b, Code::new)?, rule: id(b, Code::new)? })
}

pub(crate) fn put_actor(out: &mut Vec<u8>, actor: &Actor) {
    match actor {
        Actor::Holder => out.push(0),
        Actor::Platform(key) => {
            out.push(1);
            put_text(out, key.as_str());
        }
        Actor::Operator(who) => {
            out.push(2);
            put_text(out, who.as_str());
        }
        Actor::System => out.push(3),
    }
}

pub(crate) fn actor(b: &mut Bytes<'_>) -> Option<Actor> {
    match b.u8()? {
        0 => Some(Actor::Holder),
        1 => id(b, KeyId::new).map(Actor::Platform),
        2 => id(b, Code::new).map(Actor::Operator),
        3 => Some(Actor::System),
        _ => None,
    }
}

pub(crate) fn put_country(out: &mut Vec<u8>, country: Country) {
    out.extend_from_slice(country.as_str().as_bytes());
}

pub(crate) fn country(b: &mut Bytes<'_>) -> Option<Country> {
    let letters = b.take(2)?;
    let country = Country::new(std::str::from_utf8(letters).ok()?).ok()?;
    (country.as_str().as_bytes() == letters).then_some(country)
}

pub(crate) fn put_currency(out: &mut Vec<u8>, currency: Option<Currency>) {
    put_option(out, currency.as_ref(), |out, currency| out.extend_from_slice(currency.as_str().as_bytes()));
}

pub(crate) fn currency(b: &mut Bytes<'_>) -> Option<Option<Currency>> {
    b.option(|b| Currency::parse(std::str::from_utf8(b.take(3)?).ok()?))
}

// The numbers of the pack language's words are this format's own: the order of variants over there may change.

pub(crate) fn put_field(out: &mut Vec<u8>, field: &Field) {
    out.push(match field {
        Field::LegalName => 0,
        Field::EntityName => 1,
        Field::Occupation => 2,
        Field::Employer => 3,
        Field::Address => 4,
        Field::Phone => 5,
        Field::Email => 6,
        Field::Country => 7,
        Field::Region => 8,
        Field::Credential => 9,
        Field::RegistrationNumber => 10,
        Field::AddressArea => 11,
    });
}

pub(crate) fn field(b: &mut Bytes<'_>) -> Option<Field> {
    Some(match b.u8()? {
        0 => Field::LegalName,
        1 => Field::EntityName,
        2 => Field::Occupation,
        3 => Field::Employer,
        4 => Field::Address,
        5 => Field::Phone,
        6 => Field::Email,
        7 => Field::Country,
        8 => Field::Region,
        9 => Field::Credential,
        10 => Field::RegistrationNumber,
        11 => Field::AddressArea,
        _ => return None,
    })
}

pub(crate) fn class_number(class: Class) -> u8 {
    match class {
        Class::Ordinary => 0,
        Class::Creator => 1,
        Class::Media => 2,
        Class::Enterprise => 3,
        Class::Celebrity => 4,
        Class::Official => 5,
        Class::Trader => 6,
    }
}

pub(crate) fn class(b: &mut Bytes<'_>) -> Option<Class> {
    Some(match b.u8()? {
        0 => Class::Ordinary,
        1 => Class::Creator,
        2 => Class::Media,
        3 => Class::Enterprise,
        4 => Class::Celebrity,
        5 => Class::Official,
        6 => Class::Trader,
        _ => return None,
    })
}

pub(crate) fn standing_number(standing: Standing) -> u8 {
    match standing {
        Standing::Good => 0,
        Standing::Restricted => 1,
        Standing::Banned => 2,
    }
}

pub(crate) fn standing(b: &mut Bytes<'_>) -> Option<Standing> {
    Some(match b.u8()? {
        0 => Standing::Good,
        1 => Standing::Restricted,
        2 => Standing::Banned,
        _ => return None,
    })
}

pub(crate) fn holder_kind_number(kind: HolderKind) -> u8 {
    match kind {
        HolderKind::Person => 0,
        HolderKind::Organisation => 1,
    }
}

pub(crate) fn holder_kind(b: &mut Bytes<'_>) -> Option<HolderKind> {
    Some(match b.u8()? {
        0 => HolderKind::Person,
        1 => HolderKind::Organisation,
        _ => return None,
    })
}

pub(crate) fn put_topics(out: &mut Vec<u8>, topics: &Topics) {
    put_varint(out, topics.all.len() as u64);
    for topic in &topics.all {
        put_text(out, topic.as_str());
    }
    put_option(out, topics.dominant.as_ref(), |out, topic| put_text(out, topic.as_str()));
}

pub(crate) fn topics(b: &mut Bytes<'_>) -> Option<Topics> {
    let mut all = BTreeSet::new();
    for _ in 0..b.count()? {
        let topic = id(b, Code::new)?;
        if all.last().is_some_and(|last| *last >= topic) {
            return None;
        }
        all.insert(topic);
    }
    Some(Topics { all, dominant: b.option(|b| id(b, Code::new))? })
}

fn put_facts(out: &mut Vec<u8>, item: &AccountFacts) {
    put_account(out, &item.account);
    put_millis(out, &item.at);
    let present = u8::from(item.class.is_some())
        | u8::from(item.standing.is_some()) << 1
        | u8::from(item.identity_verified.is_some()) << 2
        | u8::from(item.holder_kind.is_some()) << 3
        | u8::from(item.topics.is_some()) << 4
        | u8::from(item.attributes.is_some()) << 5
        | u8::from(item.created.is_some()) << 6
        | u8::from(item.last_active.is_some()) << 7;
    out.push(present);
    if let Some(class) = item.class {
        out.push(class_number(class));
    }
    if let Some(standing) = item.standing {
        out.push(standing_number(standing));
    }
    if let Some(verified) = item.identity_verified {
        out.push(u8::from(verified));
    }
    if let Some(kind) = item.holder_kind {
        out.push(holder_kind_number(kind));
    }
    if let Some(topics) = &item.topics {
        put_topics(out, topics);
    }
    if let Some(attributes) = item.attributes {
        out.extend_from_slice(&attributes.bits().to_le_bytes());
    }
    for day in [item.created, item.last_active].into_iter().flatten() {
        out.extend_from_slice(&day.0.to_le_bytes());
    }
}

fn facts(b: &mut Bytes<'_>) -> Option<AccountFacts> {
    let mut item = AccountFacts::new(account(b)?, millis(b)?);
    let present = b.u8()?;
    if present & 1 != 0 {
        item.class = Some(class(b)?);
    }
    if present & 2 != 0 {
        item.standing = Some(standing(b)?);
    }
    if present & 4 != 0 {
        item.identity_verified = Some(b.bool()?);
    }
    if present & 8 != 0 {
        item.holder_kind = Some(holder_kind(b)?);
    }
    if present & 16 != 0 {
        item.topics = Some(topics(b)?);
    }
    if present & 32 != 0 {
        item.attributes = Some(Attributes::from_bits(b.array().map(u16::from_le_bytes)?)?);
    }
    if present & 64 != 0 {
        item.created = Some(Day(b.array().map(u16::from_le_bytes)?));
    }
    if present & 128 != 0 {
        item.last_active = Some(Day(b.array().map(u16::from_le_bytes)?));
    }
    Some(item)
}

fn put_criteria(out: &mut Vec<u8>, criteria: &FilterCriteria, depth: u32) {
    // Better to stop here than to log what no replay can read.
    assert!(depth <= CRITERIA_DEPTH_MAX, "filter criteria nest deeper than a record can hold");
    match criteria {
        FilterCriteria::All(parts) => {
            out.push(0);
            put_list(out, parts, |out, part| put_criteria(out, part, depth + 1));
        }
        FilterCriteria::Any(parts) => {
            out.push(1);
            put_list(out, parts, |out, part| put_criteria(out, part, depth + 1));
        }
        FilterCriteria::Not(part) => {
            out.push(2);
            put_criteria(out, part, depth + 1);
        }
        FilterCriteria::Has(attribute) => {
            out.push(3);
            out.push(attribute.number());
        }
        FilterCriteria::FollowedBefore(day) => {
            out.push(4);
            out.extend_from_slice(&day.0.to_le_bytes());
        }
        FilterCriteria::FollowedAfter(day) => {
            out.push(5);
            out.extend_from_slice(&day.0.to_le_bytes());
        }
        FilterCriteria::OneOf(accounts) => {
            out.push(6);
            put_list(out, accounts, put_account);
        }
        FilterCriteria::CreatedBefore(day) => {
            out.push(7);
            out.extend_from_slice(&day.0.to_le_bytes());
        }
        FilterCriteria::CreatedAfter(day) => {
            out.push(8);
            out.extend_from_slice(&day.0.to_le_bytes());
        }
        FilterCriteria::InactiveFor(days) => {
            out.push(9);
            out.extend_from_slice(&days.to_le_bytes());
        }
    }
}

fn criteria(b: &mut Bytes<'_>, depth: u32) -> Option<FilterCriteria> {
    if depth > CRITERIA_DEPTH_MAX {
        return None;
    }
    Some(match b.u8()? {
        0 => FilterCriteria::All(b.list(|b| criteria(b, depth + 1))?),
        1 => FilterCriteria::Any(b.list(|b| criteria(b, depth + 1))?),
        2 => FilterCriteria::Not(Box::new(criteria(b, depth + 1)?)),
        3 => FilterCriteria::Has(Attribute::from_number(b.u8()?)?),
        4 => FilterCriteria::FollowedBefore(Day(b.array().map(u16::from_le_bytes)?)),
        5 => FilterCriteria::FollowedAfter(Day(b.array().map(u16::from_le_bytes)?)),
        6 => FilterCriteria::OneOf(b.list(account)?),
        7 => FilterCriteria::CreatedBefore(Day(b.array().map(u16::from_le_bytes)?)),
        8 => FilterCriteria::CreatedAfter(Day(b.array().map(u16::from_le_bytes)?)),
        9 => FilterCriteria::InactiveFor(b.array().map(u16::from_le_bytes)?),
        _ => return None,
    })
}
