//! The table of what a pack shows: field x viewer x surface. `packs/<id>/matrix.txt` is this table, reviewed as a diff.
//!
//! A value that nobody states stands as `?key`, so that a gap is as visible as a yes or a no.

use std::fmt::Write as _;

use crate::active::{ActivePack, ActiveRule};
use crate::pack::{Pack, Rule, Stated, Test, TestKind};
use crate::time::Length;
use crate::words::{Coarse, Field, HolderKind, NoticeKind, Surface, Viewer};

/// The table of a pack as written; a value nobody states appears as `?key`, the key without the rule's name.
pub fn of_pack(pack: &Pack) -> String {
    let mut out = head(pack);
    for rule in &pack.rules {
        write_rule(&mut out, &Lines::of(rule));
    }
    out
}

/// The table of a pack with its choices made.
pub fn of_active(pack: &ActivePack) -> String {
    let mut out = head(pack.pack());
    for rule in pack.rules() {
        write_rule(&mut out, &Lines::of_active(rule));
    }
    out
}

/// What the table says about one rule, whether its gaps are filled or not.
struct Lines {
    title: String,
    settings: Vec<(&'static str, String)>,
    conditions: Vec<(String, String)>,
    shows: Vec<Row>,
}

struct Row {
    field: Field,
    holder: Option<HolderKind>,
    coarse: Coarse,
    surfaces: Option<Vec<Surface>>,
    viewers: Option<Vec<Viewer>>,
    barred: Vec<Viewer>,
}

impl Lines {
    fn of(rule: &Rule) -> Self {
        let key = |gap: &str| format!("?{}", gap.strip_prefix(&format!("{}.", rule.id)).unwrap_or(gap));
        let text = |stated: Option<String>, gap: Option<&str>| {
            stated.unwrap_or_else(|| gap.map_or_else(String::new, key))
        };
        macro_rules! line {
            ($stated:expr) => {
                text($stated.said().map(|value| value.to_string()), $stated.gap())
            };
        }
        let mut settings =
            vec![("notice", rule.notice.to_string()), ("notice period", line!(rule.notice_period))];
        let personal = rule.notice == NoticeKind::Personal;
        if personal {
            settings.push(("consent", text(rule.consent.said().map(|yes| needed(*yes)), rule.consent.gap())));
            settings.push(("dwell", line!(rule.dwell)));
            settings
                .push(("if refused", text(rule.refused.said().map(|all| words(all)), rule.refused.gap())));
        }
        settings.push(("if silent", text(rule.silent.said().map(|all| words(all)), rule.silent.gap())));
        if personal {
            settings.push(("falling below", line!(rule.below)));
            settings.push(("again", line!(rule.again)));
        }
        settings.push(("removal", line!(rule.removal)));
        settings.push(("appeal", line!(rule.appeal)));
        settings.retain(|(name, value)| has_meaning(name, value, personal, rule.shows.is_empty()));

        let mut conditions = vec![("when".to_owned(), sentence(&rule.trigger))];
        for phase in &rule.phases {
            conditions.push((format!("and from {}", line!(phase.starts)), sentence(&phase.when)));
        }
        for exemption in &rule.exempt {
            let applies = match &exemption.applies {
                Stated::Said(true) => String::new(),
                Stated::Said(false) => " (left out)".to_owned(),
                Stated::Unspecified(gap) => format!(" {}", key(gap)),
            };
            conditions.push((format!("left out as {}{applies}", exemption.kind), sentence(&exemption.when)));
        }
        let apply = rule.apply.gap().map_or_else(String::new, |gap| format!(", {}", key(gap)));
        Self {
            title: format!("{} ({}{apply})", rule.id, rule.status),
            settings,
            conditions,
            shows: rule
                .shows
                .iter()
                .map(|show| Row {
                    field: show.field,
                    holder: show.holder,
                    coarse: show.coarse,
                    surfaces: show.surfaces.said().cloned(),
                    viewers: show.viewers.said().cloned(),
                    barred: show.bars.iter().map(|bar| bar.viewer).collect(),
                })
                .collect(),
        }
    }

    fn of_active(rule: &ActiveRule) -> Self {
        let length = |ms: i64| Length(ms.unsigned_abs()).to_string();
        let personal = rule.notice == NoticeKind::Personal;
        let mut settings =
            vec![("notice", rule.notice.to_string()), ("notice period", length(rule.notice_period_ms))];
        if personal {
            settings
                .push(("consent", if rule.consent_required { "needed" } else { "not needed" }.to_owned()));
            settings.push(("dwell", length(rule.dwell_ms)));
            settings.push(("if refused", words(&rule.consequences_refused)));
        }
        settings.push(("if silent", words(&rule.consequences_silent)));
        if personal {
            settings.push(("falling below", rule.below.to_string()));
            settings.push(("again", rule.again.to_string()));
        }
        settings.push(("removal", length(rule.removal_ms)));
        settings.push(("appeal", rule.appeal.to_string()));
        settings.retain(|(name, value)| has_meaning(name, value, personal, rule.shows.is_empty()));
        let mut conditions = vec![("when".to_owned(), sentence(&rule.trigger))];
        for phase in &rule.phases {
            conditions.push((format!("and from {}", phase.starts_text), sentence(&phase.when)));
        }
        for exemption in &rule.exempt {
            conditions.push((format!("left out as {}", exemption.kind), sentence(&exemption.when)));
        }
        let out_of_force = if rule.in_force { "" } else { ", not in force" };
        Self {
            title: format!("{} ({}{out_of_force})", rule.id, rule.status),
            settings,
            conditions,
            shows: rule
                .shows
                .iter()
                .map(|show| Row {
                    field: show.field,
                    holder: show.holder,
                    coarse: show.coarse,
                    surfaces: Some(show.surfaces.clone()),
                    viewers: Some(show.viewers.clone()),
                    barred: Vec::new(),
                })
                .collect(),
        }
    }
}

fn head(pack: &Pack) -> String {
    format!(
        "{} version {}, language {}, {}\n{}\n",
        pack.id, pack.version, pack.language, pack.status, pack.title
    )
}

fn write_rule(out: &mut String, rule: &Lines) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\nrule {}", rule.title);
    for (what, condition) in &rule.conditions {
        let _ = writeln!(out, "  {what}: {condition}");
    }
    for (name, value) in &rule.settings {
        let _ = writeln!(out, "  {name}: {value}");
    }
    if rule.shows.is_empty() {
        let _ = writeln!(out, "\n  shows nothing");
        return;
    }
    let surfaces: Vec<Option<Surface>> = Surface::ALL.iter().copied().map(Some).chain([None]).collect();
    for surface in surfaces {
        let rows: Vec<&Row> = rule
            .shows
            .iter()
            .filter(|row| match (&row.surfaces, surface) {
                (Some(named), Some(surface)) => named.contains(&surface),
                (None, None) => true,
                _ => false,
            })
            .collect();
        if !rows.is_empty() {
            write_table(out, surface.map_or("?surfaces", Surface::as_str), &rows);
        }
    }
    let named = |surface: &Surface| {
        rule.shows.iter().any(|row| row.surfaces.as_ref().is_none_or(|named| named.contains(surface)))
    };
    let none: Vec<&str> =
        Surface::ALL.iter().filter(|surface| !named(surface)).map(|word| word.as_str()).collect();
    if !none.is_empty() {
        let _ = writeln!(out, "\n  nothing on {}", none.join(", "));
    }
}

fn write_table(out: &mut String, surface: &str, rows: &[&Row]) {
    let mut table = vec![
        std::iter::once(surface.to_owned())
            .chain(Viewer::ALL.iter().map(|viewer| viewer.as_str().to_owned()))
            .collect::<Vec<String>>(),
    ];
    for row in rows {
        let holder = row.holder.map_or_else(String::new, |holder| format!(" ({holder})"));
        let cells = Viewer::ALL.iter().map(|viewer| row.cell(*viewer));
        table.push(std::iter::once(format!("{}{holder}", row.field)).chain(cells).collect());
    }
    let mut widths = [0_usize; 8];
    for line in &table {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.len());
        }
    }
    out.push('\n');
    for line in &table {
        let cells: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
    }
}

impl Row {
    fn cell(&self, viewer: Viewer) -> String {
        let admitted = match &self.viewers {
            None if self.barred.contains(&viewer) => Some(false),
            None => None,
            // A holder sees what others see of them.
            Some(named) => Some(named.contains(&viewer) || viewer == Viewer::Holder),
        };
        match admitted {
            Some(true) => self.coarse.as_str().to_owned(),
            Some(false) => "-".to_owned(),
            None => "?viewers".to_owned(),
        }
    }
}

/// False for a value that no source said because the rule has no use for it.
fn has_meaning(name: &str, value: &str, personal: bool, shows_nothing: bool) -> bool {
    match name {
        "notice period" | "removal" => !shows_nothing,
        "if silent" => personal || value != "none",
        _ => true,
    }
}

fn needed(yes: bool) -> String {
    if yes { "needed" } else { "not needed" }.to_owned()
}

fn words(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A test as one line.
fn sentence(test: &Test) -> String {
    let inside = |tests: &[Test], word: &str| {
        let parts: Vec<String> = tests
            .iter()
            .map(|test| match &test.kind {
                TestKind::All(inner) | TestKind::Any(inner) if inner.len() > 1 => {
                    format!("({})", sentence(test))
                }
                _ => sentence(test),
            })
            .collect();
        parts.join(word)
    };
    match &test.kind {
        TestKind::All(tests) if !tests.is_empty() => inside(tests, " and "),
        TestKind::Any(tests) => inside(tests, " or "),
        TestKind::Not(inner) => format!("not ({})", sentence(inner)),
        TestKind::Window(window) => match &window.test.kind {
            TestKind::All(tests) | TestKind::Any(tests) if tests.len() > 1 => {
                format!("({}) {}", sentence(&window.test), window.words())
            }
            _ => format!("{} {}", sentence(&window.test), window.words()),
        },
        _ => test.words(),
    }
}
