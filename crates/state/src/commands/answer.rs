//! A holder answers a notice: yes field by field, no, or takes the answer back.
//!
//! A no before the period is over has its consequences when it is over, never before. A no to a name that is shown
//! hides it at once. A late yes counts from the moment it is logged: the notice was given and its time is over.

use std::sync::Arc;

use policy::{ActiveRule, Facts, Field, FieldSet, NoticeKind};

use super::tick::situation;
use crate::account::AccountRecord;
use crate::case::{Case, ConsentGiven, Status};
use crate::ids::{AccountId, Code, PlatformId, RuleRef};
use crate::lifecycle;
use crate::outcome::{Done, Refusal};
use crate::packs::PackInForce;
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// The rule whose notice is answered.
    pub rule: RuleRef,
    /// The round that the holder was told about; an answer never slips into a later round.
    pub round: u32,
    /// The answer.
    pub answer: HolderAnswer,
}

/// What a holder may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolderAnswer {
    /// Yes, to these fields, having read that text.
    Consent {
        /// Each field that may be shown.
        fields: Vec<Field>,
        /// Version of the text that was read.
        text_version: Code,
    },
    /// No.
    Refuse,
    /// Takes back what was said; a consent to a name that is shown becomes a no.
    Withdraw,
}

impl Answer {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present(&self.account)?;
        let packs = platform.shared.packs.load_full();
        let (pack, rule) = personal(&packs, &self.rule)?;
        let record = platform.shared.record(no);
        let nothing = || Refusal::NothingToAnswer(self.rule.clone());
        let mut case = record.case(&self.rule).ok_or_else(nothing)?.clone();
        if !case.status.is_open() || case.status == Status::Crossed {
            return Err(nothing());
        }
        if case.round != self.round {
            return Err(Refusal::AnswerToAnotherRound { open: case.round });
        }
        if !rule.consent_required {
            return Err(Refusal::RuleAsksNoConsent(self.rule.clone()));
        }
        let facts = platform.facts(no, &record, ctx.at);
        let changed = match &self.answer {
            HolderAnswer::Consent { fields, text_version } => {
                consent(&mut case, fields, text_version, rule, &record, &facts, ctx)?
            }
            HolderAnswer::Refuse => refuse(&mut case, ctx),
            HolderAnswer::Withdraw => withdraw(&mut case, ctx)?,
        };
        if !changed {
            return Ok(Done::Unchanged);
        }
        let situation = situation(pack, &self.rule, &facts, &record, ctx.at, ctx.position);
        let mut effects = Vec::new();
        if let Some(situation) = &situation {
            lifecycle::answered(&mut case, situation, &mut effects);
        }
        let applies = situation.as_ref().is_some_and(|situation| situation.holds);
        let showing = case.is_showing() && applies && !record.held();
        platform.change(no, |record| {
            if let Some(old) = record.cases.iter_mut().find(|old| old.rule == self.rule) {
                *old = case;
            }
        });
        for effect in effects {
            platform.effect(no, effect, ctx);
        }
        platform.mark_moved(no);
        Ok(Done::Answered { round: self.round, showing })
    }
}

/// The rule of that name with its pack, if single holders have cases under it.
pub(super) fn personal<'a>(
    packs: &'a [Arc<PackInForce>],
    name: &RuleRef,
) -> Result<(&'a PackInForce, &'a ActiveRule), Refusal> {
    let found = packs.iter().find_map(|pack| {
        let (rule, _, _) = pack.each().find(|(_, own, _)| *own == name)?;
        Some((pack.as_ref(), rule))
    });
    let (pack, rule) = found.ok_or_else(|| Refusal::UnknownRule(name.clone()))?;
    if rule.notice != NoticeKind::Personal {
        return Err(Refusal::NotTheHoldersRule(name.clone()));
    }
    Ok((pack, rule))
}

fn consent(
    case: &mut Case,
    fields: &[Field],
    text_version: &Code,
    rule: &ActiveRule,
    record: &AccountRecord,
    facts: &Facts,
    ctx: &Context<'_>,
) -> Result<bool, Refusal> {
    let needed = lifecycle::fields_of(rule, facts.holder_kind, record.have());
    if needed.is_empty() {
        return Err(Refusal::NoIdentityOnRecord);
    }
    let named: FieldSet = fields.iter().copied().collect();
    let missing: Vec<Field> = needed.iter().filter(|field| !named.contains(*field)).collect();
    if !missing.is_empty() {
        return Err(Refusal::ConsentMustNameEachField { missing });
    }
    // Only what the rule shows of this holder today; a yes to more would outlive what was read.
    let fields: FieldSet = needed;
    let same = case
        .consent
        .as_ref()
        .is_some_and(|consent| consent.fields == fields && consent.text_version == *text_version);
    if same {
        return Ok(false);
    }
    case.consent = Some(ConsentGiven { fields, text_version: text_version.clone(), at: ctx.at });
    case.refused_at = None;
    case.took_back = false;
    Ok(true)
}

fn refuse(case: &mut Case, ctx: &Context<'_>) -> bool {
    if case.refused_at.is_some() {
        return false;
    }
    case.took_back = case.consent.take().is_some();
    case.refused_at = Some(ctx.at);
    true
}

fn withdraw(case: &mut Case, ctx: &Context<'_>) -> Result<bool, Refusal> {
    if case.consent.is_none() && case.refused_at.is_none() {
        return Err(Refusal::NothingToWithdraw);
    }
    if matches!(case.status, Status::Shown | Status::Below) {
        if case.refused_at.is_some() {
            return Ok(false);
        }
        case.refused_at = Some(ctx.at);
        case.took_back = true;
    } else {
        case.refused_at = None;
        case.took_back = false;
    }
    case.consent = None;
    Ok(true)
}
