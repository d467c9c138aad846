//! Scripts: one command a line, after `->` what comes of it, after each `|` one effect.
//!
//! Every script is also replayed from its records, with a snapshot taken at every position, and every promise is
//! checked after every line; so each script test is a replay test as well.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use policy::{Field, HolderKind, Surface, Viewer};
use state::commands::{
    AccountFacts, ActivatePack, AddAmounts, Amount, AmountItem, Answer, Appeal, Attributes, DeactivatePack,
    DecideAppeal, DecideProposal, ExtendNotice, Filter, FilterCriteria, Hold, HolderAnswer, IssueKey, Leave,
    LinkIdentity, MetricItem, NewWebhookKey, ProposeChange, Purge, RecordDeliveries, RegisterPlatform,
    Release, RemoveWebhook, RevokeKey, RewindWebhook, SetBlastRadius, SetMetrics, SetWebhook,
    SettleDeadLetters, SightRegion, Sighting, Topics, UndoFilter, UpsertAccounts,
};
use state::{
    AccountId, AccountKey, Actor, Change, Code, Command, Country, Done, EdgeBatchBuilder, Effect, EffectId,
    EffectKind, Entry, Limits, Machine, Millis, Op, Outcome, PlatformId, RegionName, Retry, Role, Roles,
    RuleRef, Ruling, record,
};

use crate::packs::TestPack;

pub(crate) const DAY: i64 = 86_400_000;
/// 2023-01-01.
pub(crate) const START: i64 = 19_358 * DAY;

pub(crate) fn check(script: &str) {
    check_with(Limits::default(), script);
}

pub(crate) fn check_with(limits: Limits, script: &str) {
    let mut run = Run::new(limits.clone());
    let mut failures = String::new();
    for (number, line) in script.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (input, expected) = line.split_once("->").unwrap_or((line, ""));
        let got = run.line(input.trim());
        let expected = expected.trim();
        if !expected.is_empty() && got != expected {
            let _ =
                writeln!(failures, "line {number}: {}\n  wanted {expected}\n  got    {got}", input.trim());
        }
        if let Err(broken) = run.machine.check() {
            let _ = writeln!(failures, "line {number}: {}\n  {broken}", input.trim());
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    run.replay(limits);
}

/// `7-0`
fn effect_id(text: &str) -> EffectId {
    let (position, index) = text.split_once('-').unwrap();
    EffectId { position: position.parse().unwrap(), index: index.parse().unwrap() }
}

pub(crate) struct Run {
    pub(crate) machine: Machine,
    pub(crate) log: Vec<(Millis, Vec<u8>)>,
    now: i64,
    pack: TestPack,
}

pub(crate) fn platform() -> PlatformId {
    PlatformId::new("demo").unwrap()
}

impl Run {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { machine: Machine::new(limits), log: Vec::new(), now: START, pack: TestPack::default() }
    }

    pub(crate) fn apply(&mut self, command: Command) -> (Outcome, Vec<Effect>) {
        let bytes = record::encode(&command);
        assert_eq!(record::decode(&bytes).as_ref(), Ok(&command), "a record comes back");
        self.log.push((Millis(self.now), bytes));
        let entry = Entry { position: self.machine.position() + 1, at: Millis(self.now), command };
        let outcome = self.machine.apply(&entry);
        assert_eq!(self.machine.reader().applied(), entry.position);
        (outcome, self.machine.take_effects())
    }

    /// The same log gives the same bytes, from the beginning and from a snapshot at any position.
    pub(crate) fn replay(&self, limits: Limits) {
        let mut want = Vec::new();
        self.machine.save(&mut want);
        let mut again = Machine::new(limits.clone());
        for (index, (at, bytes)) in self.log.iter().enumerate() {
            let mut snapshot = Vec::new();
            again.save(&mut snapshot);
            again = Machine::load(&snapshot, limits.clone()).expect("a snapshot loads");
            let mut twice = Vec::new();
            again.save(&mut twice);
            assert!(
                snapshot == twice,
                "a loaded snapshot saves to the same bytes, before entry {}",
                index + 1
            );
            let command = record::decode(bytes).unwrap();
            again.apply(&Entry { position: index as u64 + 1, at: *at, command });
        }
        let mut got = Vec::new();
        again.save(&mut got);
        assert!(got == want, "replay gives the same bytes");
        assert_eq!(again.state_hash(), self.machine.state_hash());
    }

    pub(crate) fn line(&mut self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        let words: Vec<&str> = words.collect();
        match verb {
            "at" => {
                self.now = START + millis(words[0]);
                String::new()
            }
            "see" => self.see(words[0], words[1], words.get(2).copied().unwrap_or("profile")),
            "case" => self.case(words[0]),
            "behind" => self.behind(words[0]),
            "ledger" => self.ledger(words[0]),
            "counts" => self.account(words[0]).map_or("unknown".into(), |account| {
                let record = account.record();
                let counts = record.counts.iter().map(|(name, counted)| format!("{name} {}", counted.count));
                let counts = counts.collect::<Vec<_>>().join(", ");
                if counts.is_empty() { "none".into() } else { counts }
            }),
            "letters" => {
                let read = self.machine.reader().platform(&platform()).unwrap();
                let letters = read.dead_letters(0, 1_000).items;
                let counts = read.counts();
                assert_eq!(counts.dead_letters, letters.len() as u64);
                let each = letters.iter().map(|letter| {
                    format!("{} {:?} {} {}", letter.number, letter.op, letter.followee, letter.follower)
                });
                let each = each.collect::<Vec<_>>().join(", ");
                format!("{each}; {} dropped", counts.dead_letters_dropped)
            }
            "count" => self.account(words[0]).map_or("unknown".into(), |a| a.count().to_string()),
            "history" => self.account(words[0]).map_or("unknown".into(), |account| {
                let rows = account.history();
                let row = |row: &state::HistoryRow| {
                    format!(
                        "{} {}+{}-{}",
                        i64::from(row.day.0) - 19_358,
                        row.cause.as_str(),
                        row.came,
                        row.went
                    )
                };
                rows.iter().map(row).collect::<Vec<_>>().join(", ")
            }),
            "distance" => self.account(words[0]).map_or("unknown".into(), |account| {
                format!("{:?}", account.distances().first().and_then(|(_, distance)| *distance))
            }),
            _ => {
                let command = self.command(verb, &words);
                let (outcome, effects) = self.apply(command);
                render(&outcome, &effects)
            }
        }
    }

    fn account(&self, id: &str) -> Option<state::AccountRead> {
        self.machine.reader().platform(&platform())?.account(AccountKey::parse(id).unwrap())
    }

    fn see(&self, account: &str, viewer: &str, surface: &str) -> String {
        let Some(account) = self.account(account) else { return "unknown".into() };
        let plate = account.decide(Viewer::parse(viewer).unwrap(), Surface::parse(surface).unwrap());
        let shown = plate.shown.iter().map(|one| one.field.as_str().to_owned());
        let withheld = plate.withheld.iter().map(|one| format!("no {}: {}", one.field, one.reason));
        shown.chain(withheld).collect::<Vec<_>>().join(", ")
    }

    /// Holder, seal and fields behind an account.
    fn behind(&self, account: &str) -> String {
        let Some(account) = self.account(account) else { return "unknown".into() };
        let record = account.record();
        let Some(identity) = &record.identity else { return "nobody".into() };
        let fields: Vec<_> = identity.fields.iter().map(|field| field.as_str()).collect();
        let kind = account.facts().holder_kind.map_or("none", |kind| kind.as_str());
        format!("{} {} {} {kind}", identity.holder, identity.commitment[0], fields.join(","))
    }

    /// Each ledger with its days, counted from the first day of the script.
    fn ledger(&self, account: &str) -> String {
        let Some(account) = self.account(account) else { return "unknown".into() };
        let record = account.record();
        let ledgers = record.ledgers.0.iter().map(|(name, ledger)| {
            let currency = name.currency.map(|code| format!(" {code}")).unwrap_or_default();
            let days = ledger.iter().map(|(day, sum)| format!(" {}:{sum}", day.0 - 19_358));
            format!("{}{currency}{}", name.metric, days.collect::<String>())
        });
        let ledgers = ledgers.collect::<Vec<_>>().join(", ");
        if ledgers.is_empty() { "none".into() } else { ledgers }
    }

    fn case(&self, account: &str) -> String {
        let Some(account) = self.account(account) else { return "unknown".into() };
        let record = account.record();
        let cases = record
            .cases
            .iter()
            .map(|case| format!("{} {} round {}", case.status.as_str(), case.reason.as_str(), case.round));
        let cases = cases.collect::<Vec<_>>().join(", ");
        if cases.is_empty() { "none".into() } else { cases }
    }

    fn command(&mut self, verb: &str, words: &[&str]) -> Command {
        let (verb, event) = verb.split_once('#').map_or((verb, None), |(verb, id)| (verb, Some(id)));
        let options: BTreeMap<&str, &str> = words.iter().filter_map(|word| word.split_once('=')).collect();
        let plain: Vec<&str> = words.iter().filter(|word| !word.contains('=')).copied().collect();
        let at = Millis(options.get("at").map_or(self.now, |at| START + millis(at)));
        let account = || AccountId::parse(plain[0]).unwrap();
        let by = Actor::Operator(Code::new("ops").unwrap());
        let code = |text: &str| Code::new(text).unwrap();
        let rule = RuleRef {
            pack: code(options.get("pack").unwrap_or(&"test-2023")),
            rule: code(options.get("rule").unwrap_or(&"name")),
        };
        let round = options.get("round").map_or(1, |round| round.parse().unwrap());
        let platform = PlatformId::new(options.get("on").unwrap_or(&"demo")).unwrap();
        match verb {
            "register" => {
                Command::RegisterPlatform(RegisterPlatform { platform, title: "A demo".parse().unwrap() })
            }
            "key" => Command::IssueKey(IssueKey {
                platform,
                key_id: plain[0].parse().unwrap(),
                sha256: [7; 32],
                roles: Roles::of(
                    &plain[1..].iter().map(|role| Role::parse(role).unwrap()).collect::<Vec<_>>(),
                ),
                label: "ingest".parse().unwrap(),
                expires: options.get("expires").map(|at| Millis(START + millis(at))),
            }),
            "revoke" => Command::RevokeKey(RevokeKey { platform, key_id: plain[0].parse().unwrap() }),
            "follow" | "unfollow" | "backfill" => {
                let op = match verb {
                    "follow" => Op::Follow,
                    "unfollow" => Op::Unfollow,
                    _ => Op::Backfill,
                };
                let mut batch = EdgeBatchBuilder::new(platform);
                for follower in &plain[1..] {
                    batch.push(op, plain[0], follower, at.0, event.map(str::as_bytes)).unwrap();
                }
                Command::Edges(batch.build())
            }
            "facts" => {
                let mut item = AccountFacts::new(account(), at);
                let list = |key: &str| {
                    options.get(key).map(|list| list.split(',').filter(|w| !w.is_empty()).collect::<Vec<_>>())
                };
                item.class = options.get("class").map(|class| policy::Class::parse(class).unwrap());
                item.standing = options.get("standing").map(|word| policy::Standing::parse(word).unwrap());
                item.identity_verified = options.get("verified").map(|yes| *yes == "yes");
                item.holder_kind = options.get("kind").map(|kind| HolderKind::parse(kind).unwrap());
                item.topics = list("topics").map(|topics| Topics {
                    all: topics.iter().map(|topic| code(topic)).collect(),
                    dominant: options.get("dominant").map(|topic| code(topic)),
                });
                item.attributes = list("attributes").map(|words| {
                    let all: Vec<_> =
                        words.iter().map(|word| followers::Attribute::parse(word).unwrap()).collect();
                    Attributes::of(&all)
                });
                let day = |key: &str| options.get(key).map(|day| followers::Day(day.parse().unwrap()));
                (item.created, item.last_active) = (day("created"), day("active"));
                Command::UpsertAccounts(UpsertAccounts { platform, items: vec![item] })
            }
            "metric" => Command::SetMetrics(SetMetrics {
                platform,
                items: vec![MetricItem {
                    account: account(),
                    metric: code(plain[1]),
                    value: plain[2].parse().unwrap(),
                    at,
                }],
            }),
            "amount" | "total" => {
                let number = plain[2].parse().unwrap();
                let amount = if verb == "amount" {
                    Amount::Event { amount: number, at, id: event.unwrap().parse().unwrap() }
                } else {
                    Amount::Total { day: policy::Day::of(at), total: number }
                };
                let currency = options.get("currency").map(|code| policy::Currency::parse(code).unwrap());
                let items = vec![AmountItem { account: account(), metric: code(plain[1]), currency, amount }];
                Command::AddAmounts(AddAmounts { platform, items })
            }
            "sight" => Command::SightRegion(SightRegion {
                platform,
                items: vec![Sighting {
                    account: account(),
                    country: Country::new(plain[1]).unwrap(),
                    region: plain.get(2).map(|region| RegionName::new(region).unwrap()),
                    at,
                    event: code("post"),
                }],
            }),
            "pack" => self.pack(platform, &options, by),
            "bundle" => Command::ActivatePack(ActivatePack {
                platform,
                bundle: plain[0].as_bytes().to_vec(),
                choices: BTreeMap::new(),
                by,
            }),
            "propose" => Command::ProposeChange(ProposeChange {
                platform: platform.clone(),
                change: match (options.get("unpack"), options.get("widen")) {
                    (Some(pack), _) => Change::Deactivate { pack: code(pack) },
                    (_, Some(accounts)) => Change::Widen { accounts: accounts.parse().unwrap() },
                    _ => match self.pack(platform, &options, by.clone()) {
                        Command::ActivatePack(pack) => {
                            Change::Activate { bundle: pack.bundle, choices: pack.choices }
                        }
                        other => panic!("{other:?} is no activation"),
                    },
                },
                starts: options.get("starts").map(|starts| Millis(START + millis(starts))),
                by: Actor::Operator(code(options.get("by").unwrap_or(&"first"))),
            }),
            "confirm" | "discard" => Command::DecideProposal(DecideProposal {
                platform,
                number: plain[0].parse().unwrap(),
                confirms: plain.get(1).map(|accounts| accounts.parse().unwrap()),
                by: Actor::Operator(code(options.get("by").unwrap_or(&"first"))),
            }),
            "radius" => {
                Command::SetBlastRadius(SetBlastRadius { platform, accounts: plain[0].parse().unwrap(), by })
            }
            "webhook" => Command::SetWebhook(SetWebhook {
                platform,
                id: code(plain[0]),
                url: format!("https://{}", plain[1]).parse().unwrap(),
                kinds: plain[2..].iter().map(|kind| code(kind)).collect(),
                key: options.get("key").map(|number| {
                    Box::new(NewWebhookKey {
                        number: number.parse().unwrap(),
                        commitment: [1; 32],
                        public: [2; 32],
                        former_until: options.get("former").map(|until| Millis(START + millis(until))),
                    })
                }),
                by,
            }),
            "unhook" => Command::RemoveWebhook(RemoveWebhook { platform, id: code(plain[0]), by }),
            "rewind" => Command::RewindWebhook(RewindWebhook {
                platform,
                id: code(plain[0]),
                to: effect_id(plain[1]),
                by,
            }),
            "delivered" => Command::RecordDeliveries(RecordDeliveries {
                platform,
                id: code(plain[0]),
                from: effect_id(plain[1]),
                through: effect_id(plain[2]),
                delivered: options.get("sent").map_or(0, |sent| sent.parse().unwrap()),
                failed: options
                    .get("failed")
                    .map(|id| Retry { id: effect_id(id), attempts: 1, next_at: at })
                    .into_iter()
                    .collect(),
                settled: options.get("settled").map(|id| effect_id(id)).into_iter().collect(),
                given_up: options.get("given_up").map(|id| effect_id(id)).into_iter().collect(),
                gone: options.contains_key("gone"),
            }),
            "unpack" => Command::DeactivatePack(DeactivatePack { platform, pack: code(plain[0]), by }),
            "link" => Command::LinkIdentity(LinkIdentity {
                platform,
                account: account(),
                holder: plain[1].parse().unwrap(),
                fields: plain[2..].iter().map(|field| Field::parse(field).unwrap()).collect(),
                commitment: [options.get("sealed").map_or(9, |seal| seal.parse().unwrap()); 32],
                verified: true,
                kind: HolderKind::parse(options.get("kind").unwrap_or(&"person")).unwrap(),
            }),
            "consent" => Command::Answer(Answer {
                platform,
                account: account(),
                rule,
                round,
                answer: HolderAnswer::Consent {
                    fields: plain[1..].iter().map(|field| Field::parse(field).unwrap()).collect(),
                    text_version: code("v1"),
                },
            }),
            "refuse" | "withdraw" => Command::Answer(Answer {
                platform,
                account: account(),
                rule,
                round,
                answer: if verb == "refuse" { HolderAnswer::Refuse } else { HolderAnswer::Withdraw },
            }),
            "filter" => {
                let ids = |key: &str| {
                    let list = options.get(key).copied().unwrap_or_default();
                    list.split(',').filter(|w| !w.is_empty()).map(|w| AccountId::parse(w).unwrap()).collect()
                };
                let day = |key: &str| followers::Day(options[key].parse().unwrap());
                let criteria = match plain.get(1).copied() {
                    None | Some("all") => FilterCriteria::All(Vec::new()),
                    Some("of") => FilterCriteria::OneOf(ids("of")),
                    Some("created_before") => FilterCriteria::CreatedBefore(day("day")),
                    Some("created_after") => FilterCriteria::CreatedAfter(day("day")),
                    Some("inactive_for") => FilterCriteria::InactiveFor(day("days").0),
                    Some("deep") => (0..40)
                        .fold(FilterCriteria::All(Vec::new()), |part, _| FilterCriteria::Not(Box::new(part))),
                    Some("wide") => FilterCriteria::All(vec![FilterCriteria::All(Vec::new()); 500]),
                    Some(word) => FilterCriteria::Has(followers::Attribute::parse(word).unwrap()),
                };
                Command::Filter(Filter {
                    platform,
                    account: account(),
                    criteria,
                    keep: ids("keep"),
                    order: followers::Order::Newest,
                    leave_at: options.get("leave").map(|left| left.parse().unwrap()),
                    keep_verified: plain.contains(&"keep_verified"),
                    keep_followed: plain.contains(&"keep_followed"),
                    bar_days: options.get("bar").map_or(0, |days| days.parse().unwrap()),
                    by: Actor::Holder,
                })
            }
            "undo" => Command::UndoFilter(UndoFilter {
                platform,
                account: account(),
                filter: plain[1].parse().unwrap(),
                by: Actor::Holder,
            }),
            "appeal" => Command::Appeal(Appeal {
                platform,
                account: account(),
                rule,
                round,
                ground: code("wrong_topic"),
            }),
            "uphold" | "overturn" => Command::DecideAppeal(DecideAppeal {
                platform,
                account: account(),
                rule,
                round,
                ruling: if verb == "uphold" { Ruling::Upheld } else { Ruling::Overturned },
                reason: code("looked_at"),
                legal_basis: code("article_20"),
                by: Actor::Operator(code(options.get("by").unwrap_or(&"second"))),
            }),
            "extend" => Command::ExtendNotice(ExtendNotice {
                platform,
                account: account(),
                rule,
                round,
                until: Millis(START + millis(plain[1])),
                reason: code("abroad"),
                legal_basis: code("terms_4"),
                by,
            }),
            "hold" => Command::Hold(Hold {
                platform,
                account: account(),
                reason: code(plain[1]),
                legal_basis: None,
                by,
            }),
            "release" => Command::Release(Release {
                platform,
                account: account(),
                reason: code(plain[1]),
                legal_basis: None,
                by,
            }),
            "purge" => Command::Purge(Purge {
                platform,
                accounts: plain.iter().map(|word| AccountId::parse(word).unwrap()).collect(),
                by,
            }),
            "replay" | "let_go" => Command::SettleDeadLetters(SettleDeadLetters {
                platform,
                from: plain[0].parse().unwrap(),
                to: plain[1].parse().unwrap(),
                replay: verb == "replay",
                by,
            }),
            "leave" => Command::Leave(Leave { platform, account: account(), by: Actor::Holder }),
            "tick" => Command::Tick,
            other => panic!("no verb `{other}`"),
        }
    }

    fn pack(&mut self, platform: PlatformId, options: &BTreeMap<&str, &str>, by: Actor) -> Command {
        let mut pack = self.pack.clone();
        for (key, value) in options {
            let value = (*value).to_owned();
            match *key {
                "id" => pack.id = value,
                "version" => pack.version = value.parse().unwrap(),
                "threshold" => pack.trigger = format!("metric = \"followers\"\nat_least = {value}"),
                "metric" => pack.trigger = format!("metric = \"{value}\"\nat_least = 3"),
                "last" => pack.trigger = format!("metric = \"sales\"\nlast = \"{value}\"\nat_least = 3"),
                "class" => pack.trigger = format!("class = [\"{value}\"]"),
                "consent" => pack.consent = value == "yes",
                "dwell" => pack.dwell = value,
                "period" => pack.period = value,
                "below" => pack.below = value.replace('_', " ").replace("hide now", "hide_now"),
                "again" => pack.again = value,
                "appeal" => pack.appeal = value,
                "fields" => pack.fields = value.split(',').map(str::to_owned).collect(),
                "viewers" => pack.viewers = value.split(',').map(str::to_owned).collect(),
                "notice" => pack.notice = value,
                "phase" => pack.phase = Some(value),
                "on" | "by" | "starts" => {}
                other => panic!("no setting `{other}`"),
            }
        }
        self.pack = pack.clone();
        Command::ActivatePack(ActivatePack { platform, bundle: pack.bundle(), choices: BTreeMap::new(), by })
    }
}

fn millis(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: i64 = number.parse().unwrap();
    match unit {
        "d" => number * DAY,
        "h" => number * 3_600_000,
        "m" => number * 60_000,
        other => panic!("no unit `{other}`"),
    }
}

fn render(outcome: &Outcome, effects: &[Effect]) -> String {
    let mut out = match &outcome.result {
        Ok(Done::Items { .. }) => {
            outcome.items.iter().map(|item| item.as_str()).collect::<Vec<_>>().join(" ")
        }
        Ok(Done::Applied) => "applied".into(),
        Ok(Done::Unchanged) => "unchanged".into(),
        Ok(Done::Activated { pack, version }) => format!("activated {pack} {version}"),
        Ok(Done::Proposed { number, accounts }) => format!("proposed {number} for {accounts}"),
        Ok(Done::Filtered { removed, left }) => format!("filtered {removed} left {left}"),
        Ok(Done::Restored { restored, count }) => format!("restored {restored} count {count}"),
        Ok(Done::Answered { showing: true, .. }) => "answered, showing".into(),
        Ok(Done::Answered { showing: false, .. }) => "answered".into(),
        Ok(Done::Appealed { .. }) => "applied".into(),
        Ok(Done::Left { forget: None }) => "applied".into(),
        Ok(Done::Left { forget: Some(holder) }) => format!("applied, forget {holder}"),
        Ok(Done::Purged { edges, sets, .. }) => {
            let items = outcome.items.iter().map(|item| item.as_str()).collect::<Vec<_>>().join(" ");
            format!("{items}: {edges} edges of {sets}")
        }
        Ok(Done::DeadLettersSettled { replayed: 0, let_go }) => format!("let go {let_go}"),
        Ok(Done::DeadLettersSettled { .. }) => {
            outcome.items.iter().map(|item| item.as_str()).collect::<Vec<_>>().join(" ")
        }
        Ok(Done::Ticked { moves, .. }) => format!("ticked {moves}"),
        Err(refusal) => refusal.as_str().into(),
    };
    for (index, effect) in effects.iter().enumerate() {
        assert_eq!((effect.id.position, effect.id.index as usize), (outcome.position, index));
        let text = match &effect.kind {
            EffectKind::Crossed { threshold, up, count } => {
                format!("crossed {threshold} {} at {count}", if *up { "up" } else { "down" })
            }
            EffectKind::NoticeDue { due_at, round, .. } => {
                format!("notice_due {}d round {round}", (due_at.0 - START) / DAY)
            }
            EffectKind::NoticeExtended { due_at, .. } => {
                format!("notice_extended {}h", (due_at.0 - START) / 3_600_000)
            }
            EffectKind::Appealed { answer_due_at, .. } => {
                format!("appealed {}d", (answer_due_at.0 - START) / DAY)
            }
            EffectKind::AppealDecided { ruling, .. } => format!("appeal_decided {}", ruling.as_str()),
            EffectKind::Hidden { reason, .. } => format!("hidden {}", reason.as_str()),
            EffectKind::Restricted { reason, consequences, .. } => {
                format!("restricted {} {}", reason.as_str(), consequences.join(","))
            }
            EffectKind::Lifted { consequences, .. } => format!("lifted {}", consequences.join(",")),
            EffectKind::Withdrawn { reason, .. } => format!("withdrawn {}", reason.as_str()),
            EffectKind::Filtered { removed, left, .. } => format!("filtered {removed} left {left}"),
            other => other.as_str().into(),
        };
        let _ = write!(out, " | {} {text}", effect.account);
    }
    out
}
