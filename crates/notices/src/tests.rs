//! Every text in every language, over every pack that is shipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use policy::{ActivePack, Bundle, Choices, Coarse, Field, Length, Surface, Viewer, parse};

use super::*;
use crate::catalogue::Catalogue;

/// Characters of a paragraph at most: what a mail program and a push message can still show.
const PARAGRAPH_CHARS_MAX: usize = 600;

/// Each message of a file with the variables it names.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in Catalogue::source(language).lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with([' ', '}'])) {
            key = name.to_owned();
            assert!(found.insert(key.clone(), BTreeSet::new()).is_none(), "`{key}` stands twice");
        }
        for part in line.split('$').skip(1) {
            let variable = part.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            found.get_mut(&key).unwrap().insert(variable.to_owned());
        }
    }
    found
}

#[test]
fn every_language_has_the_same_messages_with_the_same_variables() {
    let english = messages(Language::English);
    assert!(english.len() > 60);
    for language in Language::ALL {
        assert_eq!(messages(language), english, "{language:?}");
    }
}

#[test]
fn every_word_of_the_pack_language_is_translated() {
    let english = messages(Language::English);
    let words =
        (Field::ALL.iter().map(|word| format!("field-{word}")))
            .chain(Coarse::ALL.iter().map(|word| format!("coarse-{word}")))
            .chain(Viewer::ALL.iter().map(|word| format!("viewer-{word}")))
            .chain(Surface::ALL.iter().map(|word| format!("surface-{word}")))
            .chain(Kind::ALL.iter().flat_map(|kind| {
                [format!("{}-subject", kind.as_str()), format!("{}-opening", kind.as_str())]
            }));
    for word in words {
        assert!(english.contains_key(&word), "{word}");
    }
}

fn bundle(dir: &Path) -> Bundle {
    fn walk(root: &Path, dir: &Path, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    walk(dir, dir, &mut files);
    Bundle::new(files)
}

fn shipped() -> Vec<ActivePack> {
    let packs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(packs).unwrap() {
        let dir = entry.unwrap().path();
        if dir.join("pack.toml").exists() {
            let pack = parse(&bundle(&dir)).unwrap_or_else(|wrong| panic!("{wrong:?}"));
            let mut choices = Choices::suggested(&pack);
            for gap in choices
                .missing(&pack)
                .iter()
                .filter_map(|one| pack.gaps.iter().find(|gap| gap.key == one.key))
            {
                let answers =
                    gap.options.iter().map(String::as_str).chain(["30d", "at_activation", "no_posting"]);
                let answer = answers.into_iter().find(|answer| gap.takes(answer)).unwrap();
                choices = choices.with(&gap.key, answer);
            }
            found
                .push(ActivePack::new(pack, &choices, Millis(0)).unwrap_or_else(|wrong| panic!("{wrong:?}")));
        }
    }
    found
}

fn about<'a>(pack: &'a ActivePack, rule: &'a ActiveRule, kind: Kind) -> About<'a> {
    About {
        kind,
        account: "a-shop",
        rule_title: &rule.title,
        pack_title: &pack.pack().title,
        offset_minutes: pack.pack().offset_minutes,
        rule: Some(rule),
        holder: None,
        at: Millis(1_698_739_200_000),
        due: Some(Millis(1_699_344_000_000)),
        until: Some(Millis(1_699_344_000_000)),
        surplus: Some(1_234_567),
    }
}

#[test]
fn every_shipped_rule_reads_whole_in_every_language() {
    let packs = shipped();
    assert!(packs.len() >= 12, "{} packs", packs.len());
    for pack in &packs {
        for rule in pack.rules() {
            for (language, kind) in Language::ALL.iter().flat_map(|one| Kind::ALL.map(|kind| (*one, kind))) {
                let text = text(language, &about(pack, rule, kind));
                for paragraph in text.paragraphs.iter().chain([&text.subject]) {
                    let said = format!("{}/{} {language:?}: {paragraph}", pack.id(), rule.id);
                    assert!(!paragraph.contains(['{', '}', '$', '_']), "{said}");
                    assert!((4..=PARAGRAPH_CHARS_MAX).contains(&paragraph.chars().count()), "{said}");
                }
                if kind == Kind::Notice {
                    assert!(text.paragraphs.len() >= rule.shows.len() + 6, "{text:?}");
                }
                assert!(text.version.is_none_or(|version| version.starts_with(language.as_str())));
            }
        }
    }
}

#[test]
fn a_version_names_the_terms_and_nothing_that_changes_from_day_to_day() {
    let packs = shipped();
    let pack = packs.iter().find(|pack| pack.id() == "weibo-2023").unwrap();
    let rule = &pack.rules()[0];
    let first = about(pack, rule, Kind::Notice);
    let version = |about: &About<'_>| text(Language::Chinese, about).version.unwrap();
    let later = About { at: Millis(0), due: None, surplus: None, ..first };
    assert_eq!(version(&first), version(&later));
    let mut other = rule.clone();
    other.shows[0].viewers.push(Viewer::LoggedOut);
    assert_ne!(version(&first), version(&About { rule: Some(&other), ..first }));
    let mut other = rule.clone();
    other.appeal = Appeal::Within(Length::days(3));
    assert_ne!(version(&first), version(&About { rule: Some(&other), ..first }));
    assert_ne!(text(Language::English, &first).version, text(Language::Chinese, &first).version);
    let gone = text(Language::English, &About { rule: None, ..first });
    assert_eq!((gone.version, gone.paragraphs.len()), (None, 5));
}

#[test]
fn numbers_days_and_lists_are_written_as_the_language_does() {
    let check = |language, surplus, day, list, one| {
        let words = Catalogue::of(language);
        assert_eq!(words.counted("distance", 1_234_567), surplus);
        assert_eq!(words.day(Millis(1_698_739_200_000), 480), day);
        assert_eq!(words.list(["1", "2", "3"].into_iter().map(str::to_owned)), list);
        assert_eq!(words.counted("appeal-within", 1), one);
        assert_eq!(words.consequence("a_word_of_a_platform"), "a_word_of_a_platform");
    };
    check(
        Language::English,
        "With 1,234,567 followers fewer the rule would not apply.",
        "31 October 2023, 16:00 (UTC+8)",
        "1, 2 and 3",
        "You can appeal; an appeal is to be answered within 1 day.",
    );
    check(
        Language::Chinese,
        "粉丝减少 1,234,567 人后，该规则将不再适用。",
        "2023年10月31日 16:00（UTC+8）",
        "1、2、3",
        "您可以申诉；申诉应在 1 天内得到答复。",
    );
    check(
        Language::Vietnamese,
        "Nếu bớt 1.234.567 người theo dõi, quy tắc sẽ không áp dụng.",
        "16:00 ngày 31 tháng 10 năm 2023 (UTC+8)",
        "1, 2 và 3",
        "Bạn có thể khiếu nại; khiếu nại phải được trả lời trong vòng 1 ngày.",
    );
}
