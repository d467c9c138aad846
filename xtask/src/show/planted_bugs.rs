//! `planted-bugs`: every bug that is kept as a patch is caught by the tests, by those that `cargo xtask test` runs too.
//!
//! The tracked files are copied, so the checkout is never touched. A patch that no longer applies fails the piece, as does a
//! planted bug that breaks the build: only a test may tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{output, root, run, scratch};

/// Where the patches are. The first lines of each, before the diff, say what is wrong and which crates' tests must tell:
/// `tests: followers simulator`.
const PLANTED: &str = "crates/simulator/planted";

struct Planted {
    name: String,
    file: PathBuf,
    says: String,
    tests: Vec<String>,
}

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let started = Instant::now();
    let planted = planted()?;
    let tree = scratch("planted-bugs")?.join("tree");
    copy_tracked(&tree)?;
    let mut crates: Vec<String> = planted.iter().flat_map(|bug| bug.tests.clone()).collect();
    crates.sort_unstable();
    crates.dedup();
    println!("without a bug: the tests of {}", crates.join(", "));
    let clean = test(&tree, &crates, false)?;
    ensure!(clean.passes, "the tests fail without any planted bug:\n{}", clean.printed);
    let mut missed = Vec::new();
    for bug in &planted {
        apply(&tree, &bug.file, false).with_context(|| format!("`{}` no longer applies", bug.name))?;
        test(&tree, &bug.tests, true).with_context(|| format!("`{}` does not build", bug.name))?;
        let tested = test(&tree, &bug.tests, false)?;
        apply(&tree, &bug.file, true)?;
        match tested.caught_by {
            Some(by) if !tested.passes => println!("{}: {}: caught by `{by}`", bug.name, bug.says),
            _ => {
                println!("{}: {}: MISSED", bug.name, bug.says);
                missed.push(bug.name.as_str());
            }
        }
    }
    ensure!(missed.is_empty(), "not caught: {}", missed.join(", "));
    println!("{} planted bugs, all caught, {} s", planted.len(), started.elapsed().as_secs());
    Ok(())
}

fn planted() -> Result<Vec<Planted>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join(PLANTED))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "patch"));
    files.sort();
    ensure!(files.len() >= 10, "only {} bugs are planted", files.len());
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file)?;
            let name = file.file_stem().and_then(|stem| stem.to_str()).context("a patch without a name")?;
            let says = text.lines().next().context("an empty patch")?;
            let tests = text
                .lines()
                .find_map(|line| line.strip_prefix("tests: "))
                .with_context(|| format!("`{name}` does not say which tests tell"))?;
            Ok(Planted {
                name: name.to_owned(),
                says: says.to_owned(),
                tests: tests.split_whitespace().map(str::to_owned).collect(),
                file,
            })
        })
        .collect()
}

/// The tracked files, as they are in the checkout.
fn copy_tracked(to: &Path) -> Result<()> {
    let listed = output(Command::new("git").current_dir(root()).args(["ls-files"]))?;
    for file in listed.lines() {
        let from = root().join(file);
        // Removed and not committed yet.
        if !from.is_file() {
            continue;
        }
        let to = to.join(file);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(from, to)?;
    }
    Ok(())
}

fn apply(tree: &Path, patch: &Path, back: bool) -> Result<()> {
    let mut command = Command::new("patch");
    command.current_dir(tree).args([
        "--strip=1",
        "--silent",
        "--fuzz=2",
        "--no-backup-if-mismatch",
        "--input",
    ]);
    command.arg(patch);
    if back {
        command.arg("--reverse");
    }
    run(&mut command)
}

struct Tested {
    passes: bool,
    /// The first test that failed.
    caught_by: Option<String>,
    printed: String,
}

fn test(tree: &Path, crates: &[String], build_only: bool) -> Result<Tested> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // One target folder for all of them; only what a patch touches is built again.
    command.current_dir(tree).env("CARGO_TARGET_DIR", tree.with_file_name("target"));
    // A failing case is told; it need not be kept, nor told with a stack.
    command.env("PROPTEST_FAILURE_PERSISTENCE", "off").env("RUST_BACKTRACE", "0");
    command.args(["test", "--offline", "--no-fail-fast"]);
    for name in crates {
        command.args(["-p", name]);
    }
    if build_only {
        command.arg("--no-run");
    }
    let done = command.output().context("cannot start cargo")?;
    let printed =
        format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if build_only && !done.status.success() {
        bail!("{printed}");
    }
    let failed = |line: &str| -> Option<String> {
        Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned())
    };
    let caught_by = printed.lines().find_map(failed);
    Ok(Tested { passes: done.status.success(), caught_by, printed })
}
