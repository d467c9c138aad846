//! `unspecified`: what no source says is asked at activation, shown as the operator's choice, and never under a source.
//!
//! The list of what is unspecified is read from the packs' files here, by a reader that shares nothing with the one in
//! `policy`: the two have to agree for every pack.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use toml::Table;

use crate::process::{release_binary, root, scratch};
use crate::server::{Client, Store};

const JSON: &str = "application/json";
const PLATFORM: &str = "asked";
const ACCOUNT: &str = "somebody";

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let binary = release_binary()?;
    let folder = scratch("unspecified")?;
    let server = Store::init(&binary, &folder.join("data"), PLATFORM)?.serve(&[])?;
    let client = server.client();
    let (status, answer) = client.put(&format!("/v1/accounts/{PLATFORM}/{ACCOUNT}"), JSON, b"{}")?;
    ensure!(status == 200, "an account without facts is refused with {status}: {answer}");

    let mut packs: Vec<_> = fs::read_dir(root().join("packs"))?.collect::<Result<_, _>>()?;
    packs.sort_by_key(fs::DirEntry::file_name);
    packs.retain(|entry| entry.path().join("pack.toml").is_file());
    let (mut asked, mut said) = (0, 0);
    for pack in &packs {
        let name = pack.file_name().to_string_lossy().into_owned();
        let found = one_pack(&client, &pack.path(), &name).with_context(|| format!("pack `{name}`"))?;
        println!(
            "{name}: {} values unspecified, all asked and shown as the operator's; {} shown with a source",
            found.0, found.1
        );
        asked += found.0;
        said += found.1;
    }
    server.stop()?;
    ensure!(asked > 0, "no pack leaves anything open, so nothing was shown");
    println!(
        "{} packs: {asked} values that no source says, each asked at activation, shown as the operator's choice, under no \
         source; {said} values with sources of the pack",
        packs.len()
    );
    Ok(())
}

/// Activates one pack without and with answers, and reads how its values are explained. Returns how many are the
/// operator's and how many are a source's.
fn one_pack(client: &Client, folder: &Path, pack: &str) -> Result<(usize, usize)> {
    let open = open_values(folder)?;
    let sources = sources(folder)?;

    let (status, report) = client.get(&format!("/v1/admin/packs/{pack}?platform={PLATFORM}"))?;
    ensure!(status == 200, "its questions are refused with {status}: {report}");
    let questions = items(&report["questions"])?;
    let keys: BTreeSet<String> = questions.iter().map(|question| text(&question["key"])).collect();
    ensure!(keys == open, "the files leave {open:?} open, and the questions are {keys:?}");

    let answers: BTreeMap<String, String> = questions.iter().map(answer).collect::<Result<_>>()?;
    if !open.is_empty() {
        let missing = refused(client, pack, &BTreeMap::new())?;
        ensure!(missing == open, "activation without answers asks for {missing:?} and not for {open:?}");
    }
    // One answer short is as far from enough as none.
    for key in &open {
        let mut short = answers.clone();
        short.remove(key);
        let missing = refused(client, pack, &short)?;
        ensure!(missing == BTreeSet::from([key.clone()]), "without `{key}` it asks for {missing:?}");
    }

    let (status, done) = activate(client, pack, &answers)?;
    ensure!(status == 200, "with every answer it is refused with {status}: {done}");
    explained(client, pack, &answers, &sources)
}

/// Every value of every rule of the pack, as it is explained: the operator's where it was asked for, else a source's.
fn explained(
    client: &Client,
    pack: &str,
    answers: &BTreeMap<String, String>,
    sources: &BTreeSet<String>,
) -> Result<(usize, usize)> {
    let path = format!("/v1/nameplates/{PLATFORM}/{ACCOUNT}?viewer=staff&surface=profile&explain=true");
    let (status, plate) = client.get(&path)?;
    ensure!(status == 200, "the explanation is refused with {status}: {plate}");
    let (mut chosen, mut said) = (BTreeSet::new(), 0);
    for rule in items(&plate["rules"])? {
        let name = text(&rule["rule"]);
        let Some(rule_name) = name.strip_prefix(&format!("{pack}/")) else { continue };
        for setting in items(&rule["settings"])? {
            let key = format!("{rule_name}.{}", text(&setting["key"]));
            let under: BTreeSet<String> = items(&setting["origin"]["sources"])?.iter().map(text).collect();
            match setting["origin"]["by"].as_str() {
                Some("operator") => {
                    ensure!(under.is_empty(), "`{key}` is the operator's and stands under {under:?}");
                    let answer = answers.get(&key);
                    // Where and to whom are two questions of one part: the part is the operator's if either was asked.
                    let answer = answer.with_context(|| format!("`{key}` is the operator's, unasked"))?;
                    let shown = text(&setting["value"]);
                    ensure!(
                        same_answer(&key, answer, &shown, answers),
                        "`{key}` was answered `{answer}` and is shown as `{shown}`"
                    );
                    chosen.insert(key);
                }
                Some("source") => {
                    ensure!(!answers.contains_key(&key), "`{key}` was asked and is shown as a source's");
                    ensure!(!under.is_empty(), "`{key}` rests on no source and is not the operator's");
                    ensure!(under.is_subset(sources), "`{key}` rests on {under:?}, not all in the pack");
                    said += 1;
                }
                _ => bail!("`{key}` says neither whose it is: {setting}"),
            }
        }
    }
    let asked: BTreeSet<String> = answers.keys().cloned().collect();
    ensure!(chosen == asked, "asked for {asked:?}, explained as the operator's: {chosen:?}");
    Ok((chosen.len(), said))
}

/// Is the value shown what was answered? Words may come in another order, and one answer stands for another key's.
fn same_answer(key: &str, answer: &str, shown: &str, answers: &BTreeMap<String, String>) -> bool {
    let words = |text: &str| text.split(',').map(|word| plain(word.trim())).collect::<BTreeSet<_>>();
    let yes_no = match answer {
        "apply" => Some("yes"),
        "leave_out" => Some("no"),
        _ => None,
    };
    if answer == "same_as_refused" {
        let refused = answers.get(&key.replace(".silent", ".refused"));
        return refused.is_none_or(|refused| words(refused) == words(shown));
    }
    words(answer) == words(shown) || yes_no == Some(shown)
}

/// A length of time in seconds, so that `24h` is `1d`; any other word as it is.
fn plain(word: &str) -> String {
    let (before, length) = word.rsplit_once(' ').map_or(("", word), |(before, length)| (before, length));
    let seconds = |length: &str| -> Option<u64> {
        let unit = match length.chars().last()? {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        Some(length.get(..length.len() - 1)?.parse::<u64>().ok()? * unit)
    };
    seconds(length).map_or_else(|| word.to_owned(), |seconds| format!("{before} {seconds} seconds"))
}

/// The keys that activation with these answers still asks for.
fn refused(client: &Client, pack: &str, answers: &BTreeMap<String, String>) -> Result<BTreeSet<String>> {
    let (status, problem) = activate(client, pack, answers)?;
    ensure!((400..500).contains(&status), "it is active although answers are missing: {status} {problem}");
    ensure!(problem["code"] == "missing_choice", "it is refused for something else: {problem}");
    let key = |error: &Value| {
        let pointer = text(&error["pointer"]);
        pointer
            .strip_prefix("/choices/")
            .map(str::to_owned)
            .with_context(|| format!("an error at `{pointer}`"))
    };
    items(&problem["errors"])?.iter().map(key).collect()
}

fn activate(client: &Client, pack: &str, answers: &BTreeMap<String, String>) -> Result<(u16, Value)> {
    let body = json!({ "platform": PLATFORM, "pack": pack, "choices": answers });
    client.post("/v1/admin/packs/activate", JSON, body.to_string().as_bytes())
}

/// An answer that the question takes: the suggested one, else one by what it asks for.
fn answer(question: &Value) -> Result<(String, String)> {
    let key = text(&question["key"]);
    if let Some(suggestion) = question["suggestion"].as_str() {
        return Ok((key, suggestion.to_owned()));
    }
    let answer = match question["kind"].as_str() {
        Some("duration" | "appeal") => "15d",
        Some("date") => "2024-01-31",
        Some("viewers") => "verified",
        Some("surfaces") => "profile",
        Some("below") => "hide_now",
        Some("again") => "new_notice",
        Some("consequences") => "less_traffic",
        Some("apply") => "apply",
        _ => bail!("a question of a kind that this piece does not know: {question}"),
    };
    Ok((key, answer.to_owned()))
}

/// Every key of the pack's rules whose value no source says, by a plain walk over the files.
fn open_values(pack: &Path) -> Result<BTreeSet<String>> {
    let mut open = BTreeSet::new();
    for file in fs::read_dir(pack.join("rules"))? {
        let path = file?.path();
        let rule: Table =
            fs::read_to_string(&path)?.parse().with_context(|| format!("`{}`", path.display()))?;
        let id = rule.get("id").and_then(toml::Value::as_str).context("a rule without an id")?;
        // A rumour is not a rule before somebody decides to treat it as one.
        if rule.get("status").and_then(toml::Value::as_str) == Some("rumoured") {
            open.insert(format!("{id}.status"));
        }
        walk(&rule, id, &mut open);
    }
    Ok(open)
}

fn walk(table: &Table, path: &str, open: &mut BTreeSet<String>) {
    for (key, value) in table {
        match value {
            toml::Value::String(said) if said == "unspecified" => {
                open.insert(format!("{path}.{key}"));
            }
            // What is said about the questions is no value of the rule.
            toml::Value::Table(inside) if key != "ask" => walk(inside, &format!("{path}.{key}"), open),
            toml::Value::Array(parts) => {
                for part in parts.iter().filter_map(toml::Value::as_table) {
                    let word = |key: &str| part.get(key).and_then(toml::Value::as_str);
                    let name = word("id").map(str::to_owned);
                    let name = name.or_else(|| word("field").map(|field| field.replace('_', "-")));
                    walk(part, &format!("{path}.{key}.{}", name.unwrap_or_default()), open);
                }
            }
            _ => {}
        }
    }
}

/// The ids of the pack's sources.
fn sources(pack: &Path) -> Result<BTreeSet<String>> {
    let file: Table = fs::read_to_string(pack.join("pack.toml"))?.parse()?;
    let sources = file.get("source").and_then(toml::Value::as_table).context("a pack without sources")?;
    Ok(sources.keys().cloned().collect())
}

fn items(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().with_context(|| format!("not a list: {value}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
