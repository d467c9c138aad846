//! What must be reached, in one table, and whether it is.

use serde_json::Value;

/// What is asked of one figure.
pub(super) struct Target {
    pub(super) work: &'static str,
    pub(super) unit: &'static str,
    asks: Asks,
}

enum Asks {
    AtLeast(f64),
    AtMost(f64),
    /// So many times better than this peer, in the same run.
    Times(f64, &'static str),
    /// So many times better than every peer that was measured.
    TimesAll(f64),
}

use Asks::{AtLeast, AtMost, Times, TimesAll};

const TARGETS: &[Target] = &[
    target("filter", "ms p50", AtMost(25.0)),
    target("filter", "ms p99", AtMost(60.0)),
    target("activate", "times the p99 of a commit", AtMost(2.0)),
    target("filter", "ms p50", Times(35.0, "sqlite")),
    target("filter", "ms p50", Times(100.0, "redis-everysec")),
    target("filter", "ms p50", Times(100.0, "postgres")),
    target("filter", "ms p50", Times(5.0, "duckdb")),
    target("growth", "ms p50, filter of 100 M followers", AtMost(300.0)),
    target("filter_reads", "p99 during / p99 in quiet", AtMost(1.5)),
    target("filter_reads", "ms worst read of a filter", AtMost(0.5)),
    target("preview", "ms p50", AtMost(12.0)),
    target("load", "edges/s", AtLeast(15e6)),
    target("load", "edges/s", Times(3.0, "fjall")),
    target("import_csv", "rows/s", AtLeast(2e6)),
    target("stream_10k", "events/s", AtLeast(2e6)),
    target("stream_10k", "events/s", TimesAll(10.0)),
    target("stream_10k_http", "events/s", AtLeast(600e3)),
    target("stream_100", "events/s", AtLeast(250e3)),
    target("single_http", "requests/s", Times(0.5, "bare reply")),
    target("single_http", "requests/s", Times(1.0, "redis-always")),
    target("memory", "B/edge, follower side", AtMost(4.7)),
    target("snapshot", "B/edge", AtMost(3.5)),
    target("count", "reads/s by number", AtLeast(10e6)),
    target("is_follower", "reads/s by number", AtLeast(5e6)),
    target("page", "us, 100 newest by number", AtMost(20.0)),
    target("what_if", "s, one pack on 100 M accounts", AtMost(1.0)),
    target("notices", "s, 100,000 due notices to an endpoint", AtMost(60.0)),
    target("restart", "s to the first read", AtMost(1.0)),
    target("restart", "events/s replayed", AtLeast(2e6)),
];

/// A hundred times the edges may cost this much more than a hundred times as much: small graphs fit into caches.
const GROWTH_MAX: f64 = 3.0;
/// The three costs that grow, as their units at 1 M and at 100 M, and whether the figure is a rate.
const GROWTH: [(&str, &str, bool); 3] = [
    ("edges/s, load of 1 M", "edges/s, load of 100 M", true),
    ("events/s, stream into 1 M", "events/s, stream into 100 M", true),
    ("ms p50, filter of 1 M followers", "ms p50, filter of 100 M followers", false),
];

const fn target(work: &'static str, unit: &'static str, asks: Asks) -> Target {
    Target { work, unit, asks }
}

/// Whether one target holds.
pub(super) struct Finding {
    pub(super) work: &'static str,
    pub(super) unit: &'static str,
    /// The target in words, as in `at most 25`.
    pub(super) asked: String,
    pub(super) reached: f64,
    pub(super) holds: bool,
}

/// Every target against what was measured; what was not measured does not hold.
pub(super) fn check(lines: &[Value]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = TARGETS.iter().map(|target| one(target, lines)).collect();
    for (small, large, rate) in GROWTH {
        let value = |unit: &str| line(lines, "growth", unit).and_then(|line| line["value"].as_f64());
        let cost = match (value(small), value(large), rate) {
            (Some(small), Some(large), true) => small / large,
            (Some(small), Some(large), false) => large / small / 100.0,
            _ => f64::NAN,
        };
        findings.push(Finding {
            work: "growth",
            unit: large,
            asked: format!("an edge costs at most {GROWTH_MAX} times what it costs at 1 M"),
            reached: cost,
            holds: cost <= GROWTH_MAX,
        });
    }
    findings
}

/// Targets of one work that do not hold.
pub(super) fn misses(lines: &[Value], work: &str) -> usize {
    check(lines).iter().filter(|finding| finding.work == work && !finding.holds).count()
}

fn line<'a>(lines: &'a [Value], work: &str, unit: &str) -> Option<&'a Value> {
    lines.iter().find(|line| line["work"] == work && line["unit"] == unit)
}

fn one(target: &Target, lines: &[Value]) -> Finding {
    let Target { work, unit, asks } = target;
    let value = line(lines, work, unit).and_then(|line| line["value"].as_f64()).unwrap_or(f64::NAN);
    let ratios = |peer: Option<&str>| -> Vec<f64> {
        lines
            .iter()
            .filter(|line| line["work"] == *work && line["unit"] == *unit)
            .filter(|line| peer.is_none_or(|peer| line["peer"] == peer))
            .filter_map(|line| line["ratio"].as_f64())
            .collect()
    };
    let lowest = |ratios: Vec<f64>| ratios.into_iter().reduce(f64::min).unwrap_or(f64::NAN);
    let (asked, reached, holds) = match asks {
        AtLeast(bound) => (format!("at least {}", short(*bound)), value, value >= *bound),
        AtMost(bound) => (format!("at most {}", short(*bound)), value, value <= *bound),
        Times(bound, peer) => {
            let ratio = lowest(ratios(Some(peer)));
            (format!("at least {bound} x {peer}"), ratio, ratio >= *bound)
        }
        TimesAll(bound) => {
            let ratio = lowest(ratios(None));
            (format!("at least {bound} x the best peer"), ratio, ratio >= *bound)
        }
    };
    Finding { work, unit, asked, reached, holds }
}

/// A figure for people: thousands and millions by their letters.
pub(super) fn short(value: f64) -> String {
    match value {
        1e7.. => format!("{:.1} M", value / 1e6),
        1e6.. => format!("{:.2} M", value / 1e6),
        1e3.. => format!("{:.0} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn finding(lines: &[Value], asked: &str) -> bool {
        check(lines).iter().find(|finding| finding.asked == asked).unwrap().holds
    }

    #[test]
    fn a_target_holds_at_its_bound_and_not_beyond() {
        let filter = |value: f64, ratio: f64| {
            [json!({ "work": "filter", "unit": "ms p50", "value": value, "peer": "sqlite", "ratio": ratio })]
        };
        assert!(finding(&filter(25.0, 35.0), "at most 25.0"));
        assert!(!finding(&filter(25.1, 35.0), "at most 25.0"));
        assert!(finding(&filter(25.0, 35.0), "at least 35 x sqlite"));
        assert!(!finding(&filter(25.0, 34.9), "at least 35 x sqlite"));
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        assert!(check(&[]).iter().all(|finding| !finding.holds));
    }

    #[test]
    fn the_best_peer_decides() {
        let line = |peer: &str, ratio: f64| json!({ "work": "stream_10k", "unit": "events/s", "value": 1.0, "peer": peer, "ratio": ratio });
        let asked = "at least 10 x the best peer";
        assert!(finding(&[line("a", 20.0), line("b", 10.0)], asked));
        assert!(!finding(&[line("a", 20.0), line("b", 9.0)], asked));
    }

    #[test]
    fn growth_is_linear_when_an_edge_costs_the_same_at_every_size() {
        let line = |unit: &str, value: f64| json!({ "work": "growth", "unit": unit, "value": value });
        let filters = |small: f64, large: f64| {
            [line("ms p50, filter of 1 M followers", small), line("ms p50, filter of 100 M followers", large)]
        };
        let holds = |lines: &[Value]| check(lines).last().unwrap().holds;
        assert!(holds(&filters(2.0, 200.0)));
        assert!(holds(&filters(2.0, 600.0)));
        assert!(!holds(&filters(2.0, 601.0)));
    }
}
