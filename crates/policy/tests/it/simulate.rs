//! A rule against a population equals the rule against each account.

use std::collections::BTreeMap;

use policy::simulate::{BANDS, Change, Population, SAMPLE_MAX, Turn};
use policy::{ActivePack, ActiveRule, Bundle, Choices, Class, Facts, HolderKind, Millis, Standing};

/// 1 March 2024: every phase of the shipped packs that has a date has begun.
const NOW: Millis = Millis(1_709_251_200_000);

fn shipped() -> Vec<ActivePack> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let mut packs = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.join("pack.toml").is_file() {
            continue;
        }
        let mut files =
            BTreeMap::from([("pack.toml".to_owned(), std::fs::read(path.join("pack.toml")).unwrap())]);
        for rule in std::fs::read_dir(path.join("rules")).unwrap() {
            let rule = rule.unwrap();
            let name = format!("rules/{}", rule.file_name().to_string_lossy());
            files.insert(name, std::fs::read(rule.path()).unwrap());
        }
        let pack = policy::parse(&Bundle::new(files)).unwrap();
        let mut choices = Choices::suggested(&pack);
        for gap in pack.gaps.iter().filter(|gap| gap.suggestion.is_none()) {
            let answers = [
                "apply",
                "2024-01-01",
                "at_activation",
                "7d",
                "verified",
                "profile",
                "hide_now",
                "new_notice",
                "none",
            ];
            let answer = answers.into_iter().find(|answer| gap.takes(answer)).unwrap();
            choices.0.insert(gap.key.clone(), answer.to_owned());
        }
        packs.push(ActivePack::new(pack, &choices, NOW).unwrap());
    }
    packs.sort_by(|a, b| a.id().cmp(b.id()));
    assert!(packs.len() > 10);
    packs
}

/// SplitMix64, so that a failing population can be made again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * u128::from(end)) >> 64) as u64
    }

    fn facts(&mut self) -> Facts {
        let topics = ["finance", "law", "medicine", "daily_life", "politics", "cooking"];
        let followers = [0, 9, 99_999, 100_000, 499_999, 500_000, 999_999, 1_000_000, 1_000_001, 7_000_000];
        let mut facts = Facts { followers: followers[self.below(10) as usize], ..Facts::default() };
        if self.below(3) == 0 {
            return facts;
        }
        facts.class = Class::ALL[self.below(Class::ALL.len() as u64) as usize];
        facts.standing = Standing::ALL[self.below(Standing::ALL.len() as u64) as usize];
        facts.identity_verified = self.below(2) == 0;
        facts.name_shown = self.below(4) == 0;
        facts.holder_kind =
            [None, Some(HolderKind::Person), Some(HolderKind::Organisation)][self.below(3) as usize];
        for _ in 0..self.below(3) {
            facts.topics.insert(topics[self.below(6) as usize].to_owned());
        }
        facts.dominant = facts.topics.first().filter(|_| self.below(2) == 0).cloned();
        if self.below(20) == 0 {
            facts.metrics.insert("sales".to_owned(), self.below(400).cast_signed());
        }
        facts
    }
}

/// Account by account, with nothing kept ahead.
fn naive(accounts: &[Facts], before: Option<&ActiveRule>, after: Option<&ActiveRule>) -> Change {
    let mut change = Change::default();
    for (no, facts) in accounts.iter().enumerate() {
        let holds = |rule: Option<&ActiveRule>| rule.is_some_and(|rule| rule.holds(facts, NOW));
        let (was, is) = (holds(before), holds(after));
        change.before += u64::from(was);
        change.after += u64::from(is);
        if was == is {
            continue;
        }
        let band = BANDS.iter().take_while(|end| u64::from(**end) <= facts.followers).count();
        for both in [
            change.by_class.entry(facts.class).or_default(),
            change.by_topic.entry(facts.dominant.clone()).or_default(),
            &mut change.by_size[band],
        ] {
            *(if is { &mut both.0 } else { &mut both.1 }) += 1;
        }
        *(if is { &mut change.begins } else { &mut change.ends }) += 1;
        let sample = if is { &mut change.sample_begins } else { &mut change.sample_ends };
        if sample.len() < SAMPLE_MAX {
            sample.push(no as u32);
        }
    }
    change
}

fn populated(accounts: &[Facts]) -> Population {
    let mut population = Population::with_capacity(accounts.len());
    for facts in accounts {
        let unknown = Facts { followers: facts.followers, ..Facts::default() };
        if *facts == unknown {
            population.push_unknown(facts.followers as u32);
        } else {
            population.push(facts);
        }
    }
    population
}

#[test]
fn every_shipped_rule_against_every_other_of_its_pack_and_none() {
    let mut random = Random(7);
    let accounts: Vec<Facts> = (0..3_000).map(|_| random.facts()).collect();
    let population = populated(&accounts);
    let packs = shipped();
    let mut began = 0;
    for pack in &packs {
        for rule in pack.rules() {
            for (before, after) in
                [(None, Some(rule)), (Some(rule), None), (pack.rules().first(), Some(rule))]
            {
                let want = naive(&accounts, before, after);
                for threads in [1, 2, 7] {
                    let got = population.change(before, after, NOW, threads);
                    assert_eq!(got, want, "{}/{} on {threads} threads", pack.id(), rule.id);
                }
                began += want.begins;
            }
            let counts = [1_000_000, 0, 500_000, 100_000];
            let reach = population.reach(rule, &counts, NOW);
            for (count, reached) in counts.iter().zip(reach) {
                let scope = |facts: &&Facts| {
                    let any = [0_u64, 99_999, 100_000, 500_000, 1_000_000, 1_000_001, 9_000_000];
                    let at = |followers| rule.holds(&Facts { followers, ..(*facts).clone() }, NOW);
                    facts.followers >= u64::from(*count) && any.into_iter().any(at)
                };
                let want = accounts.iter().filter(scope).count() as u64;
                assert_eq!(reached, want, "{}/{} from {count} on", pack.id(), rule.id);
            }
        }
    }
    assert!(began > 1_000, "hardly any rule began to hold");
}

#[test]
fn whom_several_turns_concern_counts_once() {
    let mut random = Random(11);
    let accounts: Vec<Facts> = (0..3_000).map(|_| random.facts()).collect();
    let population = populated(&accounts);
    let later = Millis(NOW.0 + 400 * 86_400_000);
    let (mut concerned, mut twice) = (0, 0);
    for pack in &shipped() {
        // All rules of the pack at once, each beside the next and beside none, at two moments.
        let rules = pack.rules();
        let turns: Vec<Turn<'_>> = rules
            .iter()
            .enumerate()
            .flat_map(|(nth, rule)| {
                let at = if nth % 2 == 0 { NOW } else { later };
                let turn = |after| Turn { before: Some(rule), after, at, otherwise: nth % 3 == 1 };
                [turn(rules.get(nth + 1)), turn(None)]
            })
            .collect();
        let holds = |rule: Option<&policy::ActiveRule>, facts: &Facts, at| {
            rule.is_some_and(|rule| rule.holds(facts, at))
        };
        let one = |facts: &Facts, turn: &Turn<'_>| {
            let (was, is) = (holds(turn.before, facts, turn.at), holds(turn.after, facts, turn.at));
            was != is || (turn.otherwise && was && is)
        };
        let want = accounts.iter().filter(|facts| turns.iter().any(|turn| one(facts, turn))).count() as u64;
        assert_eq!(population.concerned(&turns), want, "{}", pack.id());
        concerned += want;
        let all = accounts.iter().map(|facts| turns.iter().filter(|turn| one(facts, turn)).count() as u64);
        twice += all.sum::<u64>() - want;
    }
    assert!(concerned > 1_000 && twice > 100, "{concerned} concerned, {twice} of them again");
    assert_eq!(population.concerned(&[]), 0);
}

#[test]
fn nobody_is_a_population() {
    let packs = shipped();
    let rule = packs.first().and_then(|pack| pack.rules().first());
    let nobody = Population::default();
    assert!(nobody.is_empty());
    assert_eq!(nobody.change(None, rule, NOW, 4), Change::default());
    assert_eq!(nobody.reach(rule.unwrap(), &[1, 2], NOW), [0, 0]);
}
