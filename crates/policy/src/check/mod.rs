//! Findings about a pack that parses: rules that can never hold, rules that contradict each other, open gaps.
//!
//! An unfilled `unspecified` is a note and no fault: saying that nobody said is what packs are for.

mod possible;

use std::collections::BTreeSet;

use self::possible::possible;
use crate::diagnostic::{At, Diagnostic, Severity};
use crate::facts::FOLLOWERS;
use crate::pack::{Pack, Phase, Rule, Show, Start, Stated, Test, TestKind};
use crate::parse::MANIFEST;
use crate::words::{Field, Grade, HolderKind, NoticeKind, Status, Viewer};

/// Finds what a pack author should know, in the order of files and lines.
pub fn check(pack: &Pack) -> Vec<Diagnostic> {
    let mut findings = Findings { pack, found: Vec::new() };
    for rule in &pack.rules {
        if findings.reach(rule) {
            findings.phases(rule);
            findings.exemptions(rule);
        }
        findings.shows(rule);
        findings.metrics(rule);
        findings.windows(rule);
    }
    findings.conflicts();
    findings.sources();
    findings.gaps();
    findings.found.sort();
    findings.found
}

struct Findings<'p> {
    pack: &'p Pack,
    found: Vec<Diagnostic>,
}

impl Findings<'_> {
    fn add(&mut self, severity: Severity, at: At, key: &str, message: String, next_step: &str) {
        let file = self.pack.files.get(usize::from(at.file)).map_or(MANIFEST, String::as_str);
        self.found.push(Diagnostic {
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            key: key.to_owned(),
            message,
            next_step: next_step.to_owned(),
            severity,
        });
    }

    /// Rules that no account can meet; false if there is no use in looking closer.
    fn reach(&mut self, rule: &Rule) -> bool {
        if rule.status == Status::Withdrawn {
            let message = format!("`{}` is withdrawn and never holds", rule.id);
            self.add(
                Severity::Note,
                rule.at,
                "status",
                message,
                "keep it for the record, or take the file out",
            );
            return false;
        }
        if !possible(&[(&rule.trigger, true)]) {
            let message = "no account can meet the trigger".to_owned();
            let next = "two of its tests contradict each other: look for the one that was meant otherwise";
            self.add(Severity::Warning, rule.trigger.at, "trigger", message, next);
            return false;
        }
        let applied = rule.exempt.iter().filter(|one| one.applies == Stated::Said(true));
        let exempt: Vec<(&Test, bool)> = applied.map(|one| (&one.when, false)).collect();
        if exempt.is_empty() {
            return true;
        }
        let left = |phase: Option<&Test>| {
            let mut tests = vec![(&rule.trigger, true)];
            tests.extend(phase.map(|phase| (phase, true)));
            tests.extend(exempt.iter().copied());
            possible(&tests)
        };
        let somebody = if rule.phases.is_empty() {
            left(None)
        } else {
            rule.phases.iter().any(|phase| left(Some(&phase.when)))
        };
        if !somebody {
            let message = "the exemptions leave out every account that meets the trigger".to_owned();
            self.add(
                Severity::Warning,
                rule.at,
                "exempt",
                message,
                "narrow the exemptions, or take the rule out",
            );
        }
        true
    }

    /// Phases that no account can meet, and phases that change nothing.
    fn phases(&mut self, rule: &Rule) {
        for phase in &rule.phases {
            let key = format!("phase.{}", phase.id);
            if !possible(&[(&rule.trigger, true), (&phase.when, true)]) {
                let message = "no account can meet the trigger and this phase".to_owned();
                self.add(Severity::Warning, phase.at, &key, message, "compare it with the trigger");
                continue;
            }
            let covered = rule.phases.iter().find(|other| {
                other.id != phase.id
                    && starts_no_later(other, phase)
                    && !possible(&[(&rule.trigger, true), (&phase.when, true), (&other.when, false)])
                    // Of two phases that are the same, only the second is told so.
                    && (other.at < phase.at || !starts_no_later(phase, other))
            });
            if let Some(other) = covered {
                let message = format!("adds nothing: phase `{}` starts no later and covers it", other.id);
                self.add(
                    Severity::Warning,
                    phase.at,
                    &key,
                    message,
                    "take it out, or mend its date or its test",
                );
            }
        }
    }

    fn exemptions(&mut self, rule: &Rule) {
        for exemption in &rule.exempt {
            if !possible(&[(&rule.trigger, true), (&exemption.when, true)]) {
                let message = "leaves nobody out: no account meets the trigger and this".to_owned();
                let key = format!("exempt.{}", exemption.id);
                self.add(
                    Severity::Warning,
                    exemption.at,
                    &key,
                    message,
                    "take it out, or compare it with the trigger",
                );
            }
        }
    }

    fn shows(&mut self, rule: &Rule) {
        let names = rule.shows.iter().any(|show| show.field.is_name());
        let tests = std::iter::once(&rule.trigger)
            .chain(rule.phases.iter().map(|phase| &phase.when))
            .chain(rule.exempt.iter().map(|exemption| &exemption.when));
        for test in tests {
            let mut circle = None;
            test.visit(&mut |test| {
                if names && matches!(test.kind, TestKind::NameShown(_)) {
                    circle = Some(test.at);
                }
            });
            if let Some(at) = circle {
                let message = "a rule that shows a name cannot depend on whether a name is shown".to_owned();
                let next = "put what depends on it into a rule of its own";
                self.add(Severity::Error, at, "name_shown", message, next);
            }
        }
        if names && rule.notice == NoticeKind::Announcement {
            let message =
                "a name is shown after an announcement: no holder has a notice of their own".to_owned();
            let next = "write `kind = \"personal\"` if the source lets you";
            self.add(Severity::Warning, rule.at, "notice.kind", message, next);
        }
        for show in &rule.shows {
            let key = format!("show.{}", show.id);
            let other_kind = matches!(
                (show.field, show.holder),
                (Field::LegalName, Some(HolderKind::Organisation))
                    | (Field::EntityName, Some(HolderKind::Person))
            );
            if other_kind {
                let message = format!("`{}` is a field of the other kind of holder", show.field);
                let next = "persons have a `legal_name`, organisations an `entity_name`";
                self.add(Severity::Warning, show.at, &key, message, next);
            }
            if let Stated::Said(viewers) = &show.viewers
                && viewers.contains(&Viewer::LoggedOut)
                && !viewers.contains(&Viewer::Verified)
            {
                let message = "a visitor who logs out sees more than a verified viewer".to_owned();
                self.add(Severity::Warning, show.at, &format!("{key}.viewers"), message, "add `verified`");
            }
        }
    }

    /// Counts that are probably misspelled.
    fn metrics(&mut self, rule: &Rule) {
        let tests = std::iter::once(&rule.trigger)
            .chain(rule.phases.iter().map(|phase| &phase.when))
            .chain(rule.exempt.iter().map(|exemption| &exemption.when));
        let mut near = Vec::new();
        for test in tests {
            test.visit(&mut |test| {
                if let TestKind::Metric { name, .. } = &test.kind
                    && name != FOLLOWERS
                    && crate::parse::known_words(name, &[FOLLOWERS]).starts_with("did you mean")
                {
                    near.push((test.at, name.clone()));
                }
            });
        }
        for (at, name) in near {
            let message = format!("`{name}` is a count of the platform's own, and nearly `{FOLLOWERS}`");
            self.add(Severity::Warning, at, "metric", message, "did you mean `followers`?");
        }
    }

    /// Windows of a pack whose days are not the days of amounts.
    fn windows(&mut self, rule: &Rule) {
        if self.pack.offset_minutes == 0 {
            return;
        }
        let tests = std::iter::once(&rule.trigger)
            .chain(rule.phases.iter().map(|phase| &phase.when))
            .chain(rule.exempt.iter().map(|exemption| &exemption.when));
        let mut windows = Vec::new();
        for test in tests {
            test.visit(&mut |test| {
                if matches!(test.kind, TestKind::Window(_)) {
                    windows.push(test.at);
                }
            });
        }
        for at in windows {
            let message = "amounts are added up by UTC day, and the pack's days start elsewhere".to_owned();
            let next = "nothing, if some hours at both ends of the window do not matter to the source";
            self.add(Severity::Note, at, "utc_offset", message, next);
        }
    }

    /// Two parts that show the same field to the same viewers in different ways.
    fn conflicts(&mut self) {
        let pack = self.pack;
        let shows: Vec<(&Rule, &Show)> =
            pack.rules.iter().flat_map(|rule| rule.shows.iter().map(move |show| (rule, show))).collect();
        for (at, (rule, show)) in shows.iter().enumerate() {
            let earlier = shows.iter().take(at).find(|(other_rule, other)| {
                show.field == other.field
                    && show.coarse != other.coarse
                    && (show.holder.is_none() || other.holder.is_none() || show.holder == other.holder)
                    && overlap(&show.viewers, &other.viewers)
                    && overlap(&show.surfaces, &other.surfaces)
                    && possible(&[(&rule.trigger, true), (&other_rule.trigger, true)])
            });
            if let Some((other_rule, other)) = earlier {
                let message = format!(
                    "shows `{}` as `{}`, and `{}` shows it as `{}` to some of the same viewers",
                    show.field, show.coarse, other_rule.id, other.coarse
                );
                let key = format!("show.{}", show.id);
                let next = "make the viewers, the surfaces or the triggers differ, or show it in one way";
                self.add(Severity::Warning, show.at, &key, message, next);
            }
        }
    }

    fn sources(&mut self) {
        let pack = self.pack;
        let mut cited = BTreeSet::new();
        for rule in &pack.rules {
            cited.extend(&rule.sources);
            cited.extend(rule.cite.iter().flat_map(|(_, sources)| sources));
            cited.extend(rule.phases.iter().flat_map(|phase| &phase.sources));
            cited.extend(rule.exempt.iter().flat_map(|exemption| &exemption.sources));
            cited.extend(rule.shows.iter().flat_map(|show| &show.sources));
            let tests = std::iter::once(&rule.trigger)
                .chain(rule.phases.iter().map(|phase| &phase.when))
                .chain(rule.exempt.iter().map(|exemption| &exemption.when));
            for test in tests {
                test.visit(&mut |test| cited.extend(&test.sources));
            }
            if rule.sources.iter().all(|id| pack.source(id).is_some_and(|source| source.grade == Grade::Low))
            {
                let message = format!("`{}` rests on sources of grade `low` alone", rule.id);
                self.add(
                    Severity::Note,
                    rule.at,
                    "sources",
                    message,
                    "look for a better source before relying on it",
                );
            }
        }
        let asked: BTreeSet<&String> = pack.gaps.iter().flat_map(|gap| &gap.sources).collect();
        for source in &pack.sources {
            if !cited.contains(&source.id) && !asked.contains(&source.id) {
                let key = format!("source.{}", source.id);
                let message = "nothing in the pack cites it".to_owned();
                self.add(
                    Severity::Warning,
                    source.at,
                    &key,
                    message,
                    "cite it where it matters, or take it out",
                );
            }
        }
    }

    fn gaps(&mut self) {
        for gap in &self.pack.gaps {
            let next = gap.suggestion.as_ref().map_or_else(
                || format!("activation needs {}", gap.allowed()),
                |suggestion| {
                    format!(
                        "activation needs an answer; suggested: `{}`, because {}",
                        suggestion.value, suggestion.why
                    )
                },
            );
            let key = gap.key.strip_prefix(&format!("{}.", gap.rule)).unwrap_or(&gap.key).to_owned();
            self.add(Severity::Note, gap.at, &key, format!("no source says: {}", gap.question), &next);
        }
    }
}

/// True if it is certain, whatever the operator chooses.
fn starts_no_later(phase: &Phase, than: &Phase) -> bool {
    match (&phase.starts, &than.starts) {
        (Stated::Said(Start::NotYet), _) => false,
        (_, Stated::Said(Start::NotYet)) => true,
        (Stated::Said(Start::On(one)), Stated::Said(Start::On(other))) => one <= other,
        (Stated::Said(Start::AtActivation), Stated::Said(Start::AtActivation)) => true,
        _ => false,
    }
}

fn overlap<T: PartialEq>(one: &Stated<Vec<T>>, other: &Stated<Vec<T>>) -> bool {
    match (one, other) {
        (Stated::Said(one), Stated::Said(other)) => one.iter().any(|value| other.contains(value)),
        // Not known before the operator chooses.
        _ => false,
    }
}
