//! A pack at work: every `unspecified` replaced by the operator's choice, every date turned into an instant.
//!
//! Each value keeps its origin, so that nothing the operator chose can pass for something a source says.

use crate::choices::{Choices, MissingChoice, list};
use crate::pack::{Appeal, Bar, Below, Exemption, Pack, Phase, Rule, Show, Start, Stated, Test};
use crate::time::{Length, Millis};
use crate::words::{Again, Coarse, ExemptKind, Field, HolderKind, NoticeKind, Status, Surface, Viewer};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// These sources of the pack say so.
    Source(Vec<String>),
    /// No source says; the operator chose.
    Operator,
}

/// One value of a rule with its origin, as text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key inside the rule, as in `notice.period`.
    pub key: String,
    /// The value, as a pack or a choice would write it.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// A pack with all its choices made.
#[derive(Clone, Debug)]
pub struct ActivePack {
    pack: Pack,
    choices: Choices,
    from: Millis,
    rules: Vec<ActiveRule>,
    // Most packs have no rule that looks at names shown by others; they skip that look entirely.
    pub(crate) looks_at_names: bool,
}

/// A rule with nothing left open.
#[derive(Clone, Debug)]
pub struct ActiveRule {
    /// Name inside the pack.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// How far the rule has come.
    pub status: Status,
    /// False if the rule was taken back, or was rumoured and the operator left it out: then it never holds.
    pub in_force: bool,
    /// How holders learn of it.
    pub notice: NoticeKind,
    /// By which ways a personal notice goes out.
    pub channels: Vec<String>,
    /// From the notice to the earliest showing, in milliseconds.
    pub notice_period_ms: i64,
    /// How long the trigger must hold before a case starts, in milliseconds.
    pub dwell_ms: i64,
    /// Nothing is shown before the holder agrees, field by field.
    pub consent_required: bool,
    /// What is shown to whom.
    pub shows: Vec<ActiveShow>,
    /// What the platform does if the holder refuses.
    pub consequences_refused: Vec<String>,
    /// What the platform does if the holder does not answer.
    pub consequences_silent: Vec<String>,
    /// What happens when the trigger stops holding.
    pub below: Below,
    /// What a second crossing needs.
    pub again: Again,
    /// How soon a withdrawn field must be gone from copies the platform keeps, in milliseconds.
    pub removal_ms: i64,
    /// Whether and how soon an appeal is answered.
    pub appeal: Appeal,
    /// What the rule rests on.
    pub sources: Vec<String>,
    /// Every value that a source could have stated, with its origin, in the order of keys.
    pub settings: Vec<Setting>,
    /// The pack's activation; an announcement counts from here.
    pub active_from: Millis,
    pub(crate) trigger: Test,
    pub(crate) trigger_sources: Vec<String>,
    pub(crate) phases: Vec<ActivePhase>,
    pub(crate) exempt: Vec<ActiveExemption>,
    // Asked for every account that moved.
    pub(crate) looks_at_ledgers: bool,
}

/// A phase with its start as an instant.
#[derive(Clone, Debug)]
pub struct ActivePhase {
    /// Name inside the rule.
    pub id: String,
    /// When it starts; `None` if nobody has said that it does.
    pub starts: Option<Millis>,
    /// The start as written.
    pub starts_text: String,
    /// Who says so.
    pub origin: Origin,
    pub(crate) when: Test,
    pub(crate) sources: Vec<String>,
}

/// An exemption that is applied.
#[derive(Clone, Debug)]
pub struct ActiveExemption {
    /// Name inside the rule.
    pub id: String,
    /// In which sense.
    pub kind: ExemptKind,
    /// Who says that it applies.
    pub origin: Origin,
    pub(crate) when: Test,
    pub(crate) sources: Vec<String>,
}

/// One field shown to some viewers on some surfaces.
#[derive(Clone, Debug)]
pub struct ActiveShow {
    /// Name inside the rule.
    pub id: String,
    /// What is shown.
    pub field: Field,
    /// For which kind of holder; both if `None`.
    pub holder: Option<HolderKind>,
    /// How coarsely.
    pub coarse: Coarse,
    /// Where, in the order of [`Surface::ALL`]; never empty.
    pub surfaces: Vec<Surface>,
    /// To whom, in the order of [`Viewer::ALL`]; never empty.
    pub viewers: Vec<Viewer>,
    /// The bars the source names.
    pub bars: Vec<Bar>,
    /// Who says where and to whom; [`Origin::Operator`] if the operator chose any part of it.
    pub origin: Origin,
}

impl ActivePack {
    /// Fills every gap with a choice.
    ///
    /// `notice_from` is the instant of activation: announcements and phases `at_activation` count from it.
    ///
    /// # Errors
    /// Every gap without a usable answer and every answer without a gap.
    pub fn new(pack: Pack, choices: &Choices, notice_from: Millis) -> Result<Self, Vec<MissingChoice>> {
        let missing = choices.missing(&pack);
        if !missing.is_empty() {
            return Err(missing);
        }
        let resolve = Resolve { choices, from: notice_from, offset_minutes: pack.offset_minutes };
        let rules: Vec<ActiveRule> = pack.rules.iter().map(|rule| resolve.rule(rule)).collect();
        let looks_at_names = rules.iter().any(ActiveRule::looks_at_names);
        Ok(Self { pack, choices: choices.clone(), from: notice_from, rules, looks_at_names })
    }

    /// The pack as written.
    pub const fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The pack's name.
    pub fn id(&self) -> &str {
        &self.pack.id
    }

    /// The operator's choices.
    pub const fn choices(&self) -> &Choices {
        &self.choices
    }

    /// The instant of activation.
    pub const fn active_from(&self) -> Millis {
        self.from
    }

    /// The rules, in the order of the pack; [`CaseView::rule`](crate::CaseView::rule) is an index into them.
    pub fn rules(&self) -> &[ActiveRule] {
        &self.rules
    }

    /// A rule and its index by name.
    pub fn rule(&self, id: &str) -> Option<(usize, &ActiveRule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.id == id)
    }

    /// The earliest instant after `after` at which a rule starts to hold or to show by time alone.
    pub fn next_start(&self, after: Millis) -> Option<Millis> {
        self.rules.iter().filter_map(|rule| rule.next_start(after)).min()
    }
}

struct Resolve<'a> {
    choices: &'a Choices,
    from: Millis,
    offset_minutes: i32,
}

impl Resolve<'_> {
    /// The stated value, or the operator's answer read by `parse`; the answer was checked before.
    fn value<T: Clone>(&self, stated: &Stated<T>, parse: impl Fn(&str) -> Option<T>, otherwise: T) -> T {
        match stated {
            Stated::Said(value) => value.clone(),
            Stated::Unspecified(key) => {
                let answer = self.choices.0.get(key).and_then(|answer| parse(answer));
                debug_assert!(answer.is_some(), "`{key}` was checked by `Choices::missing`");
                answer.unwrap_or(otherwise)
            }
        }
    }

    fn origin<T>(stated: &Stated<T>, sources: &[String]) -> Origin {
        match stated {
            Stated::Said(_) => Origin::Source(sources.to_vec()),
            Stated::Unspecified(_) => Origin::Operator,
        }
    }

    // The fallbacks below are never reached after `Choices::missing`; each is the one that shows least.
    fn rule(&self, rule: &Rule) -> ActiveRule {
        let length = |stated| self.value(stated, Length::parse, crate::time::LENGTH_MAX);
        let refused = self.value(&rule.refused, consequences, Vec::new());
        let silent = self.value(
            &rule.silent,
            |answer| if answer == "same_as_refused" { Some(refused.clone()) } else { consequences(answer) },
            Vec::new(),
        );
        let mut active = ActiveRule {
            id: rule.id.clone(),
            title: rule.title.clone(),
            status: rule.status,
            in_force: rule.status != Status::Withdrawn && self.value(&rule.apply, apply, false),
            notice: rule.notice,
            channels: rule.channels.clone(),
            notice_period_ms: length(&rule.notice_period).0.cast_signed(),
            dwell_ms: length(&rule.dwell).0.cast_signed(),
            consent_required: self.value(&rule.consent, apply, true),
            shows: rule.shows.iter().map(|show| self.show(show)).collect(),
            consequences_refused: refused,
            consequences_silent: silent,
            below: self.value(&rule.below, Below::parse, Below::HideNow),
            again: self.value(&rule.again, Again::parse, Again::NewNotice),
            removal_ms: length(&rule.removal).0.cast_signed(),
            appeal: self.value(&rule.appeal, Appeal::parse, Appeal::NoWay),
            sources: rule.sources.clone(),
            settings: Vec::new(),
            active_from: self.from,
            trigger: rule.trigger.clone(),
            trigger_sources: rule.sources_of("trigger").to_vec(),
            phases: rule.phases.iter().map(|phase| self.phase(phase)).collect(),
            exempt: rule.exempt.iter().filter_map(|one| self.exemption(one)).collect(),
            looks_at_ledgers: false,
        };
        active.looks_at_ledgers = active.has_windows();
        active.settings = Self::settings(rule, &active);
        active
    }

    fn show(&self, show: &Show) -> ActiveShow {
        let mut surfaces = self.value(&show.surfaces, |answer| list(answer, Surface::parse), Vec::new());
        let mut viewers = self.value(&show.viewers, |answer| list(answer, Viewer::parse), Vec::new());
        surfaces.sort_unstable();
        viewers.sort_unstable();
        let origin = match (&show.surfaces, &show.viewers) {
            (Stated::Said(_), Stated::Said(_)) => Origin::Source(show.sources.clone()),
            _ => Origin::Operator,
        };
        ActiveShow {
            id: show.id.clone(),
            field: show.field,
            holder: show.holder,
            coarse: show.coarse,
            surfaces,
            viewers,
            bars: show.bars.clone(),
            origin,
        }
    }

    fn phase(&self, phase: &Phase) -> ActivePhase {
        let start = self.value(&phase.starts, Start::parse, Start::NotYet);
        ActivePhase {
            id: phase.id.clone(),
            starts: match start {
                Start::AtActivation => Some(self.from),
                Start::On(date) => Some(date.starts_at(self.offset_minutes)),
                Start::NotYet => None,
            },
            starts_text: start.to_string(),
            origin: Self::origin(&phase.starts, &phase.sources),
            when: phase.when.clone(),
            sources: phase.sources.clone(),
        }
    }

    fn exemption(&self, exemption: &Exemption) -> Option<ActiveExemption> {
        self.value(&exemption.applies, apply, true).then(|| ActiveExemption {
            id: exemption.id.clone(),
            kind: exemption.kind,
            origin: Self::origin(&exemption.applies, &exemption.sources),
            when: exemption.when.clone(),
            sources: exemption.sources.clone(),
        })
    }

    fn settings(rule: &Rule, active: &ActiveRule) -> Vec<Setting> {
        let length = |ms: i64| Length(ms.unsigned_abs()).to_string();
        let words = |words: &[String]| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        let personal = rule.notice == NoticeKind::Personal;
        let mut settings = vec![
            Setting::new(rule, "again", active.again.to_string(), rule.again.gap()),
            Setting::new(rule, "appeal", active.appeal.to_string(), rule.appeal.gap()),
            Setting::new(rule, "below", active.below.to_string(), rule.below.gap()),
            Setting::new(rule, "consent", yes_no(active.consent_required), rule.consent.gap()),
            Setting::new(rule, "dwell", length(active.dwell_ms), rule.dwell.gap()),
            Setting::new(rule, "notice.kind", active.notice.to_string(), None),
            Setting::new(rule, "notice.period", length(active.notice_period_ms), rule.notice_period.gap()),
            Setting::new(rule, "refused", words(&active.consequences_refused), rule.refused.gap()),
            Setting::new(rule, "removal", length(active.removal_ms), rule.removal.gap()),
            Setting::new(rule, "silent", words(&active.consequences_silent), rule.silent.gap()),
        ];
        // What the rule has no use for, no source said.
        settings.retain(|one| match one.key.as_str() {
            "again" | "below" | "consent" | "dwell" | "refused" => personal,
            "silent" => personal || !active.consequences_silent.is_empty(),
            "notice.period" | "removal" => !active.shows.is_empty(),
            _ => true,
        });
        if let Stated::Unspecified(key) = &rule.apply {
            settings.push(Setting::new(rule, "status", yes_no(active.in_force), Some(key)));
        }
        for (phase, active) in rule.phases.iter().zip(&active.phases) {
            settings.push(Setting {
                key: format!("phase.{}.starts", phase.id),
                value: active.starts_text.clone(),
                origin: active.origin.clone(),
            });
        }
        for exemption in &rule.exempt {
            let applied = active.exempt.iter().any(|one| one.id == exemption.id);
            settings.push(Setting {
                key: format!("exempt.{}.applies", exemption.id),
                value: if applied { "apply" } else { "leave_out" }.to_owned(),
                origin: Self::origin(&exemption.applies, &exemption.sources),
            });
        }
        for (show, active) in rule.shows.iter().zip(&active.shows) {
            let spell = |words: Vec<&str>| words.join(", ");
            settings.push(Setting {
                key: format!("show.{}.surfaces", show.id),
                value: spell(active.surfaces.iter().map(|word| word.as_str()).collect()),
                origin: Self::origin(&show.surfaces, &show.sources),
            });
            settings.push(Setting {
                key: format!("show.{}.viewers", show.id),
                value: spell(active.viewers.iter().map(|word| word.as_str()).collect()),
                origin: Self::origin(&show.viewers, &show.sources),
            });
        }
        settings.sort_by(|a, b| a.key.cmp(&b.key));
        settings
    }
}

impl Setting {
    fn new(rule: &Rule, key: &str, value: String, gap: Option<&str>) -> Self {
        let origin = match gap {
            Some(_) => Origin::Operator,
            None => Origin::Source(rule.sources_of(key).to_vec()),
        };
        Self { key: key.to_owned(), value, origin }
    }
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

pub(crate) fn apply(answer: &str) -> Option<bool> {
    match answer {
        "apply" => Some(true),
        "leave_out" => Some(false),
        _ => None,
    }
}

fn consequences(answer: &str) -> Option<Vec<String>> {
    if answer == "none" {
        return Some(Vec::new());
    }
    list(answer, |word| crate::choices::is_name(word).then(|| word.to_owned()))
}
