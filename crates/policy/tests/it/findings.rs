//! Every finding, word for word: one change to a good pack each, and what a pack author then reads.
//!
//! The texts are kept in `findings.txt`. To renew it: `NAMEPLATE_BLESS=1 cargo test -p policy`, then read the diff.

use std::fmt::Write as _;

use policy::{Diagnostic, Severity, check, parse};

use crate::sample;

const MANIFEST: &str = "pack.toml";
const RULE: &str = "rules/name.toml";

/// (what is wrong, file, text to replace, text instead)
const CHANGES: &[(&str, &str, &str, &str)] = &[
    ("not TOML at all", MANIFEST, "version = 1", "version ="),
    ("a value that is cut off", RULE, "consent = true", "consent = [true"),
    ("a key twice", RULE, "consent = true", "consent = true\nconsent = true"),
    ("a later language", MANIFEST, "language = 1", "language = 3"),
    ("no language that ever was", MANIFEST, "language = 1", "language = 0"),
    ("no language", MANIFEST, "language = 1\n", ""),
    ("version nought", MANIFEST, "version = 1", "version = 0"),
    ("a version in quotes", MANIFEST, "version = 1", "version = \"1\""),
    ("an id with capitals", MANIFEST, "id = \"sample\"", "id = \"Sample\""),
    ("an empty title", MANIFEST, "title = \"A sample\"", "title = \" \""),
    ("a status nobody knows", MANIFEST, "status = \"announced\"", "status = \"anounced\""),
    ("an offset in words", MANIFEST, "utc_offset = \"+00:00\"", "utc_offset = \"Beijing\""),
    ("a home that is no country", MANIFEST, "language = 1", "language = 1\nhome = \"China\""),
    ("a misspelled key", MANIFEST, "title = ", "titel = "),
    ("a source without an address", MANIFEST, "url = \"https://example.org/press\"\n", ""),
    ("an address that is none", MANIFEST, "https://example.org/press", "example.org/press"),
    ("a source without a grade", MANIFEST, "grade = \"low\"\n", ""),
    ("a grade nobody knows", MANIFEST, "grade = \"low\"", "grade = \"so-so\""),
    ("a day that does not exist", MANIFEST, "date = 2023-10-31", "date = \"2023-02-30\""),
    ("a source that nobody cites", RULE, "below = [\"press\"]", "below = [\"notice\"]"),
    ("an id that is not the file's", RULE, "id = \"name\"", "id = \"names\""),
    ("a rule without sources", RULE, "sources = [\"notice\"]\n", ""),
    ("an empty list of sources", RULE, "sources = [\"notice\"]", "sources = []"),
    ("a source that is not there", RULE, "sources = [\"notice\"]", "sources = [\"notise\"]"),
    ("a source twice", RULE, "sources = [\"notice\"]", "sources = [\"notice\", \"notice\"]"),
    ("cited for what has no sources", RULE, "below = [\"press\"]", "title = [\"press\"]"),
    ("a value nobody states and nobody asks for", RULE, "dwell = \"7d\"", "dwell = \"unspecified\""),
    ("a missing value", RULE, "dwell = \"7d\"\n", ""),
    ("a length without a unit", RULE, "dwell = \"7d\"", "dwell = \"7\""),
    ("a length as a number", RULE, "dwell = \"7d\"", "dwell = 7"),
    ("a number with a fraction", RULE, "at_least = 1_000", "at_least = 1_000.5"),
    ("a number below nought", RULE, "at_least = 1_000", "at_least = -1"),
    ("a number too large", RULE, "at_least = 1_000", "at_least = 9_999_999_999_999_999_999"),
    ("two comparisons", RULE, "at_least = 1_000", "at_least = 1_000, at_most = 2_000"),
    ("no comparison", RULE, "metric = \"followers\", at_least = 1_000", "metric = \"followers\""),
    ("a window on followers", RULE, "at_least = 1_000", "at_least = 1_000, window = \"30d\""),
    ("two tests in one", RULE, "at_least = 1_000 }", "at_least = 1_000, class = [\"media\"] }"),
    ("an unknown test", RULE, "{ metric = \"followers\", at_least = 1_000 }", "{ metrics = \"followers\" }"),
    ("a test of nothing", RULE, "{ metric = \"followers\", at_least = 1_000 }", "{}"),
    ("any of nothing", RULE, "{ metric = \"followers\", at_least = 1_000 }", "{ any = [] }"),
    (
        "tests too deep",
        RULE,
        "{ metric = \"followers\", at_least = 1_000 }",
        "{ not = { not = { not = { not = { not = { not = { not = { not = { all = [] } } } } } } } } }",
    ),
    ("a window in language 1", RULE, "at_least = 1_000", "at_least = 1_000, last = \"30d\""),
    (
        "some followers in language 1",
        RULE,
        "metric = \"followers\", at_least = 1_000",
        "metric = \"followers.active\", at_least = 1",
    ),
    ("a secret that is no number", RULE, "mode = \"any\"", "mode = \"any\"\nsecret = true"),
    ("topics without a mode", RULE, "mode = \"any\"\n", ""),
    ("a topic with a space", RULE, "\"finance\"", "\"high finance\""),
    ("no topic", RULE, "[\"finance\", \"law\"]", "[]"),
    (
        "a class nobody knows",
        RULE,
        "{ topics = [\"daily_life\"], mode = \"dominant\" }",
        "{ class = [\"creators\"] }",
    ),
    ("consent in words", RULE, "consent = true", "consent = \"yes\""),
    ("a word that falls below is not", RULE, "below = \"hide_now\"", "below = \"hide\""),
    ("a grace without a length", RULE, "below = \"hide_now\"", "below = \"grace\""),
    ("an appeal in words", RULE, "appeal = \"15d\"", "appeal = \"soon\""),
    ("a date that is none", RULE, "starts = 2023-11-01", "starts = \"soon\""),
    ("a phase twice", RULE, "id = \"second\"", "id = \"first\""),
    ("a phase without an id", RULE, "id = \"first\"\n", ""),
    ("a phase that is no list", RULE, "[[phase]]\nid = \"first\"", "[phase]\nid = \"first\""),
    ("no notice", RULE, "[notice]\nkind = \"personal\"\nchannels = [\"letter\"]\nperiod = \"30d\"\n", ""),
    ("consent to an announcement", RULE, "kind = \"personal\"", "kind = \"announcement\""),
    ("a field nobody knows", RULE, "field = \"legal_name\"", "field = \"name\""),
    ("a field of language 2", RULE, "field = \"legal_name\"", "field = \"address_area\""),
    ("a name by province", RULE, "coarse = \"full\"", "coarse = \"province\""),
    (
        "the first character of a region",
        RULE,
        "field = \"legal_name\"\ncoarse = \"full\"",
        "field = \"region\"\ncoarse = \"first_character\"",
    ),
    (
        "a viewer both in and out",
        RULE,
        "viewers = [\"verified\"]",
        "viewers = [\"verified\", \"logged_out\"]",
    ),
    ("no viewer", RULE, "viewers = [\"verified\"]", "viewers = []"),
    ("a bar that says nothing", RULE, ", says = \"visitors\"", ""),
    ("a question without its text", RULE, "question = \"When does the second phase start?\"\n", ""),
    ("a question without quotes", RULE, "[ask.\"phase.second.starts\"]", "[ask.phase.second.starts]"),
    ("a suggestion without a reason", RULE, "why = \"nobody says so\"\n", ""),
    ("a suggestion that is no answer", RULE, "suggestion = \"not_yet\"", "suggestion = \"never\""),
    ("a question that is answered", RULE, "starts = \"unspecified\"", "starts = 2024-01-01"),
    ("a rumour nobody asks about", RULE, "status = \"announced\"", "status = \"rumoured\""),
    ("a withdrawn rule", RULE, "status = \"announced\"", "status = \"withdrawn\""),
    (
        "a trigger nobody meets",
        RULE,
        "[trigger]\ntopics = [\"finance\", \"law\"]\nmode = \"any\"",
        "[trigger]\nall = [{ class = [\"media\"] }, { not = { class = [\"media\", \"official\"] } }]",
    ),
    ("a phase nobody meets", RULE, "at_least = 500", "less_than = 0"),
    (
        "a phase that adds nothing",
        RULE,
        "at_least = 1_000 }",
        "at_least = 1_000 }\n\n[[phase]]\nid = \"third\"\nstarts = 2024-01-01\nwhen = { metric = \"followers\", more_than = 2_000 }",
    ),
    (
        "an exemption that leaves nobody out",
        RULE,
        "{ topics = [\"daily_life\"], mode = \"dominant\" }",
        "{ not = { topics = [\"law\", \"finance\"], mode = \"any\" } }",
    ),
    (
        "exemptions that leave nobody",
        RULE,
        "{ topics = [\"daily_life\"], mode = \"dominant\" }",
        "{ metric = \"followers\", at_least = 0 }",
    ),
    (
        "a name that waits for a name",
        RULE,
        "mode = \"dominant\"",
        "mode = \"dominant\" }\nkind = \"exempt\"\n\n[[exempt]]\nid = \"circle\"\nwhen = { name_shown = true",
    ),
    (
        "a legal name of an organisation",
        RULE,
        "field = \"legal_name\"",
        "field = \"legal_name\"\nholder = \"organisation\"",
    ),
    (
        "more for who logs out",
        RULE,
        "viewers = [\"verified\"]\nbars = [{ viewer = \"logged_out\", says = \"visitors\" }]",
        "viewers = [\"logged_out\"]",
    ),
    (
        "nearly followers",
        RULE,
        "metric = \"followers\", at_least = 1_000",
        "metric = \"follower\", at_least = 1_000",
    ),
    (
        "the same field in two ways",
        RULE,
        "bars = [{ viewer = \"logged_out\", says = \"visitors\" }]",
        "\n[[show]]\nid = \"initial\"\nfield = \"legal_name\"\ncoarse = \"first_character\"\nsurfaces = [\"profile\"]\nviewers = [\"verified\"]",
    ),
    ("weak sources alone", RULE, "sources = [\"notice\"]", "sources = [\"press\"]"),
];

fn findings(file: &str, find: &str, replace: &str) -> Vec<Diagnostic> {
    let mut bundle = sample();
    let text = String::from_utf8(bundle.files[file].clone()).unwrap();
    assert!(text.contains(find), "the sample has no {find:?}");
    bundle.files.insert(file.to_owned(), text.replacen(find, replace, 1).into_bytes());
    match parse(&bundle) {
        Ok(pack) => check(&pack),
        Err(found) => found,
    }
}

#[test]
fn the_sample_has_no_finding_but_its_gap() {
    let found = check(&parse(&sample()).unwrap());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].severity, Severity::Note);
    assert_eq!(found[0].key, "phase.second.starts");
}

#[test]
fn every_finding_reads_as_kept() {
    let usual = check(&parse(&sample()).unwrap());
    let mut all = String::new();
    for (name, file, find, replace) in CHANGES {
        let found = findings(file, find, replace);
        let new: Vec<&Diagnostic> =
            found.iter().filter(|one| usual.iter().all(|known| known.message != one.message)).collect();
        assert!(!new.is_empty(), "{name}: nothing found");
        let _ = writeln!(all, "== {name}");
        for one in new {
            let _ = writeln!(all, "{one}");
        }
        all.push('\n');
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/findings.txt");
    if std::env::var_os("NAMEPLATE_BLESS").is_some() {
        std::fs::write(&path, &all).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, all, "renew with NAMEPLATE_BLESS=1 and read the diff");
}

#[test]
fn every_finding_says_what_to_do_next() {
    for (name, file, find, replace) in CHANGES {
        for found in findings(file, find, replace) {
            assert!(!found.next_step.is_empty(), "{name}: {found}");
            assert!(!found.message.ends_with('.'), "{name}: {found}");
        }
    }
}

#[test]
fn files_that_do_not_belong_are_refused() {
    let mut bundle = sample();
    bundle.files.insert("rule/typo.toml".into(), Vec::new());
    let found = parse(&bundle).unwrap_err();
    assert_eq!(
        found[0].to_string(),
        "rule/typo.toml: error: is not a file of a pack\n  help: a pack has `pack.toml`, `rules/*.toml`, \
         `cases/*.toml`, `matrix.txt` and `README.md`"
    );
    let found = parse(&policy::Bundle::default()).unwrap_err();
    assert_eq!(
        found[0].to_string(),
        "pack.toml: error: the file is missing\n  help: every pack has one: see `docs/formats/pack.md`"
    );
    let mut bundle = sample();
    bundle.files.remove(RULE);
    assert!(parse(&bundle).unwrap_err()[0].message.contains("has no rule"));
    let mut bundle = sample();
    bundle.files.insert(RULE.into(), vec![0xff]);
    assert!(parse(&bundle).unwrap_err()[0].message.contains("not UTF-8"));
}
