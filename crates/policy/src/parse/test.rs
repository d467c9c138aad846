//! Tests on facts: `{ metric = "followers", at_least = 1_000_000 }` and what is built of such.

use std::collections::BTreeSet;

use super::reading::given;
use super::{Keys, Value, known_words, sources_of};
use crate::facts::FOLLOWERS;
use crate::pack::{Test, TestKind};
use crate::time::Length;
use crate::words::{Class, Compare, HolderKind, Standing, TopicMode};

/// Tests inside tests at most.
const DEPTH_MAX: usize = 8;
/// Tests in one list at most.
const LIST_MAX: usize = 64;

const KINDS: [&str; 10] = [
    "all",
    "any",
    "not",
    "metric",
    "topics",
    "class",
    "standing",
    "holder",
    "identity_verified",
    "name_shown",
];

/// Reads a test; findings are left in the file.
pub(super) fn test(value: &Value<'_, '_>, known: Option<&BTreeSet<String>>) -> Option<Test> {
    nested(value, known, 1)
}

fn nested(value: &Value<'_, '_>, known: Option<&BTreeSet<String>>, depth: usize) -> Option<Test> {
    let keys = value.keys()?;
    if depth > DEPTH_MAX {
        value.error(format!("tests stand more than {DEPTH_MAX} deep"), "split the rule in two");
        return None;
    }
    let named: Vec<&str> = KINDS.iter().copied().filter(|kind| keys.has(kind)).collect();
    let kind = match named.as_slice() {
        [one] => kind(one, &keys, known, depth),
        [] => {
            let first = keys.entries().first().map(|(key, _)| *key);
            value.error(
                "tests nothing",
                first.map_or_else(
                    || format!("use one of `{}`", KINDS.join("`, `")),
                    |key| known_words(key, &KINDS),
                ),
            );
            return None;
        }
        several => {
            value.error(
                format!("tests several things at once: `{}`", several.join("`, `")),
                "write `all = [{ .. }, { .. }]` if every one has to hold, or `any = [..]`",
            );
            return None;
        }
    };
    let sources = keys.maybe("sources").map_or_else(|| Some(Vec::new()), |value| sources_of(&value, known));
    let note = keys.maybe("note").map(|value| value.text().map(str::to_owned));
    let secret = match &kind {
        Some(TestKind::Metric { .. }) => keys.maybe("secret").map_or(Some(false), |value| value.flag()),
        _ => Some(false),
    };
    let at = keys.at;
    keys.finish();
    Some(Test { kind: kind?, sources: sources?, note: given(note)?, secret: secret?, at })
}

fn kind(
    named: &str,
    keys: &Keys<'_, '_>,
    known: Option<&BTreeSet<String>>,
    depth: usize,
) -> Option<TestKind> {
    match named {
        "all" => list(&keys.maybe("all")?, known, depth).map(TestKind::All),
        "any" => {
            let value = keys.maybe("any")?;
            let tests = list(&value, known, depth)?;
            if tests.is_empty() {
                value.error("nothing can hold any of no tests", "name at least one, or take the test out");
                return None;
            }
            Some(TestKind::Any(tests))
        }
        "not" => nested(&keys.maybe("not")?, known, depth + 1).map(|test| TestKind::Not(Box::new(test))),
        "metric" => metric(keys),
        "topics" => {
            let topics = keys.maybe("topics").and_then(|value| value.names());
            let mode = keys
                .need(
                    "mode",
                    "say `any` if one topic among others is enough, `dominant` if it has to be the main one",
                )
                .and_then(|value| value.word(TopicMode::ALL, TopicMode::parse, TopicMode::as_str));
            Some(TestKind::Topics { mode: mode?, topics: topics? })
        }
        "class" => keys.maybe("class")?.words(Class::ALL, Class::parse, Class::as_str).map(TestKind::Class),
        "standing" => keys
            .maybe("standing")?
            .words(Standing::ALL, Standing::parse, Standing::as_str)
            .map(TestKind::Standing),
        "holder" => keys
            .maybe("holder")?
            .word(HolderKind::ALL, HolderKind::parse, HolderKind::as_str)
            .map(TestKind::Holder),
        "identity_verified" => keys.maybe("identity_verified")?.flag().map(TestKind::IdentityVerified),
        _ => keys.maybe("name_shown")?.flag().map(TestKind::NameShown),
    }
}

fn list(value: &Value<'_, '_>, known: Option<&BTreeSet<String>>, depth: usize) -> Option<Vec<Test>> {
    let items = value.items()?;
    if items.len() > LIST_MAX {
        value.error(format!("has more than {LIST_MAX} tests"), "split the rule in two");
        return None;
    }
    let tests: Vec<Option<Test>> = items.iter().map(|item| nested(item, known, depth + 1)).collect();
    tests.into_iter().collect()
}

fn metric(keys: &Keys<'_, '_>) -> Option<TestKind> {
    let value = keys.maybe("metric")?;
    let name = value.parsed(
        |text| crate::choices::is_name(text).then(|| text.to_owned()),
        "a name",
        "use `a` to `z`, digits and `_`; a window has a key of its own: `window = \"365d\"`",
    );
    let window = keys.maybe("window").map(|window| {
        let length = window.parsed(Length::parse, "a length of time", "write it as in `365d`")?;
        if name.as_deref() == Some(FOLLOWERS) {
            window.error("followers are counted as they stand, without a window", "take `window` out");
            return None;
        }
        Some(length)
    });
    const COMPARES: [&str; 4] = ["at_least", "more_than", "at_most", "less_than"];
    let mut compared = None;
    let mut count = 0;
    for word in COMPARES {
        let Some(number) = keys.maybe(word) else { continue };
        count += 1;
        let compare = Compare::parse(word)?;
        compared = number.number().and_then(|value| {
            if value < 0 {
                number.error(format!("cannot be `{value}`"), "counts are 0 or more");
                return None;
            }
            Some((compare, value))
        });
    }
    if count != 1 {
        value.error(
            "has to be compared with one number",
            "write one of `at_least`, `more_than`, `at_most`, `less_than`; for a range, write two tests in `all`",
        );
        return None;
    }
    let (compare, number) = compared?;
    let name = match window {
        Some(window) => format!("{}.{}", name?, window?),
        None => name?,
    };
    Some(TestKind::Metric { name, compare, number })
}
