//! The shipped packs, with their follower thresholds brought down to the size of the run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use policy::{Bundle, Pack};

/// Followers that one follower of the run stands for: 500,000 become 4, and 1,000,000 become 8.
const SCALE: u64 = 125_000;

/// A pack that can be activated.
pub(super) struct Shipped {
    pub(super) id: String,
    pub(super) bundle: Vec<u8>,
    pub(super) pack: Pack,
}

/// Every pack of the checkout, by id.
pub(super) fn shipped() -> Result<Vec<Shipped>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let mut packs = Vec::new();
    for entry in std::fs::read_dir(&folder).context("the folder of packs")? {
        let path = entry?.path();
        if path.join("pack.toml").is_file() {
            packs.push(read(&path).with_context(|| format!("`{}`", path.display()))?);
        }
    }
    packs.sort_by(|a, b| a.id.cmp(&b.id));
    ensure!(packs.len() >= 10, "only {} packs were found", packs.len());
    Ok(packs)
}

fn read(path: &Path) -> Result<Shipped> {
    let mut files = BTreeMap::new();
    files.insert("pack.toml".to_owned(), std::fs::read_to_string(path.join("pack.toml"))?);
    for entry in std::fs::read_dir(path.join("rules"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(entry.path())?;
        let text = if text.contains("metric = \"followers\"") { scaled(&text) } else { text };
        files.insert(format!("rules/{name}"), text);
    }
    let bundle = Bundle::new(files).essential();
    let pack = policy::parse(&bundle)
        .map_err(|found| anyhow::anyhow!(found.iter().map(ToString::to_string).collect::<String>()))?;
    Ok(Shipped { id: pack.id.clone(), bundle: bundle.encode(), pack })
}

/// The text with every number behind `at_least` and its like made smaller; a number in prose stays.
fn scaled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = ["at_least = ", "more_than = ", "at_most = ", "less_than = "]
        .iter()
        .filter_map(|word| Some(rest.find(word)? + word.len()))
        .min()
    {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let digits = after.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(after.len());
        let (number, behind) = after.split_at(digits);
        match number.replace('_', "").parse::<u64>() {
            Ok(number) => out.push_str(&number.div_ceil(SCALE).to_string()),
            Err(_) => out.push_str(number),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn thresholds_become_small_and_prose_stays() {
        let text = "when = { metric = \"followers\", at_least = 1_000_000, note = \"of 1_000_000\" }\nmore_than = 500_000";
        let small = "when = { metric = \"followers\", at_least = 8, note = \"of 1_000_000\" }\nmore_than = 4";
        assert_eq!(super::scaled(text), small);
    }
}
