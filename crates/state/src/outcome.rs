//! What a command came to: done, or a refusal that reads as the sentence a person gets.
//!
//! A refusal is an answer, not a failure: the entry stays in the log and replays to the same refusal.

use policy::Millis;

use crate::ids::{Code, HolderId, KeyId, PlatformId, RuleRef, moment};

/// The answer to one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The entry's position in the log.
    pub position: u64,
    /// What the command as a whole came to.
    pub result: Result<Done, Refusal>,
    /// One answer per event or item, in the order they were sent; empty for commands without items and for refused ones.
    pub items: Vec<ItemOutcome>,
}

/// What an accepted command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It did what it says.
    Applied,
    /// Each event or item has its own answer.
    Items {
        /// Items that were taken, whether they changed something or not.
        accepted: u32,
        /// Items that were refused.
        refused: u32,
    },
    /// Nothing changed: the same was asked before.
    Unchanged,
    /// The pack is active; accounts are evaluated at the next tick.
    Activated {
        /// The pack.
        pack: Code,
        /// Its version.
        version: u32,
    },
    /// The change waits for two others.
    Proposed {
        /// Its number.
        number: u32,
        /// The number they confirm: accounts it concerns, or the new bound.
        accounts: u64,
    },
    /// Followers were removed.
    Filtered {
        /// How many.
        removed: u32,
        /// The count afterwards.
        left: u32,
    },
    /// A filter was undone.
    Restored {
        /// How many came back.
        restored: u32,
        /// The count afterwards.
        count: u32,
    },
    /// The holder's answer is on record.
    Answered {
        /// The round it answers.
        round: u32,
        /// Is the name shown from now on, by this answer?
        showing: bool,
    },
    /// The appeal is on record; nothing is shown until it is answered.
    Appealed {
        /// When the pack wants it answered.
        answer_due_at: Millis,
    },
    /// The account has left.
    Left {
        /// The holder whose keys must be destroyed: this was the last account the holder stood behind.
        forget: Option<HolderId>,
    },
    /// Accounts left every set they were in.
    Purged {
        /// Accounts that were taken, whether they followed anyone or not.
        accounts: u32,
        /// Edges that were removed.
        edges: u64,
        /// Accounts that lost followers.
        sets: u32,
    },
    /// Dead letters are gone; each one that was replayed has its own answer.
    DeadLettersSettled {
        /// Letters that were brought in, whatever became of each.
        replayed: u32,
        /// Letters that were let go.
        let_go: u32,
    },
    /// A tick was processed.
    Ticked {
        /// Accounts looked at.
        evaluated: u32,
        /// Moves made.
        moves: u32,
        /// Since rules changed accounts wait for their turn: another tick goes on with them.
        more: bool,
    },
}

impl Done {
    pub(crate) fn of_items(outcomes: &[ItemOutcome]) -> Done {
        let accepted = outcomes.iter().filter(|outcome| outcome.is_accepted()).count();
        // Items of a command are bounded far below 32 bits.
        Done::Items { accepted: accepted as u32, refused: (outcomes.len() - accepted) as u32 }
    }
}

/// Why a whole command was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No platform of that id.
    UnknownPlatform(PlatformId),
    /// The id is taken.
    PlatformExists(PlatformId),
    /// `platforms_max` is reached.
    TooManyPlatforms,
    /// The key id is taken, on this platform or another.
    KeyIdTaken(KeyId),
    /// No such key on this platform.
    UnknownKey(KeyId),
    /// `keys_max` is reached.
    TooManyKeys,
    /// A key without a role can do nothing.
    KeyWithoutRole,
    /// The key would have expired already.
    KeyExpiresInThePast,
    /// No such account.
    UnknownAccount,
    /// `accounts_max` is reached.
    TooManyAccounts,
    /// More items than `items_max`.
    TooManyItems {
        /// Items allowed.
        max: u32,
    },
    /// The bundle is not a pack.
    PackDoesNotParse {
        /// The diagnostics, one a line, `file:line:col: message`.
        diagnostics: Vec<String>,
    },
    /// The pack leaves questions open that only the operator can answer.
    MissingChoice {
        /// Their keys.
        keys: Vec<String>,
    },
    /// The very same pack with the same choices is active.
    PackIsActive(Code),
    /// No active pack of that id.
    UnknownPack(Code),
    /// `packs_max` is reached.
    TooManyPacks,
    /// No active pack has that rule.
    UnknownRule(RuleRef),
    /// The rule announces to all; no single holder answers it.
    NotTheHoldersRule(RuleRef),
    /// The account has no open case under the rule, or the notice is not out yet.
    NothingToAnswer(RuleRef),
    /// The answer names a round that is not the open one.
    AnswerToAnotherRound {
        /// The round that is open.
        open: u32,
    },
    /// The rule does not ask for consent.
    RuleAsksNoConsent(RuleRef),
    /// There is no answer to take back.
    NothingToWithdraw,
    /// The consent leaves out a field that the rule would show.
    ConsentMustNameEachField {
        /// The fields that are missing.
        missing: Vec<policy::Field>,
    },
    /// None of the fields the rule would show is on the holder's record.
    NoIdentityOnRecord,
    /// The pack has no way to appeal a decision of the rule.
    NoWayToAppeal(RuleRef),
    /// An appeal waits for an answer.
    AppealIsOpen,
    /// `appeals_max` is reached.
    TooManyAppeals,
    /// No appeal waits for an answer.
    NoOpenAppeal(RuleRef),
    /// The one who answers put the rule in force or answered an appeal of the case before.
    SameReviewer,
    /// A period can be extended while it runs, and not otherwise.
    NoPeriodRuns(RuleRef),
    /// The period would not be longer, or would be longer than `extension_ms`.
    ExtensionOutOfRange {
        /// After this moment.
        after: Millis,
        /// And not after this one.
        until: Millis,
    },
    /// The change concerns more accounts than one person may change, or than two people confirmed.
    ChangeTooLarge {
        /// Accounts it concerns.
        accounts: u64,
        /// How many it may concern.
        allowed: u64,
    },
    /// `proposals_max` is reached.
    TooManyProposals,
    /// No proposal with that number waits.
    UnknownProposal(u32),
    /// The proposal's time came and it could not be done as it was confirmed.
    ProposalLapsed(u32),
    /// Who proposed it or confirmed it before cannot be the next to confirm.
    SomebodyElseMustConfirm,
    /// The number is not the proposal's.
    NotTheNumber {
        /// This one is.
        accounts: u64,
    },
    /// One person can lower the bound, and not raise it.
    WiderTakesTwo {
        /// The bound as it is.
        accounts: u32,
    },
    /// No endpoint of that id.
    UnknownWebhook(Code),
    /// `webhooks_max` is reached.
    TooManyWebhooks,
    /// Somebody else changed the endpoint meanwhile.
    WebhookChanged,
    /// There are no effects of that kind.
    UnknownEffectKind(Code),
    /// The account is linked to another holder; the platform must unlink by leaving first.
    LinkedToAnotherHolder,
    /// An identity without fields shows nothing.
    IdentityWithoutFields,
    /// The account has left.
    AlreadyLeft,
    /// The same reason holds the account already.
    AlreadyHeld(Code),
    /// No hold with that reason.
    NotHeld(Code),
    /// `holds_max` is reached.
    TooManyHolds,
    /// The filter has more criteria than allowed, or they nest too deep.
    FilterTooLarge,
    /// The filter names more accounts than allowed.
    FilterNamesTooMany,
    /// As many filters as allowed are kept for undo.
    TooManyFilters,
    /// The filter would bar for more days than allowed.
    FilterBarsTooLong,
    /// The filter was never run on this account, or is undone, or its undo period is over.
    FilterNotKept,
}

impl Refusal {
    /// The machine word, as in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Refusal::UnknownPlatform(_) => "unknown_platform",
            Refusal::PlatformExists(_) => "platform_exists",
            Refusal::TooManyPlatforms => "too_many_platforms",
            Refusal::KeyIdTaken(_) => "key_id_taken",
            Refusal::UnknownKey(_) => "unknown_key",
            Refusal::TooManyKeys => "too_many_keys",
            Refusal::KeyWithoutRole => "key_without_role",
            Refusal::KeyExpiresInThePast => "key_expires_in_the_past",
            Refusal::UnknownAccount => "unknown_account",
            Refusal::TooManyAccounts => "too_many_accounts",
            Refusal::TooManyItems { .. } => "too_many_items",
            Refusal::PackDoesNotParse { .. } => "pack_does_not_parse",
            Refusal::MissingChoice { .. } => "missing_choice",
            Refusal::PackIsActive(_) => "pack_is_active",
            Refusal::UnknownPack(_) => "unknown_pack",
            Refusal::TooManyPacks => "too_many_packs",
            Refusal::UnknownRule(_) => "unknown_rule",
            Refusal::NotTheHoldersRule(_) => "not_the_holders_rule",
            Refusal::NothingToAnswer(_) => "nothing_to_answer",
            Refusal::AnswerToAnotherRound { .. } => "answer_to_another_round",
            Refusal::RuleAsksNoConsent(_) => "rule_asks_no_consent",
            Refusal::NothingToWithdraw => "nothing_to_withdraw",
            Refusal::ConsentMustNameEachField { .. } => "consent_must_name_each_field",
            Refusal::NoIdentityOnRecord => "no_identity_on_record",
            Refusal::NoWayToAppeal(_) => "no_way_to_appeal",
            Refusal::AppealIsOpen => "appeal_is_open",
            Refusal::TooManyAppeals => "too_many_appeals",
            Refusal::NoOpenAppeal(_) => "no_open_appeal",
            Refusal::SameReviewer => "same_reviewer",
            Refusal::NoPeriodRuns(_) => "no_period_runs",
            Refusal::ExtensionOutOfRange { .. } => "extension_out_of_range",
            Refusal::ChangeTooLarge { .. } => "change_too_large",
            Refusal::TooManyProposals => "too_many_proposals",
            Refusal::UnknownProposal(_) => "unknown_proposal",
            Refusal::ProposalLapsed(_) => "proposal_lapsed",
            Refusal::SomebodyElseMustConfirm => "somebody_else_must_confirm",
            Refusal::NotTheNumber { .. } => "not_the_number",
            Refusal::WiderTakesTwo { .. } => "wider_takes_two",
            Refusal::UnknownWebhook(_) => "unknown_webhook",
            Refusal::TooManyWebhooks => "too_many_webhooks",
            Refusal::WebhookChanged => "webhook_changed",
            Refusal::UnknownEffectKind(_) => "unknown_effect_kind",
            Refusal::LinkedToAnotherHolder => "linked_to_another_holder",
            Refusal::IdentityWithoutFields => "identity_without_fields",
            Refusal::AlreadyLeft => "already_left",
            Refusal::AlreadyHeld(_) => "already_held",
            Refusal::NotHeld(_) => "not_held",
            Refusal::TooManyHolds => "too_many_holds",
            Refusal::FilterTooLarge => "filter_too_large",
            Refusal::FilterNamesTooMany => "filter_names_too_many",
            Refusal::TooManyFilters => "too_many_filters",
            Refusal::FilterBarsTooLong => "filter_bars_too_long",
            Refusal::FilterNotKept => "filter_not_kept",
        }
    }

    /// The sentence a person gets, with a next step where there is one.
    pub fn text(&self) -> String {
        match self {
            Refusal::UnknownPlatform(id) => format!("there is no platform `{id}`: register it first"),
            Refusal::PlatformExists(id) => format!("the platform `{id}` exists already"),
            Refusal::TooManyPlatforms => "this server has as many platforms as it may".into(),
            Refusal::KeyIdTaken(id) => format!("the key id `{id}` is taken: choose another"),
            Refusal::UnknownKey(id) => format!("this platform has no key `{id}`"),
            Refusal::TooManyKeys => "this platform has as many keys as it may: revoke one".into(),
            Refusal::KeyWithoutRole => "a key needs at least one role".into(),
            Refusal::KeyExpiresInThePast => "the key would have expired already: choose a later time".into(),
            Refusal::UnknownAccount => "there is no such account on this platform".into(),
            Refusal::TooManyAccounts => "this platform has as many accounts as it may".into(),
            Refusal::TooManyItems { max } => format!("too many items: send at most {max} at once"),
            Refusal::PackDoesNotParse { diagnostics } => match diagnostics.first() {
                Some(first) => format!("the pack cannot be read: {first}"),
                None => "the pack cannot be read: run `nameplate pack check`".into(),
            },
            Refusal::MissingChoice { keys } => {
                format!("no source says, so you must: answer {}", in_backticks(keys.iter().map(String::as_str)))
            }
            Refusal::PackIsActive(id) => format!("the pack `{id}` is active already, with the same choices"),
            Refusal::UnknownPack(id) => format!("no pack `{id}` is active on this platform"),
            Refusal::TooManyPacks => "this platform has as many packs as it may: deactivate one".into(),
            Refusal::UnknownRule(rule) => format!("no active pack has the rule `{rule}`"),
            Refusal::NotTheHoldersRule(rule) => {
                format!("the rule `{rule}` announces to everyone, so no single holder answers it")
            }
            Refusal::NothingToAnswer(rule) => {
                format!("there is no open notice under the rule `{rule}` for this account")
            }
            Refusal::AnswerToAnotherRound { open } => {
                format!("the answer is about another round: round {open} is open, read its notice and answer again")
            }
            Refusal::RuleAsksNoConsent(rule) => format!("the rule `{rule}` does not ask for consent"),
            Refusal::NothingToWithdraw => "there is no answer to take back".into(),
            Refusal::ConsentMustNameEachField { missing } => {
                format!(
                    "the consent must name each field that would be shown: add {}",
                    in_backticks(missing.iter().map(|field| field.as_str()))
                )
            }
            Refusal::NoIdentityOnRecord => {
                "the holder's record has none of the fields that the rule would show: verify the identity first".into()
            }
            Refusal::NoWayToAppeal(rule) => format!("the platform has no way to appeal under the rule `{rule}`"),
            Refusal::AppealIsOpen => "an appeal waits for its answer: until then nothing is shown".into(),
            Refusal::TooManyAppeals => "this case was appealed as often as it may be".into(),
            Refusal::NoOpenAppeal(rule) => format!("no appeal under the rule `{rule}` waits for an answer"),
            Refusal::SameReviewer => {
                "somebody else must answer: not who put the rule in force, nor who answered before".into()
            }
            Refusal::NoPeriodRuns(rule) => {
                format!("no notice period runs under the rule `{rule}` for this account")
            }
            Refusal::ExtensionOutOfRange { after, until } => {
                format!("choose a moment after {} and no later than {}", moment(*after), moment(*until))
            }
            Refusal::ChangeTooLarge { accounts, allowed } => format!(
                "it would change what is shown of {accounts} accounts, and {allowed} are allowed: propose it, and have two \
                 others confirm the number"
            ),
            Refusal::TooManyProposals => "as many changes as may be are proposed: decide one first".into(),
            Refusal::UnknownProposal(number) => format!("no proposal {number} waits on this platform"),
            Refusal::ProposalLapsed(number) => {
                format!("proposal {number} could not be done when its time came: take it back and propose it again")
            }
            Refusal::SomebodyElseMustConfirm => {
                "somebody else must confirm it: not who proposed it, and nobody twice".into()
            }
            Refusal::NotTheNumber { accounts } => {
                format!("the number to confirm is {accounts}: look at what the proposal changes first")
            }
            Refusal::WiderTakesTwo { accounts } => format!(
                "one person may change what is shown of {accounts} accounts: propose a wider bound, and have two others \
                 confirm it"
            ),
            Refusal::UnknownWebhook(id) => format!("this platform has no webhook `{id}`"),
            Refusal::TooManyWebhooks => "this platform has as many webhooks as it may: remove one".into(),
            Refusal::WebhookChanged => "the webhook was changed meanwhile: look again and repeat".into(),
            Refusal::UnknownEffectKind(kind) => {
                format!("there are no effects of the kind `{kind}`: see the field `kind` of the feed of effects")
            }
            Refusal::LinkedToAnotherHolder => "the account belongs to another holder: let it leave first".into(),
            Refusal::IdentityWithoutFields => "an identity needs at least one field".into(),
            Refusal::AlreadyLeft => "the account has left".into(),
            Refusal::AlreadyHeld(reason) => format!("the account is held for `{reason}` already"),
            Refusal::NotHeld(reason) => format!("the account is not held for `{reason}`"),
            Refusal::TooManyHolds => "the account has as many holds as it may: release one".into(),
            Refusal::FilterTooLarge => "the filter has too many criteria or they nest too deep: simplify it".into(),
            Refusal::FilterNamesTooMany => "the filter names too many accounts: run it in parts".into(),
            Refusal::TooManyFilters => "as many filters as may be undone are kept: wait for one to expire".into(),
            Refusal::FilterBarsTooLong => "the filter bars whom it takes for more than 365 days: name fewer".into(),
            Refusal::FilterNotKept => {
                "there is no such filter to undo: it never ran here, is undone, or its time is over".into()
            }
        }
    }
}

fn in_backticks<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

macro_rules! item_outcomes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $word:literal, $text:literal, $accepted:literal;)*) => {
        /// The answer to one event or item. One byte; the numbers are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ItemOutcome {
            $($(#[$doc])* $name = $number,)*
        }

        impl ItemOutcome {
            /// Every outcome, in the order of its number.
            pub const ALL: &'static [ItemOutcome] = &[$(ItemOutcome::$name,)*];

            /// The machine word, as in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(ItemOutcome::$name => $word,)* }
            }

            /// The sentence a person gets.
            pub fn text(self) -> &'static str {
                match self { $(ItemOutcome::$name => $text,)* }
            }

            /// Was the item taken, whether it changed something or not?
            pub fn is_accepted(self) -> bool {
                match self { $(ItemOutcome::$name => $accepted,)* }
            }
        }
    };
}

item_outcomes! {
    /// Taken, and something changed.
    Accepted = 0, "accepted", "accepted", true;
    /// Taken before; nothing changed.
    Duplicate = 1, "duplicate", "this was sent before, nothing changed", true;
    /// Taken, but something newer is known already.
    Stale = 2, "stale", "something newer is known already, nothing changed", true;
    /// The event is older than the reorder horizon.
    TooOld = 16, "too_old", "the event is older than 72 hours and kept aside: have it replayed, or send it as a backfill", false;
    /// The event is more than five minutes ahead of the log's clock.
    InTheFuture = 17, "in_the_future", "the event is more than 5 minutes ahead: check the sender's clock", false;
    /// Follower and followee are the same.
    AccountCannotFollowItself = 18, "account_cannot_follow_itself", "an account cannot follow itself", false;
    /// The event id was used before, for another event.
    EventIdReused = 19, "event_id_reused", "the event id was used for another event: give each its own", false;
    /// The account has left the platform.
    AccountHasLeft = 20, "account_has_left", "the account has left", false;
    /// The follower was filtered out for good.
    RefollowBarred = 21, "refollow_barred", "this follower was removed for good", false;
    /// `accounts_max` is reached.
    TooManyAccounts = 22, "too_many_accounts", "this platform has as many accounts as it may", false;
    /// `followers` is counted from events.
    FollowersAreCounted = 23, "followers_are_counted", "followers are counted from events: send follows", false;
    /// No such account.
    UnknownAccount = 26, "unknown_account", "no event and no fact has named this account", false;
    /// The account has as many metrics as it may.
    TooManyMetrics = 24, "too_many_metrics", "the account has as many metrics as it may", false;
    /// An amount is older than the reorder horizon.
    AmountTooOld = 27, "amount_too_old", "the amount is older than 72 hours: once its UTC day is over for as long, send the day's total", false;
    /// A total of a day that events may still be added to.
    DayIsOpen = 28, "day_is_open", "amounts of this day may still come for 72 hours after it: send them one by one", false;
    /// A day that ledgers no longer keep.
    BeforeTheLedger = 29, "before_the_ledger", "the day is more than 800 days ago, and no rule can ask for it", false;
    /// An amount beyond [`AMOUNT_MAX`](crate::AMOUNT_MAX).
    AmountTooLarge = 30, "amount_too_large", "the amount is too large: 1000000000000000 at most, either way", false;
    /// The account has as many ledgers as it may.
    TooManyLedgers = 31, "too_many_ledgers", "the account has amounts of as many metrics and currencies as it may", false;
    /// The account has more topics than it may.
    TooManyTopics = 25, "too_many_topics", "too many topics for one account", false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_outcome_has_its_own_word_and_number() {
        let mut words: Vec<_> = ItemOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ItemOutcome::ALL.len());
        for outcome in ItemOutcome::ALL {
            assert_eq!(outcome.is_accepted(), (*outcome as u8) < 16, "{outcome:?}");
        }
    }

    #[test]
    fn a_refusal_names_what_to_do() {
        let refusal = Refusal::MissingChoice { keys: vec!["a.notice".into(), "a.below".into()] };
        assert_eq!(refusal.text(), "no source says, so you must: answer `a.notice`, `a.below`");
        let refusal = Refusal::ConsentMustNameEachField { missing: vec![policy::Field::LegalName] };
        assert_eq!(refusal.text(), "the consent must name each field that would be shown: add `legal_name`");
    }
}
