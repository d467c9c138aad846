//! `real-input`: two real follow graphs are imported, and every count equals a recount by other tools.
//!
//! The recount is `gzip | awk | sort | uniq -c`: it shares no line of code with Nameplate. A pack whose threshold is
//! scaled to the graph must then name exactly the accounts above it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{output, release_binary, root, scratch};
use crate::server::Store;

/// One graph, as it is known from outside.
struct Graph {
    file: &'static str,
    platform: &'static str,
    columns: &'static str,
    /// Rows of data, without header and comments.
    rows: u64,
    self_loops: u64,
    /// The scaled threshold of the pack.
    threshold: u64,
    /// Prints `follower account` a row, for the recount.
    pairs: &'static str,
}

const GRAPHS: &[Graph] = &[
    Graph {
        file: "nostr-follows.csv.gz",
        platform: "nostr",
        columns: "follower,account",
        rows: 215_216,
        self_loops: 0,
        threshold: 200,
        pairs: "tail -n +2 | awk -F, '{print $1, $2}'",
    },
    Graph {
        file: "soc-Slashdot0902.txt.gz",
        platform: "slashdot",
        columns: "follower,account",
        rows: 948_464,
        self_loops: 78_303,
        threshold: 1_000,
        pairs: "tr -d '\\r' | awk '!/^#/ {print $1, $2}'",
    },
];

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let folder = graphs()?;
    let binary = release_binary()?;
    let data = scratch("real-input")?.join("data");
    for graph in GRAPHS {
        let store = Store::init(&binary, &data, graph.platform)?;
        store.activate_followers_only(graph.threshold)?;
        one(&store, graph, &folder.join(graph.file))?;
    }
    Ok(())
}

/// The folder with the graphs; they are not part of the project.
fn graphs() -> Result<PathBuf> {
    let folder = std::env::var_os("NAMEPLATE_GRAPHS")
        .map_or_else(|| root().join("..").join("shared").join("data"), PathBuf::from);
    for graph in GRAPHS {
        ensure!(
            folder.join(graph.file).is_file(),
            "`{}` is not in `{}`; name the folder that has it in NAMEPLATE_GRAPHS (the Slashdot graph is SNAP's \
             soc-Slashdot0902, the Nostr graph comes from the npm package nostr-social-graph 1.0.32)",
            graph.file,
            folder.display()
        );
    }
    Ok(folder)
}

fn one(store: &Store, graph: &Graph, file: &Path) -> Result<()> {
    let report = output(
        Command::new(&store.binary)
            .args(["import", "--json", "--data"])
            .arg(&store.data)
            .args(["--platform", graph.platform, "--columns", graph.columns, "--follows"])
            .arg(file),
    )?;
    let report: serde_json::Value = serde_json::from_str(&report).context("the import's report")?;
    let figure = |name: &str| report[name].as_u64().with_context(|| format!("the report has no `{name}`"));
    let (read, loaded, duplicate, refused) =
        (figure("rows")?, figure("loaded")?, figure("duplicate")?, figure("refused")?);
    ensure!(read == graph.rows, "{}: {read} rows read, {} are in the file", graph.platform, graph.rows);
    ensure!(
        refused == graph.self_loops,
        "{}: {refused} refused, {} self-loops",
        graph.platform,
        graph.self_loops
    );
    ensure!(loaded + duplicate + refused == read, "{}: rows went missing", graph.platform);

    let theirs = recount(graph, file)?;
    let ours: BTreeMap<String, u64> = store.counts()?.into_iter().collect();
    let differing = theirs.iter().filter(|(account, count)| ours.get(*account) != Some(count)).count()
        + ours.keys().filter(|account| !theirs.contains_key(*account)).count();
    ensure!(differing == 0, "{}: {differing} accounts differ from the recount", graph.platform);
    ensure!(
        theirs.values().sum::<u64>() == loaded,
        "{}: the sum of counts is not the rows loaded",
        graph.platform
    );

    let crossed = crossed(store)?;
    let above: BTreeSet<String> = theirs
        .iter()
        .filter(|(_, count)| **count >= graph.threshold)
        .map(|(account, _)| account.clone())
        .collect();
    ensure!(!above.is_empty(), "{}: no account is above {}", graph.platform, graph.threshold);
    ensure!(
        crossed == above,
        "{}: the pack names {} accounts, {} are above",
        graph.platform,
        crossed.len(),
        above.len()
    );
    println!(
        "{}: {read} rows, {loaded} loaded, {duplicate} duplicate, {refused} refused (self-loops); {} accounts, \
         0 differ from `sort | uniq -c`; threshold {}: {} accounts, exactly those above",
        graph.platform,
        theirs.len(),
        graph.threshold,
        above.len()
    );
    Ok(())
}

fn recount(graph: &Graph, file: &Path) -> Result<BTreeMap<String, u64>> {
    let pipeline = format!(
        "gzip -dc < \"$1\" | {} | sort -u | awk '$1 != $2 {{print $2}}' | sort | uniq -c",
        graph.pairs
    );
    let counted = output(Command::new("sh").args(["-c", &pipeline, "recount"]).arg(file).env("LC_ALL", "C"))?;
    counted
        .lines()
        .map(|line| {
            let (count, account) =
                line.trim().split_once(' ').context("a line of `uniq -c` without a blank")?;
            Ok((account.to_owned(), count.parse()?))
        })
        .collect()
}

/// The accounts with a case, once the server has ticked.
fn crossed(store: &Store) -> Result<BTreeSet<String>> {
    let server = store.serve(&[("NAMEPLATE__QUEUE__TICK_SECONDS", "1")])?;
    let client = server.client();
    let path = format!("/v1/admin/cases?platform={}&limit=1000", store.platform);
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut cases = client.all(&path)?;
    while cases.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
        cases = client.all(&path)?;
    }
    server.stop()?;
    cases
        .iter()
        .map(|item| match &item["account"] {
            serde_json::Value::String(account) => Ok(account.clone()),
            other => Ok(other.to_string()),
        })
        .collect()
}
