//! The parts of a rule that may come several times: phases, exemptions and what is shown.

use std::collections::BTreeSet;

use super::reading::{Answer, Reading, answer, given};
use super::test::test;
use super::{Keys, Value, id_of, sources_of};
use crate::pack::{Bar, Exemption, GapKind, Phase, Show, Start, Stated};
use crate::words::{Coarse, ExemptKind, Field, HolderKind, Surface, Viewer};

impl Reading<'_> {
    /// Every `[[name]]` of the rule; an id may come once.
    pub(super) fn parts<T>(
        &self,
        keys: &Keys<'_, '_>,
        name: &'static str,
        read: impl Fn(&str, Keys<'_, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(value) = keys.maybe(name) else { return Some(Vec::new()) };
        let mut ids = BTreeSet::new();
        let mut good = true;
        let mut parts = Vec::new();
        for item in value.items()? {
            let Some(keys) = item.keys() else {
                good = false;
                continue;
            };
            // A show may leave its id out: it is then called like its field.
            let id = match keys.maybe("id") {
                Some(id) => id_of(&id),
                None if name == "show" => {
                    keys.maybe("field").and_then(|field| field.peek_text().map(|text| text.replace('_', "-")))
                }
                None => {
                    keys.error(
                        keys.at,
                        "id",
                        "is missing",
                        format!("give each `[[{name}]]` an id of its own"),
                    );
                    None
                }
            };
            let Some(id) = id else {
                good = false;
                continue;
            };
            if !ids.insert(id.clone()) {
                item.error(format!("the id `{id}` comes twice"), "give each its own id");
                good = false;
            }
            match read(&id, keys) {
                Some(part) => parts.push(part),
                None => good = false,
            }
        }
        good.then_some(parts)
    }

    fn own_sources(&self, keys: &Keys<'_, '_>, around: &[String]) -> Option<Vec<String>> {
        keys.maybe("sources").map_or_else(|| Some(around.to_vec()), |value| sources_of(&value, self.known))
    }

    pub(super) fn phase(&self, id: &str, keys: Keys<'_, '_>, around: &[String]) -> Option<Phase> {
        let starts =
            self.stated_as(&keys, "starts", &format!("phase.{id}.starts"), answer(GapKind::Date), |value| {
                value.parsed(
                    Start::parse,
                    "a start",
                    "write a date as in `2023-10-31`, `at_activation` or `not_yet`",
                )
            });
        let when = keys
            .need("when", "say what has to hold in this phase, as in `{ metric = \"followers\", at_least = 1_000_000 }`")
            .and_then(|value| test(&value, self.known));
        let sources = self.own_sources(&keys, around);
        let at = keys.at;
        keys.finish();
        Some(Phase { id: id.to_owned(), starts: starts?, when: when?, sources: sources?, at })
    }

    pub(super) fn exemption(&self, id: &str, keys: Keys<'_, '_>, around: &[String]) -> Option<Exemption> {
        let when =
            keys.need("when", "say which accounts are left out").and_then(|value| test(&value, self.known));
        let kind = keys
            .need("kind", "say `exempt`, or `substituted` if something else is shown in its place")
            .and_then(|value| value.word(ExemptKind::ALL, ExemptKind::parse, ExemptKind::as_str));
        let applies = if keys.has("applies") {
            let key = format!("exempt.{id}.applies");
            self.stated_as(&keys, "applies", &key, answer(GapKind::Apply), |value| {
                value.parsed(crate::active::apply, "`apply` or `leave_out`", "write one of the two")
            })
        } else {
            keys.maybe("applies");
            Some(Stated::Said(true))
        };
        let sources = self.own_sources(&keys, around);
        let at = keys.at;
        keys.finish();
        Some(Exemption {
            id: id.to_owned(),
            when: when?,
            kind: kind?,
            applies: applies?,
            sources: sources?,
            at,
        })
    }

    pub(super) fn show(&self, id: &str, keys: Keys<'_, '_>, around: &[String]) -> Option<Show> {
        let field = keys.need("field", "say which field is shown, such as `legal_name`").and_then(|value| {
            let field = value.word(Field::ALL, Field::parse, Field::as_str)?;
            value.needs(field.since()).then_some(field)
        });
        let holder = keys
            .maybe("holder")
            .map(|value| value.word(HolderKind::ALL, HolderKind::parse, HolderKind::as_str));
        let coarse = keys
            .need("coarse", "say how coarsely it is shown, such as `full`")
            .and_then(|value| value.word(Coarse::ALL, Coarse::parse, Coarse::as_str));
        let surfaces = Answer {
            kind: GapKind::Surfaces,
            options: Surface::ALL.iter().map(|word| word.as_str()).collect(),
        };
        let surfaces = self.stated_as(&keys, "surfaces", &format!("show.{id}.surfaces"), surfaces, |value| {
            value.words(Surface::ALL, Surface::parse, Surface::as_str)
        });
        let bars = keys.maybe("bars").map_or_else(|| Some(Vec::new()), |value| bars(&value));
        let barred = |viewer: Viewer| bars.iter().flatten().any(|bar| bar.viewer == viewer);
        let admitted =
            Viewer::ALL.iter().filter(|viewer| !barred(**viewer)).map(|word| word.as_str()).collect();
        let viewers = Answer { kind: GapKind::Viewers, options: admitted };
        let viewers = self.stated_as(&keys, "viewers", &format!("show.{id}.viewers"), viewers, |value| {
            let viewers = value.words(Viewer::ALL, Viewer::parse, Viewer::as_str)?;
            let both = viewers.iter().find(|viewer| barred(**viewer));
            if let Some(both) = both {
                value.error(
                    format!("`{both}` is let in here and barred under `bars`"),
                    "a viewer is one or the other: go by what the source says",
                );
                return None;
            }
            Some(viewers)
        });
        let sources = self.own_sources(&keys, around);
        if let (Some(field), Some(coarse)) = (field, coarse) {
            fits(&keys, field, coarse);
        }
        let at = keys.at;
        keys.finish();
        Some(Show {
            id: id.to_owned(),
            field: field?,
            holder: given(holder)?,
            coarse: coarse?,
            surfaces: surfaces?,
            viewers: viewers?,
            bars: bars?,
            sources: sources?,
            at,
        })
    }
}

/// Says so if a field cannot be shown that coarsely.
fn fits(keys: &Keys<'_, '_>, field: Field, coarse: Coarse) {
    let (fits, next) = match coarse {
        Coarse::Full => (true, ""),
        Coarse::FirstCharacter => (!field.is_place(), "use `full`, `province` or `country`"),
        // An address is one text that nobody can cut safely. Language 1 let a pack say it, and shows nothing then.
        Coarse::Province | Coarse::Country if field == Field::Address => {
            (keys.language() < 2, "show `address_area` as `full`")
        }
        Coarse::Province | Coarse::Country => (field.is_place(), "use `full` or `first_character`"),
    };
    if !fits {
        let at = keys.maybe("coarse").map_or(keys.at, |value| value.at);
        keys.error(at, "coarse", format!("`{field}` has no `{coarse}`"), next);
    }
}

fn bars(value: &Value<'_, '_>) -> Option<Vec<Bar>> {
    let mut bars = Vec::new();
    let mut good = true;
    for item in value.items()? {
        let Some(keys) = item.keys() else {
            good = false;
            continue;
        };
        let viewer = keys
            .need("viewer", "say which class of viewers is barred")
            .and_then(|value| value.word(Viewer::ALL, Viewer::parse, Viewer::as_str));
        let says =
            keys.need("says", "say in your own words whom the source bars").and_then(|value| value.text());
        keys.finish();
        match (viewer, says) {
            (Some(viewer), Some(says)) => bars.push(Bar { viewer, says: says.to_owned() }),
            _ => good = false,
        }
    }
    good.then_some(bars)
}
