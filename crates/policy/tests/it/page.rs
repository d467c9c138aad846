//! The page that describes packs: its examples are a pack, and it names every word of the language.

use policy::{
    Bundle, Class, Coarse, Compare, ExemptKind, Field, Grade, Reason, Severity, Standing, Status, Surface,
    TopicMode, Viewer, cases, check, parse,
};

use crate::packs_dir;

fn page() -> String {
    std::fs::read_to_string(packs_dir().join("../docs/formats/pack.md")).unwrap()
}

fn example() -> Bundle {
    let page = page();
    let blocks: Vec<&str> =
        page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap_or_default()).collect();
    assert_eq!(blocks.len(), 3);
    Bundle::new([("pack.toml", blocks[0]), ("rules/legal-name.toml", blocks[1]), ("cases/a.toml", blocks[2])])
}

#[test]
fn the_examples_are_a_pack_whose_cases_come_out() {
    let pack = parse(&example()).unwrap_or_else(|found| panic!("{found:?}"));
    let found: Vec<String> =
        check(&pack).iter().filter(|one| one.severity != Severity::Note).map(ToString::to_string).collect();
    assert_eq!(found, Vec::<String>::new());
    let report = cases::run(&example()).unwrap_or_else(|found| panic!("{found:?}"));
    assert_eq!((report.passed, report.failures), (1, Vec::new()));
}

#[test]
fn the_page_names_every_word() {
    let page = page();
    let words = [
        Field::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>(),
        Viewer::ALL.iter().map(|word| word.as_str()).collect(),
        Surface::ALL.iter().map(|word| word.as_str()).collect(),
        Coarse::ALL.iter().map(|word| word.as_str()).collect(),
        Class::ALL.iter().map(|word| word.as_str()).collect(),
        Standing::ALL.iter().map(|word| word.as_str()).collect(),
        Status::ALL.iter().map(|word| word.as_str()).collect(),
        Grade::ALL.iter().map(|word| word.as_str()).collect(),
        Compare::ALL.iter().map(|word| word.as_str()).collect(),
        TopicMode::ALL.iter().map(|word| word.as_str()).collect(),
        ExemptKind::ALL.iter().map(|word| word.as_str()).collect(),
        Reason::ALL.iter().map(|word| word.as_str()).collect(),
    ];
    for word in words.iter().flatten() {
        assert!(page.contains(word), "the page does not name `{word}`");
    }
}
