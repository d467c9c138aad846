//! Small packs for tests, with every value stated unless a test wants a gap.

use policy::Bundle;

/// What a test may set about the one rule of a pack.
#[derive(Clone, Debug)]
pub(crate) struct TestPack {
    pub(crate) id: String,
    pub(crate) version: u32,
    pub(crate) trigger: String,
    pub(crate) consent: bool,
    pub(crate) dwell: String,
    pub(crate) period: String,
    pub(crate) below: String,
    pub(crate) again: String,
    pub(crate) appeal: String,
    pub(crate) fields: Vec<String>,
    pub(crate) viewers: Vec<String>,
    pub(crate) notice: String,
    pub(crate) phase: Option<String>,
}

impl Default for TestPack {
    fn default() -> Self {
        Self {
            id: "test-2023".into(),
            version: 1,
            trigger: "metric = \"followers\"\nat_least = 3".into(),
            consent: true,
            dwell: "2d".into(),
            period: "10d".into(),
            below: "hide_now".into(),
            again: "new_notice".into(),
            appeal: "15d".into(),
            fields: vec!["legal_name".into()],
            viewers: vec!["verified".into()],
            notice: "personal".into(),
            phase: None,
        }
    }
}

impl TestPack {
    pub(crate) fn bundle(&self) -> Vec<u8> {
        let pack = format!(
            "id = \"{}\"\nversion = {}\nlanguage = 2\ntitle = \"A pack for tests\"\nstatus = \"in_force\"\n\
             utc_offset = \"+00:00\"\n[source.made-up]\nurl = \"https://example.org\"\ndate = 2023-01-01\n\
             grade = \"high\"\nsays = \"Nothing, it is made up.\"\n",
            self.id, self.version
        );
        let value = |text: &str| format!("\"{text}\"");
        let mut rule = String::from(
            "id = \"name\"\ntitle = \"The name\"\nstatus = \"in_force\"\nsources = [\"made-up\"]\n\
             removal = \"1d\"\n",
        );
        rule += &format!("appeal = {}\n", value(&self.appeal));
        if self.notice == "personal" {
            rule += &format!(
                "consent = {}\ndwell = {}\nrefused = [\"less_reach\"]\nsilent = [\"less_ads\"]\nbelow = {}\nagain = {}\n",
                self.consent,
                value(&self.dwell),
                value(&self.below),
                value(&self.again),
            );
        }
        rule += &format!("[trigger]\n{}\n", self.trigger);
        if let Some(start) = &self.phase {
            rule += &format!("[[phase]]\nid = \"one\"\nstarts = {start}\nwhen = {{ all = [] }}\n");
        }
        let channels = if self.notice == "personal" { "channels = [\"inbox\"]\n" } else { "" };
        rule +=
            &format!("[notice]\nkind = \"{}\"\n{channels}period = {}\n", self.notice, value(&self.period));
        for field in &self.fields {
            let viewers: Vec<String> = self.viewers.iter().map(|viewer| value(viewer)).collect();
            rule += &format!(
                "[[show]]\nid = \"{}\"\nfield = \"{field}\"\ncoarse = \"full\"\nsurfaces = [\"profile\"]\n\
                 viewers = [{}]\n",
                field.replace('_', "-"),
                viewers.join(", ")
            );
        }
        Bundle::new([("pack.toml", pack), ("rules/name.toml", rule)]).encode()
    }
}
