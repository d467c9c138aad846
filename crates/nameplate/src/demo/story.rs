//! What six people did when the notice came, and whether every promise held.
//!
//! A step acts, reads the state back, checks its promise and tells what it read.

use anyhow::{Context, bail, ensure};
use followers::{Day, Order};
use policy::{Coarse, Field, Reason, Surface, Viewer};
use serde_json::{Value, json};
use state::commands::{Answer, Filter, FilterCriteria, HolderAnswer, Leave};
use state::{
    AccountId, AccountRead, Actor, Case, Code, Command, EdgeBatchBuilder, EffectKind, HistoryRow, Millis, Op,
    PlatformId, Status, moment,
};
use vault::HolderRef;

use super::Stage;
use super::load::{self, PEOPLE_WITH_HANDLES, Person};
use crate::progress::grouped;

const PLATFORM: &str = "weibo";

/// One line of the story: when, who, what was read back.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    pub(crate) at: Millis,
    pub(crate) account: &'static str,
    pub(crate) text: String,
    pub(crate) facts: Value,
}

/// How one of the six stands at the end.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) account: &'static str,
    pub(crate) followers_before: u64,
    pub(crate) followers: u64,
    pub(crate) status: String,
    pub(crate) verified_viewers_see: String,
    pub(crate) others_see: String,
}

/// Plays the story and hands each line to `tell` as it happens.
pub(crate) struct Teller<'a> {
    stage: &'a Stage,
    platform: PlatformId,
    tell: &'a mut dyn FnMut(Printed),
    before: Vec<(&'static str, u64)>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(stage: &'a Stage, tell: &'a mut dyn FnMut(Printed)) -> anyhow::Result<Self> {
        Ok(Self { stage, platform: PlatformId::new(PLATFORM)?, tell, before: Vec::new() })
    }

    /// The whole story.
    ///
    /// # Errors
    /// When a promise does not hold; the error names it.
    pub(crate) fn play(&mut self) -> anyhow::Result<Vec<Summary>> {
        self.the_notices_of_october()?;
        self.the_notices_go_out()?;
        self.stock_king_filters()?;
        self.book_reviewer_leaves()?;
        self.market_voice_consents()?;
        self.news_desk_refuses()?;
        self.chief_editor_falls_under()?;
        self.strangers_push_chief_editor_back()?;
        self.lifestyle_writer_looks()?;
        self.the_period_is_over()?;
        self.summary()
    }

    /// 31 October: the counts are what was loaded, five are in reach of the rule, nobody is shown.
    fn the_notices_of_october(&mut self) -> anyhow::Result<()> {
        self.stage.act(Command::Tick)?;
        for person in six() {
            let account = self.account(person.handle)?;
            let followers = u64::from(account.count());
            ensure!(
                followers == person.followers,
                "`{}` has {followers} followers, not those loaded",
                person.handle
            );
            self.nobody_sees_a_name(&account)?;
            self.before.push((person.handle, followers));
            let crossed = account.record().has_case(Status::Crossed);
            ensure!(crossed == (followers >= 1_000_000), "`{}` is not where the rule puts it", person.handle);
            let text = if crossed {
                format!(
                    "{} followers: the rule applies, nobody is told before it has applied for a while",
                    grouped(followers)
                )
            } else {
                format!("{} followers: the rule does not apply", grouped(followers))
            };
            self.say(person.handle, text, json!({ "followers": followers, "crossed": crossed }));
        }
        Ok(())
    }

    /// 7 November: it has applied for as long as the pack's operator asks. The notices go out.
    fn the_notices_go_out(&mut self) -> anyhow::Result<()> {
        let seen = self.stage.handle.effects_after(None, usize::MAX).next;
        self.stage.days_pass(7)?;
        let told = self.stage.handle.effects_after(seen, usize::MAX);
        for person in six().filter(|person| person.followers >= 1_000_000) {
            let case = self.case(person.handle, Status::Noticed)?;
            let due = case.due_at.context("a notice without a date")?;
            let effects = told.effects.iter().filter(|effect| {
                effect.account == id(person.handle) && matches!(effect.kind, EffectKind::NoticeDue { .. })
            });
            ensure!(effects.count() == 1, "`{}` gets exactly one notice", person.handle);
            self.say(
                person.handle,
                format!("gets the notice of `{}`; nothing is shown before {}", case.rule, day(due)),
                json!({ "rule": case.rule.to_string(), "due_at": moment(due) }),
            );
        }
        Ok(())
    }

    /// Three previews, then one filter: from over seven million to under 900,000, and the case is over.
    fn stock_king_filters(&mut self) -> anyhow::Result<()> {
        const HANDLE: &str = "stock_king";
        let bots = FilterCriteria::Has(followers::Attribute::SuspectedBot);
        let quiet = FilterCriteria::Has(followers::Attribute::Inactive);
        let year = FilterCriteria::FollowedBefore(Day::of(1_672_531_200_000));
        let tries = [
            ("suspected programs", bots.clone()),
            (
                "suspected programs and inactive followers",
                FilterCriteria::Any(vec![bots.clone(), quiet.clone()]),
            ),
            ("those too, and everyone from before 2023", FilterCriteria::Any(vec![bots, quiet, year])),
        ];
        let mut last = None;
        for (words, criteria) in tries {
            let account = self.account(HANDLE)?;
            let filter = self.filter(HANDLE, criteria);
            let preview = account
                .preview(&filter)
                .map_err(|refusal| anyhow::anyhow!("the preview is refused: {}", refusal.text()))?;
            ensure!(
                u64::from(preview.removed) + u64::from(preview.left) == u64::from(account.count()),
                "a preview counts every follower once"
            );
            let applies = preview.rules.iter().any(|(_, holds)| *holds);
            self.say(
                HANDLE,
                format!(
                    "previews without {words}: {} would go, {} stay, the rule would {}",
                    grouped(u64::from(preview.removed)),
                    grouped(u64::from(preview.left)),
                    if applies { "still apply" } else { "no longer apply" }
                ),
                json!({ "removed": preview.removed, "left": preview.left, "rule_applies": applies }),
            );
            last = Some((filter, preview.left, applies));
        }
        let Some((filter, left, false)) = last else { bail!("no preview leads out of the rule") };
        let started = std::time::Instant::now();
        let outcome = self.stage.act(Command::Filter(filter))?;
        let took = started.elapsed();
        let account = self.account(HANDLE)?;
        ensure!(account.count() == left, "a filter does what its preview said");
        ensure!(left < 900_000, "the filter leaves fewer than 900,000");
        self.say(
            HANDLE,
            format!(
                "filters: {} followers left, durable and visible {:.0} ms later, undo for 30 days",
                grouped(u64::from(account.count())),
                took.as_secs_f64() * 1_000.0
            ),
            json!({ "followers": account.count(), "position": outcome.position, "ms": took.as_secs_f64() * 1_000.0 }),
        );
        self.stage.act(Command::Tick)?;
        let case = self.case(HANDLE, Status::Withdrawn)?;
        self.nobody_sees_a_name(&self.account(HANDLE)?)?;
        self.say(
            HANDLE,
            format!("is left alone: the case is {} ({})", case.status.as_str(), words(case.reason.as_str())),
            json!({ "status": case.status.as_str(), "reason": case.reason.as_str() }),
        );
        Ok(())
    }

    /// Leaves: the followers are dropped, the keys destroyed, nothing of the identity can be opened any more.
    fn book_reviewer_leaves(&mut self) -> anyhow::Result<()> {
        const HANDLE: &str = "book_reviewer";
        self.stage.days_pass(2)?;
        let identity = self.account(HANDLE)?.record().identity.clone().context("an identity is on record")?;
        let holder = identity.holder.clone();
        ensure!(self.revealed(&holder, Field::LegalName)?.is_some(), "the identity can be opened before");
        self.stage.act(Command::Leave(Leave {
            platform: self.platform.clone(),
            account: id(HANDLE),
            by: Actor::Holder,
        }))?;
        let account = self.account(HANDLE)?;
        let record = account.record();
        ensure!(record.left.is_some(), "the account has left");
        ensure!(account.count() == 0, "its followers are dropped");
        ensure!(record.identity.is_none(), "the state has forgotten the holder");
        ensure!(self.revealed(&holder, Field::LegalName)?.is_none(), "the keys are destroyed");
        let sealed = self.stage.vault.fields(PLATFORM, HolderRef(holder.as_str()))?.len();
        ensure!(sealed == 0, "nothing of the identity is left");
        self.nobody_sees_a_name(&account)?;
        self.say(
            HANDLE,
            format!(
                "leaves and is forgotten: {} followers, {sealed} sealed fields, the keys are destroyed",
                account.count()
            ),
            json!({ "followers": account.count(), "sealed_fields": sealed }),
        );
        Ok(())
    }

    /// Says yes, field by field. Nothing is shown before the period is over.
    fn market_voice_consents(&mut self) -> anyhow::Result<()> {
        const HANDLE: &str = "market_voice";
        self.stage.days_pass(1)?;
        let case = self.case(HANDLE, Status::Noticed)?;
        let consent = HolderAnswer::Consent {
            fields: vec![Field::LegalName],
            text_version: Code::new("notice-2023-10-31")?,
        };
        self.answer(HANDLE, &case, consent)?;
        self.stage.act(Command::Tick)?;
        let case = self.case(HANDLE, Status::Noticed)?;
        let given = case.consent.as_ref().context("the consent is on record")?;
        self.nobody_sees_a_name(&self.account(HANDLE)?)?;
        let fields: Vec<&str> = given.fields.iter().map(Field::as_str).collect();
        self.say(
            HANDLE,
            format!("consents to {}; still shown to nobody, the period runs", words(&fields.join(", "))),
            json!({ "consented": fields, "status": case.status.as_str() }),
        );
        Ok(())
    }

    /// Says no. The consequences wait for the end of the period.
    fn news_desk_refuses(&mut self) -> anyhow::Result<()> {
        const HANDLE: &str = "news_desk";
        self.stage.days_pass(1)?;
        let case = self.case(HANDLE, Status::Noticed)?;
        self.answer(HANDLE, &case, HolderAnswer::Refuse)?;
        let case = self.case(HANDLE, Status::Noticed)?;
        ensure!(case.refused_at.is_some(), "the refusal is on record");
        self.say(
            HANDLE,
            "refuses; no consequence before the period is over".into(),
            json!({ "refused": true }),
        );
        Ok(())
    }

    /// Filters to just under the line.
    fn chief_editor_falls_under(&mut self) -> anyhow::Result<()> {
        const HANDLE: &str = "chief_editor";
        self.stage.days_pass(1)?;
        let mut filter = self.filter(HANDLE, FilterCriteria::All(Vec::new()));
        filter.leave_at = Some(999_900);
        self.stage.act(Command::Filter(filter))?;
        self.stage.act(Command::Tick)?;
        let account = self.account(HANDLE)?;
        ensure!(account.count() == 999_900, "the filter stops at the number it was given");
        let case = self.case(HANDLE, Status::Withdrawn)?;
        self.say(
            HANDLE,
            format!(
                "filters to {}, just under the line: the case is {}",
                grouped(u64::from(account.count())),
                case.status.as_str()
            ),
            json!({ "followers": account.count(), "status": case.status.as_str() }),
        );
        Ok(())
    }

    /// Strangers follow until the line is crossed again. The count history tells who did it.
    fn strangers_push_chief_editor_back(&mut self) -> anyhow::Result<()> {
        const HANDLE: &str = "chief_editor";
        self.stage.days_pass(8)?;
        let now = self.stage.clock.now_ms();
        let mut batch = EdgeBatchBuilder::new(self.platform.clone());
        for stranger in load::strangers(500) {
            batch.push(Op::Follow, HANDLE, &stranger.to_string(), now, None)?;
        }
        self.stage.act(Command::Edges(batch.build()))?;
        self.stage.act(Command::Tick)?;
        let account = self.account(HANDLE)?;
        let case = self.case(HANDLE, Status::Crossed)?;
        ensure!(account.count() == 1_000_400, "every stranger counts once");
        ensure!(case.round == 2, "a second crossing is a new round with a notice of its own");
        self.nobody_sees_a_name(&account)?;
        let came: u32 = organic(&account.history(), Day::of(now)).map(|row| row.came).sum();
        ensure!(came == 500, "the history names the cause");
        self.say(
            HANDLE,
            format!(
                "{came} strangers follow in one day: {} followers, over the line again; a new round, a new notice, no name",
                grouped(u64::from(account.count()))
            ),
            json!({ "followers": account.count(), "organic": came, "round": case.round }),
        );
        Ok(())
    }

    /// Far below, and told exactly how far.
    fn lifestyle_writer_looks(&mut self) -> anyhow::Result<()> {
        const HANDLE: &str = "lifestyle_writer";
        let account = self.account(HANDLE)?;
        ensure!(account.record().cases.is_empty(), "an account below the line has no case");
        let distances = account.distances();
        let Some((rule, distance)) = distances.iter().find_map(|(rule, distance)| Some((rule, (*distance)?)))
        else {
            bail!("`{HANDLE}` is not told how far away it is");
        };
        ensure!(distance + i64::from(account.count()) == 1_000_000, "the distance leads exactly to the line");
        let explanation = account.explain(rule).context("a rule that can be explained")?;
        ensure!(!explanation.holds, "the rule does not hold");
        self.say(
            HANDLE,
            format!(
                "has {} followers and sees how far away `{rule}` is: {} more",
                grouped(u64::from(account.count())),
                grouped(distance.unsigned_abs())
            ),
            json!({ "followers": account.count(), "distance": distance, "rule": rule.to_string() }),
        );
        Ok(())
    }

    /// 7 December: the period is over. One name is shown, to those the rule names and to nobody else.
    fn the_period_is_over(&mut self) -> anyhow::Result<()> {
        let due = self.case("market_voice", Status::Noticed)?.due_at.context("a notice without a date")?;
        self.stage.clock.move_to_ms(due.0 - 1);
        self.stage.act(Command::Tick)?;
        self.nobody_sees_a_name(&self.account("market_voice")?)?;
        self.stage.clock.move_to_ms(due.0);
        self.stage.act(Command::Tick)?;

        let case = self.case("market_voice", Status::Shown)?;
        let account = self.account("market_voice")?;
        let name = self.name_seen(&account, Viewer::Verified)?.context("verified viewers see the name")?;
        for viewer in
            [Viewer::LoggedOut, Viewer::Unverified, Viewer::BadStanding, Viewer::Staff, Viewer::Buyer]
        {
            ensure!(
                self.name_seen(&account, viewer)?.is_none(),
                "no name for a viewer who is {}",
                viewer.as_str()
            );
        }
        let why_not = why_not(&account, Viewer::LoggedOut);
        self.say(
            "market_voice",
            format!(
                "is shown to verified viewers: `{name}`, since {}; logged out: nothing ({})",
                day(case.since),
                words(&why_not)
            ),
            json!({ "name": name, "since": moment(case.since), "logged_out": why_not }),
        );

        let case = self.case("news_desk", Status::Restricted)?;
        let told = self.stage.handle.effects_after(None, usize::MAX);
        let consequences = told.effects.iter().rev().find_map(|effect| match &effect.kind {
            EffectKind::Restricted { consequences, .. } if effect.account == id("news_desk") => {
                Some(consequences.to_vec())
            }
            _ => None,
        });
        let consequences = consequences.context("the platform is told what to restrict")?;
        self.nobody_sees_a_name(&self.account("news_desk")?)?;
        self.say(
            "news_desk",
            format!("is {}, not shown: {}", case.status.as_str(), words(&consequences.join(", "))),
            json!({ "status": case.status.as_str(), "consequences": consequences }),
        );

        let case = self.case("chief_editor", Status::Noticed)?;
        let due = case.due_at.context("a notice without a date")?;
        ensure!(due > self.stage.handle.reader().clock(), "the second notice runs its own time");
        self.nobody_sees_a_name(&self.account("chief_editor")?)?;
        self.say(
            "chief_editor",
            format!("has a second notice of its own; nothing is shown before {}", day(due)),
            json!({ "status": case.status.as_str(), "due_at": moment(due) }),
        );
        ensure!(
            self.account("stock_king")?.record().open_cases().next().is_none(),
            "`stock_king` is left alone"
        );
        Ok(())
    }

    fn summary(&self) -> anyhow::Result<Vec<Summary>> {
        let mut rows = Vec::new();
        for (handle, followers_before) in &self.before {
            let account = self.account(handle)?;
            let record = account.record();
            let status = match record.cases.last() {
                _ if record.left.is_some() => "left".to_owned(),
                Some(case) => format!("{} ({})", case.status.as_str(), words(case.reason.as_str())),
                None => "no case".to_owned(),
            };
            let seen = |viewer| -> anyhow::Result<String> {
                Ok(self.name_seen(&account, viewer)?.unwrap_or_else(|| "-".to_owned()))
            };
            rows.push(Summary {
                account: handle,
                followers_before: *followers_before,
                followers: u64::from(account.count()),
                status,
                verified_viewers_see: seen(Viewer::Verified)?,
                others_see: seen(Viewer::LoggedOut)?,
            });
        }
        Ok(rows)
    }

    fn say(&mut self, account: &'static str, text: String, facts: Value) {
        let at = self.stage.handle.reader().clock();
        (self.tell)(Printed { at, account, text, facts });
    }

    fn account(&self, handle: &str) -> anyhow::Result<AccountRead> {
        self.stage
            .platform(&self.platform)?
            .account(id(handle).key())
            .with_context(|| format!("`{handle}` is gone"))
    }

    /// The account's only case, which must stand there.
    fn case(&self, handle: &str, status: Status) -> anyhow::Result<Case> {
        let record = self.account(handle)?.record();
        let Some(case) = record.cases.last() else { bail!("`{handle}` has no case") };
        ensure!(
            case.status == status,
            "`{handle}` is {} ({}), expected {}",
            case.status.as_str(),
            case.reason.as_str(),
            status.as_str()
        );
        Ok(case.clone())
    }

    fn filter(&self, handle: &str, criteria: FilterCriteria) -> Filter {
        Filter {
            platform: self.platform.clone(),
            account: id(handle),
            criteria,
            keep: Vec::new(),
            order: Order::Oldest,
            leave_at: None,
            keep_verified: false,
            keep_followed: false,
            bar_days: 0,
            by: Actor::Holder,
        }
    }

    fn answer(&self, handle: &str, case: &Case, answer: HolderAnswer) -> anyhow::Result<()> {
        self.stage.act(Command::Answer(Answer {
            platform: self.platform.clone(),
            account: id(handle),
            rule: case.rule.clone(),
            round: case.round,
            answer,
        }))?;
        Ok(())
    }

    fn revealed(&self, holder: &state::HolderId, field: Field) -> anyhow::Result<Option<String>> {
        let secret = self.stage.vault.reveal(PLATFORM, HolderRef(holder.as_str()), field.as_str())?;
        Ok(secret.and_then(|secret| secret.expose_text().map(str::to_owned)))
    }

    /// The name as this viewer gets it: what the rules show, out of the very record that the log names.
    fn name_seen(&self, account: &AccountRead, viewer: Viewer) -> anyhow::Result<Option<String>> {
        let plate = account.decide(viewer, Surface::Profile);
        let Some(shown) = plate.shown.iter().find(|shown| shown.field == Field::LegalName) else {
            return Ok(None);
        };
        ensure!(shown.coarse == Coarse::Full, "the rule shows the whole name");
        let record = account.record();
        let Some(identity) = &record.identity else { return Ok(None) };
        let holder = HolderRef(identity.holder.as_str());
        let field = shown.field.as_str();
        let secret = self.stage.vault.reveal_as_logged(PLATFORM, holder, field, &identity.commitment)?;
        Ok(secret.and_then(|secret| secret.expose_text().map(str::to_owned)))
    }

    /// The promise that matters most.
    fn nobody_sees_a_name(&self, account: &AccountRead) -> anyhow::Result<()> {
        for viewer in Viewer::ALL.iter().filter(|viewer| **viewer != Viewer::Holder) {
            for surface in Surface::ALL {
                let plate = account.decide(*viewer, *surface);
                ensure!(
                    plate.shown.is_empty(),
                    "`{}` is shown to a viewer who is {}",
                    account.id(),
                    viewer.as_str()
                );
            }
        }
        Ok(())
    }
}

pub(super) fn six() -> impl Iterator<Item = &'static Person> {
    PEOPLE_WITH_HANDLES.iter().filter(|person| person.platform == PLATFORM)
}

fn id(handle: &str) -> AccountId {
    AccountId::Text(handle.into())
}

fn organic(history: &[HistoryRow], day: Day) -> impl Iterator<Item = &HistoryRow> {
    history.iter().filter(move |row| row.cause == state::Cause::Organic && row.day == day)
}

/// Why this viewer does not see the name.
fn why_not(account: &AccountRead, viewer: Viewer) -> String {
    let plate = account.decide(viewer, Surface::Profile);
    let withheld = plate.withheld.iter().find(|withheld| withheld.field == Field::LegalName);
    withheld.map_or("-", |withheld| Reason::as_str(withheld.reason)).to_owned()
}

/// A machine word as people read it.
fn words(code: &str) -> String {
    code.replace('_', " ")
}

/// The day of a moment, in Beijing.
pub(super) fn day(at: Millis) -> String {
    let beijing = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| moment(at), |stamp| stamp.to_zoned(beijing).date().to_string())
}
