//! The bytes we promise to read for ever: one record a command, in `golden/`.
//!
//! A file that is missing is written; one that differs fails. Never write one anew: what was logged stays logged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use followers::{Attribute, Day, Order};
use policy::{Class, Field, HolderKind, Millis, Standing};
use proptest::prelude::*;
use state::commands::*;
use state::record::{RecordError, decode, encode};
use state::{
    AccountId, Actor, Change, Code, Country, EdgeBatchBuilder, EffectId, HolderId, KeyId, Label, Op,
    PlatformId, RegionName, Retry, Role, Roles, RuleRef, Ruling,
};

fn id(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn platform() -> PlatformId {
    PlatformId::new("demo").unwrap()
}

/// Every command, with every optional part at least once.
fn samples() -> Vec<(&'static str, Command)> {
    let platform = platform();
    let demo = platform.clone();
    let account = id("42");
    let rule = RuleRef { pack: code("weibo-2023"), rule: code("legal-name") };
    let mut batch = EdgeBatchBuilder::new(platform.clone());
    batch.push(Op::Follow, "42", "7", 1_700_000_000_000, None).unwrap();
    batch.push(Op::Unfollow, "ann", "18446744073709551615", 1_700_000_000_250, Some(b"e-1")).unwrap();
    batch.push(Op::Backfill, "42", "bob", 1_600_000_000_000, None).unwrap();
    let mut everything = AccountFacts::new(id("ann"), Millis(5));
    everything.class = Some(Class::Celebrity);
    everything.standing = Some(Standing::Banned);
    everything.identity_verified = Some(true);
    everything.holder_kind = Some(HolderKind::Organisation);
    everything.topics =
        Some(Topics { all: [code("law"), code("finance")].into(), dominant: Some(code("law")) });
    everything.attributes = Some(Attributes::of(&[Attribute::Inactive, Attribute::Private]));
    everything.created = Some(Day(18_000));
    everything.last_active = Some(Day(19_500));
    let answer = |answer| {
        let (platform, account, rule) = (platform.clone(), account.clone(), rule.clone());
        Command::Answer(Answer { platform, account, rule, round: 300, answer })
    };
    vec![
        (
            "appeal",
            Command::Appeal(Appeal {
                platform: platform.clone(),
                account: account.clone(),
                rule: rule.clone(),
                round: 2,
                ground: code("wrong_topic"),
            }),
        ),
        (
            "decide_appeal",
            Command::DecideAppeal(DecideAppeal {
                platform: platform.clone(),
                account: account.clone(),
                rule: rule.clone(),
                round: 2,
                ruling: Ruling::Overturned,
                reason: code("not_that_topic"),
                legal_basis: code("dsa_20"),
                by: Actor::Operator(code("op-2")),
            }),
        ),
        (
            "extend_notice",
            Command::ExtendNotice(ExtendNotice {
                platform: platform.clone(),
                account: account.clone(),
                rule: rule.clone(),
                round: 2,
                until: Millis(1_700_000_000_000),
                reason: code("in_hospital"),
                legal_basis: code("terms_4"),
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "propose_change",
            Command::ProposeChange(ProposeChange {
                platform: platform.clone(),
                change: Change::Deactivate { pack: code("weibo-2023") },
                starts: Some(Millis(1_700_000_000_000)),
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "propose_wider",
            Command::ProposeChange(ProposeChange {
                platform: platform.clone(),
                change: Change::Widen { accounts: 5_000 },
                starts: None,
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "decide_proposal",
            Command::DecideProposal(DecideProposal {
                platform: platform.clone(),
                number: 7,
                confirms: Some(12_345),
                by: Actor::Operator(code("op-2")),
            }),
        ),
        (
            "set_blast_radius",
            Command::SetBlastRadius(SetBlastRadius {
                platform: platform.clone(),
                accounts: 100,
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "set_webhook",
            Command::SetWebhook(SetWebhook {
                platform: platform.clone(),
                id: code("shop"),
                url: "https://shop.example/effects".parse().unwrap(),
                kinds: vec![code("notice_due"), code("shown")],
                key: Some(Box::new(NewWebhookKey {
                    number: 2,
                    commitment: [3; 32],
                    public: [4; 32],
                    former_until: Some(Millis(1_698_796_800_000)),
                })),
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "remove_webhook",
            Command::RemoveWebhook(RemoveWebhook {
                platform: platform.clone(),
                id: code("shop"),
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "rewind_webhook",
            Command::RewindWebhook(RewindWebhook {
                platform: platform.clone(),
                id: code("shop"),
                to: EffectId { position: 7, index: 300 },
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "record_deliveries",
            Command::RecordDeliveries(RecordDeliveries {
                platform: platform.clone(),
                id: code("shop"),
                from: EffectId { position: 7, index: 0 },
                through: EffectId { position: 900, index: 2 },
                delivered: 8,
                failed: vec![Retry {
                    id: EffectId { position: 8, index: 1 },
                    attempts: 3,
                    next_at: Millis(1_698_796_800_000),
                }],
                settled: vec![EffectId { position: 6, index: 0 }],
                given_up: vec![EffectId { position: 5, index: 9 }],
                gone: true,
            }),
        ),
        (
            "register_platform",
            Command::RegisterPlatform(RegisterPlatform {
                platform: platform.clone(),
                title: Label::new("A demo, 演示").unwrap(),
            }),
        ),
        (
            "issue_key",
            Command::IssueKey(IssueKey {
                platform: platform.clone(),
                key_id: KeyId::new("k1").unwrap(),
                sha256: [0xab; 32],
                roles: Roles::of(&[Role::Ingest, Role::Operator]),
                label: Label::new("ingest").unwrap(),
                expires: Some(Millis(1_800_000_000_000)),
            }),
        ),
        (
            "revoke_key",
            Command::RevokeKey(RevokeKey { platform: platform.clone(), key_id: KeyId::new("k1").unwrap() }),
        ),
        (
            "upsert_accounts",
            Command::UpsertAccounts(UpsertAccounts {
                platform: platform.clone(),
                items: vec![everything, AccountFacts::new(account.clone(), Millis(-1))],
            }),
        ),
        ("edges", Command::Edges(batch.build())),
        (
            "set_metrics",
            Command::SetMetrics(SetMetrics {
                platform: platform.clone(),
                items: vec![MetricItem {
                    account: account.clone(),
                    metric: code("sales"),
                    value: -3,
                    at: Millis(9),
                }],
            }),
        ),
        (
            "add_amounts",
            Command::AddAmounts(AddAmounts {
                platform: platform.clone(),
                items: vec![
                    AmountItem {
                        account: id("ann"),
                        metric: code("revenue"),
                        currency: policy::Currency::parse("USD"),
                        amount: Amount::Event {
                            amount: -1_999,
                            at: Millis(1_700_000_000_000),
                            id: "订单 7".parse().unwrap(),
                        },
                    },
                    AmountItem {
                        account: account.clone(),
                        metric: code("sales"),
                        currency: None,
                        amount: Amount::Total { day: policy::Day(19_000), total: 12 },
                    },
                ],
            }),
        ),
        (
            "activate_pack",
            Command::ActivatePack(ActivatePack {
                platform: platform.clone(),
                bundle: b"bundle".to_vec(),
                choices: BTreeMap::from([
                    ("a.below".into(), "hide_now".into()),
                    ("a.dwell".into(), "7d".into()),
                ]),
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "deactivate_pack",
            Command::DeactivatePack(DeactivatePack {
                platform: platform.clone(),
                pack: code("weibo-2023"),
                by: Actor::System,
            }),
        ),
        (
            "link_identity",
            Command::LinkIdentity(LinkIdentity {
                platform: platform.clone(),
                account: account.clone(),
                holder: HolderId::new("h:1").unwrap(),
                // Those of the day the record was pinned; a later one is read back by the property below.
                fields: Field::ALL.iter().copied().filter(|field| *field != Field::AddressArea).collect(),
                commitment: [0xcd; 32],
                verified: true,
                kind: HolderKind::Person,
            }),
        ),
        (
            "answer_consent",
            answer(HolderAnswer::Consent { fields: vec![Field::LegalName], text_version: code("2") }),
        ),
        ("answer_refuse", answer(HolderAnswer::Refuse)),
        ("answer_withdraw", answer(HolderAnswer::Withdraw)),
        (
            "filter",
            Command::Filter(Filter {
                platform: platform.clone(),
                account: account.clone(),
                criteria: FilterCriteria::All(vec![
                    FilterCriteria::Any(vec![
                        FilterCriteria::Has(Attribute::SuspectedBot),
                        FilterCriteria::FollowedBefore(Day(19_000)),
                    ]),
                    FilterCriteria::Not(Box::new(FilterCriteria::FollowedAfter(Day(20_000)))),
                    FilterCriteria::OneOf(vec![id("ann"), id("7")]),
                    FilterCriteria::CreatedBefore(Day(17_000)),
                    FilterCriteria::CreatedAfter(Day(15_000)),
                    FilterCriteria::InactiveFor(180),
                ]),
                keep: vec![id("8")],
                order: Order::Random { seed: 77 },
                leave_at: Some(900_000),
                keep_verified: false,
                keep_followed: true,
                bar_days: 30,
                by: Actor::Holder,
            }),
        ),
        (
            "undo_filter",
            Command::UndoFilter(UndoFilter {
                platform: platform.clone(),
                account: account.clone(),
                filter: 1_000,
                by: Actor::Platform(KeyId::new("k1").unwrap()),
            }),
        ),
        (
            "hold",
            Command::Hold(Hold {
                platform: platform.clone(),
                account: account.clone(),
                reason: code("stalking"),
                legal_basis: None,
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "release",
            Command::Release(Release {
                platform: platform.clone(),
                account: account.clone(),
                reason: code("stalking"),
                legal_basis: None,
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "hold_on_basis",
            Command::Hold(Hold {
                platform: platform.clone(),
                account: account.clone(),
                reason: code("court_order"),
                legal_basis: Some(code("terms_4")),
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "release_on_basis",
            Command::Release(Release {
                platform: platform.clone(),
                account: account.clone(),
                reason: code("court_order"),
                legal_basis: Some(code("terms_5")),
                by: Actor::Operator(code("op-1")),
            }),
        ),
        (
            "leave",
            Command::Leave(Leave { platform: platform.clone(), account: account.clone(), by: Actor::Holder }),
        ),
        (
            "sight_region",
            Command::SightRegion(SightRegion {
                platform,
                items: vec![
                    Sighting {
                        account: account.clone(),
                        region: Some(RegionName::new("Zhejiang").unwrap()),
                        country: Country::new("CN").unwrap(),
                        at: Millis(10),
                        event: code("post"),
                    },
                    Sighting {
                        account,
                        region: None,
                        country: Country::new("us").unwrap(),
                        at: Millis(11),
                        event: code("comment"),
                    },
                ],
            }),
        ),
        ("tick", Command::Tick),
        (
            "purge",
            Command::Purge(Purge {
                platform: demo.clone(),
                accounts: vec![id("42"), id("ann")],
                by: Actor::System,
            }),
        ),
        (
            "settle_dead_letters",
            Command::SettleDeadLetters(SettleDeadLetters {
                platform: demo,
                from: 3,
                to: 300,
                replay: true,
                by: Actor::Operator(code("op-1")),
            }),
        ),
    ]
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.hex"))
}

fn hex(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes
        .chunks(32)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        .collect();
    lines.join("\n") + "\n"
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

#[test]
fn every_record_is_pinned() {
    for (name, command) in samples() {
        let bytes = encode(&command);
        let path = golden(name);
        match std::fs::read_to_string(&path) {
            Ok(pinned) => {
                assert_eq!(hex(&bytes), pinned, "{name} is written as it always was");
                assert_eq!(decode(&unhex(&pinned)), Ok(command), "{name} is read as it always was");
            }
            Err(_) => {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, hex(&bytes)).unwrap();
                panic!("`{}` was missing and is written now: look at it and run again", path.display());
            }
        }
    }
}

#[test]
fn every_command_has_a_golden_record() {
    let words: std::collections::BTreeSet<&str> =
        samples().iter().map(|(_, command)| command.as_str()).collect();
    assert_eq!(words.len(), 30);
}

#[test]
fn a_record_that_is_cut_or_longer_is_refused() {
    for (name, command) in samples() {
        let bytes = encode(&command);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{name} cut at {cut}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode(&longer).is_err(), "{name} with one byte more");
    }
    assert_eq!(decode(&[]), Err(RecordError::Empty));
    assert_eq!(decode(&[2, 17]), Err(RecordError::UnknownVersion(2)));
    assert_eq!(decode(&[1, 99]), Err(RecordError::UnknownCommand(99)));
}

proptest! {
    #[test]
    fn what_can_be_read_is_written_to_the_same_bytes(
        sample in 0usize..21,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = encode(&samples()[sample].1);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(command) = decode(&bytes) {
            prop_assert_eq!(encode(&command), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut record = vec![1];
        record.extend(bytes);
        if let Ok(command) = decode(&record) {
            prop_assert_eq!(encode(&command), record);
        }
    }
}
