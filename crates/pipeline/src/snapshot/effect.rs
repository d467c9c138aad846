//! The bytes of one effect inside of a snapshot. The layout is in `docs/formats/snapshot-payload.md`.

use std::str::FromStr;
use std::sync::Arc;

use state::{AccountId, Code, Effect, EffectId, EffectKind, Millis, MoveReason, PlatformId, RuleRef, Ruling};

use super::{Cut, put_count, put_text};

/// Appends one effect.
pub(super) fn put(out: &mut Vec<u8>, effect: &Effect) {
    out.extend_from_slice(&effect.id.position.to_le_bytes());
    out.extend_from_slice(&effect.id.index.to_le_bytes());
    out.extend_from_slice(&effect.at.0.to_le_bytes());
    put_text(out, effect.platform.as_str());
    put_text(out, &effect.account.to_string());
    match &effect.kind {
        EffectKind::Crossed { threshold, up, count } => {
            out.push(0);
            out.extend_from_slice(&threshold.to_le_bytes());
            out.push(u8::from(*up));
            out.extend_from_slice(&count.to_le_bytes());
        }
        EffectKind::NoticeDue { rule, round, due_at } => {
            put_rule(out, 1, rule, *round);
            out.extend_from_slice(&due_at.0.to_le_bytes());
        }
        EffectKind::Shown { rule, round } => put_rule(out, 2, rule, *round),
        EffectKind::Hidden { rule, round, reason } => {
            put_rule(out, 3, rule, *round);
            out.push(*reason as u8);
        }
        EffectKind::Restricted { rule, round, reason, consequences } => {
            put_rule(out, 4, rule, *round);
            out.push(*reason as u8);
            put_texts(out, consequences);
        }
        EffectKind::Lifted { rule, round, consequences } => {
            put_rule(out, 5, rule, *round);
            put_texts(out, consequences);
        }
        EffectKind::Withdrawn { rule, round, reason } => {
            put_rule(out, 6, rule, *round);
            out.push(*reason as u8);
        }
        EffectKind::Held { reason } => {
            out.push(7);
            put_text(out, reason.as_str());
        }
        EffectKind::Released { reason } => {
            out.push(8);
            put_text(out, reason.as_str());
        }
        EffectKind::Left => out.push(9),
        EffectKind::Filtered { filter, removed, left } => put_counts(out, 10, *filter, *removed, *left),
        EffectKind::Restored { filter, restored, count } => put_counts(out, 11, *filter, *restored, *count),
        EffectKind::Appealed { rule, round, ground, answer_due_at } => {
            put_rule(out, 12, rule, *round);
            put_text(out, ground.as_str());
            out.extend_from_slice(&answer_due_at.0.to_le_bytes());
        }
        EffectKind::AppealDecided { rule, round, ruling, reason } => {
            put_rule(out, 13, rule, *round);
            put_text(out, ruling.as_str());
            put_text(out, reason.as_str());
        }
        EffectKind::NoticeExtended { rule, round, due_at } => {
            put_rule(out, 14, rule, *round);
            out.extend_from_slice(&due_at.0.to_le_bytes());
        }
    }
}

/// Reads one effect; `None` when the bytes are none.
pub(super) fn read(cut: &mut Cut<'_>) -> Option<Effect> {
    let id = EffectId { position: cut.u64()?, index: cut.u32()? };
    let at = Millis(cut.i64()?);
    let platform = PlatformId::new(cut.text()?).ok()?;
    let account = AccountId::parse(cut.text()?).ok()?;
    let kind = match cut.u8()? {
        0 => EffectKind::Crossed { threshold: cut.u64()?, up: cut.u8()? == 1, count: cut.u64()? },
        1 => EffectKind::NoticeDue { rule: rule(cut)?, round: cut.u32()?, due_at: Millis(cut.i64()?) },
        2 => EffectKind::Shown { rule: rule(cut)?, round: cut.u32()? },
        3 => EffectKind::Hidden { rule: rule(cut)?, round: cut.u32()?, reason: reason(cut)? },
        4 => EffectKind::Restricted {
            rule: rule(cut)?,
            round: cut.u32()?,
            reason: reason(cut)?,
            consequences: texts(cut)?,
        },
        5 => EffectKind::Lifted { rule: rule(cut)?, round: cut.u32()?, consequences: texts(cut)? },
        6 => EffectKind::Withdrawn { rule: rule(cut)?, round: cut.u32()?, reason: reason(cut)? },
        7 => EffectKind::Held { reason: Code::new(cut.text()?).ok()? },
        8 => EffectKind::Released { reason: Code::new(cut.text()?).ok()? },
        9 => EffectKind::Left,
        10 => EffectKind::Filtered { filter: cut.u64()?, removed: cut.u32()?, left: cut.u32()? },
        11 => EffectKind::Restored { filter: cut.u64()?, restored: cut.u32()?, count: cut.u32()? },
        12 => EffectKind::Appealed {
            rule: rule(cut)?,
            round: cut.u32()?,
            ground: Code::new(cut.text()?).ok()?,
            answer_due_at: Millis(cut.i64()?),
        },
        13 => EffectKind::AppealDecided {
            rule: rule(cut)?,
            round: cut.u32()?,
            ruling: Ruling::parse(cut.text()?)?,
            reason: Code::new(cut.text()?).ok()?,
        },
        14 => EffectKind::NoticeExtended { rule: rule(cut)?, round: cut.u32()?, due_at: Millis(cut.i64()?) },
        _ => return None,
    };
    Some(Effect { id, at, platform, account, kind })
}

fn put_rule(out: &mut Vec<u8>, kind: u8, rule: &RuleRef, round: u32) {
    out.push(kind);
    put_text(out, &rule.to_string());
    out.extend_from_slice(&round.to_le_bytes());
}

fn put_counts(out: &mut Vec<u8>, kind: u8, filter: u64, first: u32, second: u32) {
    out.push(kind);
    out.extend_from_slice(&filter.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&second.to_le_bytes());
}

fn put_texts(out: &mut Vec<u8>, texts: &[String]) {
    put_count(out, texts.len());
    for text in texts {
        put_text(out, text);
    }
}

fn rule(cut: &mut Cut<'_>) -> Option<RuleRef> {
    RuleRef::from_str(cut.text()?).ok()
}

fn reason(cut: &mut Cut<'_>) -> Option<MoveReason> {
    let number = cut.u8()?;
    MoveReason::ALL.iter().copied().find(|reason| *reason as u8 == number)
}

fn texts(cut: &mut Cut<'_>) -> Option<Arc<[String]>> {
    let count = cut.count()?;
    // Not reserved up front: the count is not proven yet.
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(cut.text()?.to_owned());
    }
    Some(texts.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> Vec<EffectKind> {
        let rule = || RuleRef::from_str("weibo-2023/legal-name").unwrap();
        let code = || Code::new("stalking").unwrap();
        let consequences = || Arc::from([String::from("no hot search"), String::from("no tips")]);
        vec![
            EffectKind::Crossed { threshold: 1_000_000, up: true, count: 1_000_001 },
            EffectKind::NoticeDue { rule: rule(), round: 1, due_at: Millis(99) },
            EffectKind::Shown { rule: rule(), round: 2 },
            EffectKind::Hidden { rule: rule(), round: 3, reason: MoveReason::TriggerGone },
            EffectKind::Restricted {
                rule: rule(),
                round: 4,
                reason: MoveReason::Refused,
                consequences: consequences(),
            },
            EffectKind::Lifted { rule: rule(), round: 5, consequences: consequences() },
            EffectKind::Withdrawn { rule: rule(), round: 6, reason: MoveReason::Left },
            EffectKind::Held { reason: code() },
            EffectKind::Released { reason: code() },
            EffectKind::Left,
            EffectKind::Filtered { filter: 7, removed: 8, left: 9 },
            EffectKind::Restored { filter: 10, restored: 11, count: 12 },
            EffectKind::Appealed { rule: rule(), round: 7, ground: code(), answer_due_at: Millis(8) },
            EffectKind::AppealDecided { rule: rule(), round: 9, ruling: Ruling::Upheld, reason: code() },
            EffectKind::NoticeExtended { rule: rule(), round: 10, due_at: Millis(11) },
        ]
    }

    #[test]
    fn each_effect_reads_back_and_no_piece_of_it_does() {
        for (index, kind) in (0..).zip(one_of_each()) {
            let account = if index % 2 == 0 { "stock_king" } else { "42" };
            let effect = Effect {
                id: EffectId { position: 70, index },
                at: Millis(1_698_710_400_000),
                platform: PlatformId::new("weibo").unwrap(),
                account: AccountId::parse(account).unwrap(),
                kind,
            };
            let mut bytes = Vec::new();
            put(&mut bytes, &effect);
            let mut cut = Cut(&bytes);
            assert_eq!(read(&mut cut).as_ref(), Some(&effect));
            assert!(cut.0.is_empty());
            for end in 0..bytes.len() {
                assert_eq!(read(&mut Cut(&bytes[..end])), None, "{effect:?} cut at {end}");
            }
        }
    }
}
