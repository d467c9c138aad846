//! What can be said about the tree as a fact: formatting, lints, links, headers, forbidden words.
//!
//! Taste is for people. A rule is here only when breaking it is never right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, output, root};

/// Words that must not stay in the tree, each with what to do instead. Split so that this file passes itself.
const BANNED: &[(&str, &str)] = &[
    (concat!("FIX", "ME"), "mend it before it is merged, or write it down in `docs/gotchas.md`"),
    (concat!("todo", "!("), "build it or leave it out"),
    (concat!("unimpl", "emented!("), "build it or leave it out"),
    (concat!("#[ig", "nore"), "a test that does not run proves nothing"),
];

/// Runs every check and reports all findings, not the first.
pub(crate) fn all() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    let files = tracked()?;
    let mut findings = Vec::new();
    for file in &files {
        let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
        headers(file, &text, &mut findings);
        words(file, &text, &mut findings);
        links(file, &text, &mut findings);
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    println!("checked {} files: no findings", files.len());
    Ok(())
}

fn tracked() -> Result<Vec<PathBuf>> {
    let listed = output(Command::new("git").current_dir(root()).args(["ls-files"]))
        .context("the checks read the list of files from git")?;
    Ok(listed.lines().map(PathBuf::from).collect())
}

/// A source file opens with what it is.
fn headers(file: &Path, text: &str, findings: &mut Vec<String>) {
    if file.extension().is_some_and(|e| e == "rs") && !text.starts_with("//!") {
        findings.push(format!("{}: open the file with `//!` and what it is", file.display()));
    }
}

fn words(file: &Path, text: &str, findings: &mut Vec<String>) {
    if file.file_name().is_some_and(|n| n == "Cargo.lock") {
        return;
    }
    for (number, line) in text.lines().enumerate() {
        for (word, instead) in BANNED {
            if line.contains(word) {
                findings.push(format!("{}:{}: `{word}`: {instead}", file.display(), number + 1));
            }
        }
    }
}

/// A link to a file of this repository leads somewhere.
fn links(file: &Path, text: &str, findings: &mut Vec<String>) {
    if file.extension().is_none_or(|e| e != "md") {
        return;
    }
    let folder = root().join(file.parent().unwrap_or(Path::new("")));
    for (number, line) in text.lines().enumerate() {
        for part in line.split("](").skip(1) {
            let Some((target, _)) = part.split_once(')') else { continue };
            let target = target.split('#').next().unwrap_or_default();
            let elsewhere = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !folder.join(target).exists() {
                findings.push(format!("{}:{}: link to `{target}` leads nowhere", file.display(), number + 1));
            }
        }
    }
}
