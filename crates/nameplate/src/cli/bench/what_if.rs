//! `what_if`: a pack against a population of 100 million accounts, as `POST /v1/admin/packs/simulate` runs it.
//!
//! The facts are generated into memory before the clock runs. The first million accounts are also asked one by one.

use anyhow::{Context, ensure};
use policy::simulate::Population;
use policy::{ActivePack, Choices, Class, Facts, Millis};
use workloads::{Random, Times};

use super::Plan;
use super::row::Row;
use crate::packs;

const ACCOUNTS: u64 = 100_000_000;
const CHECKED: u64 = 1_000_000;
/// 1 March 2024: what the pack has dated has begun.
const NOW: Millis = Millis(1_709_251_200_000);
const PACK: &str = "weibo-2023";

/// Runs the work.
pub(crate) fn simulate(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let pack =
        policy::parse(&packs::find(PACK, None)?).map_err(|_| anyhow::anyhow!("`{PACK}` does not parse"))?;
    let mut choices = Choices::suggested(&pack);
    for gap in pack.gaps.iter().filter(|gap| gap.suggestion.is_none()) {
        let answer = ["apply", "2023-10-31", "15d"].into_iter().find(|answer| gap.takes(answer));
        choices.0.insert(gap.key.clone(), answer.context("a question without an answer")?.to_owned());
    }
    let pack =
        ActivePack::new(pack, &choices, NOW).map_err(|_| anyhow::anyhow!("`{PACK}` is not answered"))?;
    let rule = pack.rules().first().context("a pack without rules")?;

    checked(rule, (CHECKED / u64::from(plan.by)) as usize)?;
    let population = generated((ACCOUNTS / u64::from(plan.by)) as usize, |_| {});
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut times = Times::new();
    for _ in 0..plan.runs {
        let change = times.time(|| population.change(None, Some(rule), NOW, threads));
        ensure!(change.begins == change.after, "a rule that was not there held before");
    }
    let seconds = times.median();
    Ok(vec![
        Row::less(seconds * f64::from(plan.by), "s, one pack on 100 M accounts"),
        Row::more(population.len() as f64 / seconds, "accounts/s"),
    ])
}

/// The same numbers as one account after the other.
fn checked(rule: &policy::ActiveRule, accounts: usize) -> anyhow::Result<()> {
    let mut one_by_one = 0;
    let population = generated(accounts, |facts| one_by_one += u64::from(rule.holds(facts, NOW)));
    let change = population.change(None, Some(rule), NOW, 2);
    ensure!(change.after == one_by_one, "simulated {} and one by one {one_by_one}", change.after);
    Ok(())
}

/// Accounts by a law with a long tail; one of a hundred has facts, and those that have are larger.
fn generated(accounts: usize, mut see: impl FnMut(&Facts)) -> Population {
    let topics = ["finance", "law", "medicine", "daily_life", "cooking", "travel"];
    let mut random = Random::new(2023);
    let mut population = Population::with_capacity(accounts);
    for _ in 0..accounts {
        let draw = random.wide_below(1 << 32) + 1;
        // Twice as large, half as many: few have a million followers.
        let followers = ((1_u64 << 34) / draw).min(100_000_000);
        if random.below(100) > 0 && followers < 1_000_000 {
            let followers = followers.min(u64::from(u32::MAX)) as u32;
            see(&Facts { followers: u64::from(followers), ..Facts::default() });
            population.push_unknown(followers);
            continue;
        }
        let mut facts = Facts { followers, class: Class::Creator, ..Facts::default() };
        facts.identity_verified = random.below(2) == 0;
        for _ in 0..random.below(3) {
            if let Some(topic) = topics.get(random.below(topics.len() as u32) as usize) {
                facts.topics.insert((*topic).to_owned());
            }
        }
        facts.dominant = facts.topics.first().filter(|_| random.below(2) == 0).cloned();
        see(&facts);
        population.push(&facts);
    }
    population
}
