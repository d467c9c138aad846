//! `matrix`: every pack shows what its sources say, a barred viewer gets a name nowhere, and no name lies in the open.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{cargo_test, output, release_binary, run, scratch};
use crate::server::{Store, free_address};

/// Every name that the demo loads begins so. The rest is a number, so the beginning alone finds them all.
const NAMES: &[&str] = &["Fictional Holder"];
/// Sent inside broken requests, to see whether an answer or a log line repeats it.
const CANARY: &str = "Fictional Canary 7301";

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let binary = release_binary()?;
    run(Command::new(&binary).args(["pack", "test"]))?;
    let matrices = cargo_test(&["--quiet", "-p", "policy", "--test", "it"])?;
    let barred = cargo_test(&["--quiet", "-p", "web", "--test", "it", "barred"])?;
    nothing_in_the_open(&binary)?;
    println!(
        "{matrices} tests of packs, their cases and matrices; {barred} that drive every endpoint as barred viewers"
    );
    Ok(())
}

/// Plays the demo, serves its store with everything logged, and searches what was written.
fn nothing_in_the_open(binary: &Path) -> Result<()> {
    let folder = scratch("matrix")?;
    let data = folder.join("data");
    let log = fs::File::create(folder.join("demo.log"))?;
    let told = output(
        Command::new(binary)
            .args(["demo", "--exit", "--json", "--accounts", "20000", "--data"])
            .arg(&data)
            .env("RUST_LOG", "trace")
            .stderr(Stdio::from(log)),
    )?;
    fs::write(folder.join("demo.json"), &told)?;
    let story: Value = serde_json::from_str(&told).context("what the demo printed")?;
    ensure!(
        story["summary"].to_string().contains(NAMES[0]),
        "the story showed no name, so the search would prove nothing"
    );

    let store = Store::init(binary, &data, "canary")?;
    let metrics = free_address()?;
    let server = store.serve_with(
        "[platforms.weibo]\npublic_view_as = true\n",
        &[("NAMEPLATE__LOGGING__FILTER", "trace"), ("NAMEPLATE__SERVER__METRICS_LISTEN", &metrics)],
    )?;
    let client = server.client();
    let seen = client.page("/p/weibo/market_voice?as=verified")?;
    ensure!(
        seen.contains(NAMES[0]),
        "a verified viewer does not see the name, so the search would prove nothing"
    );
    let mut answers = String::new();
    for viewer in ["logged_out", "unverified", "bad_standing", "buyer", "staff"] {
        answers += &client.page(&format!("/p/weibo/market_voice?as={viewer}"))?;
    }
    let broken: &[(&str, String)] = &[
        (
            "/v1/identities/canary/ann",
            format!(
                r#"{{"holder":"h","kind":"person","verified":true,"fields":{{"legal_name":"{CANARY}","nick":"{CANARY}"}}}}"#
            ),
        ),
        (
            "/v1/identities/canary/ann",
            format!(
                r#"{{"holder":"{CANARY}","kind":"person","verified":true,"fields":{{"legal_name":"{CANARY}"}}}}"#
            ),
        ),
        ("/v1/identities/canary/ann", format!(r#"{{"holder":"h","kind":"{CANARY}","fields":"{CANARY}"}}"#)),
        ("/v1/identities/canary/ann", format!(r#"{{"holder":"h","legal_name":"{CANARY}"#)),
        (
            "/v1/identities/nowhere/ann",
            format!(
                r#"{{"holder":"h","kind":"person","verified":true,"fields":{{"legal_name":"{CANARY}"}}}}"#
            ),
        ),
    ];
    for (path, body) in broken {
        let (status, answer) = client.put(path, "application/json", body.as_bytes())?;
        ensure!((400..500).contains(&status), "a broken identity answers {status}");
        answers += &answer.to_string();
    }
    let body =
        format!(r#"{{"holder":"h","kind":"person","verified":true,"fields":{{"legal_name":"{CANARY}"}}}}"#);
    let (status, answer) = client.put("/v1/identities/canary/ann", "application/json", body.as_bytes())?;
    ensure!(status == 200 || status == 201, "a sound identity answers {status}: {answer}");
    answers += &answer.to_string();
    answers += &client.text(&format!("http://{metrics}/metrics"))?;
    server.stop()?;
    fs::write(folder.join("answers.txt"), &answers)?;

    let mut searched = (0, 0);
    for name in NAMES.iter().chain([&CANARY]) {
        ensure!(!answers.contains(name), "a name is in an answer to a viewer or caller who must not get it");
        searched = (0, 0);
        search(&data, name, &mut searched)?;
        for file in [data.with_extension("log"), folder.join("demo.log")] {
            search(&file, name, &mut searched)?;
        }
    }
    println!(
        "{} files, {} bytes of data, logs and metrics searched: no name that was loaded is among them",
        searched.0, searched.1
    );
    Ok(())
}

/// Fails if the text is in the file, or in any file of the folder.
fn search(place: &Path, text: &str, searched: &mut (usize, usize)) -> Result<()> {
    if place.is_dir() {
        for entry in fs::read_dir(place)? {
            search(&entry?.path(), text, searched)?;
        }
        return Ok(());
    }
    let bytes = fs::read(place).with_context(|| format!("cannot read `{}`", place.display()))?;
    searched.0 += 1;
    searched.1 += bytes.len();
    let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
    ensure!(!found, "a name lies in the open in `{}`", place.display());
    Ok(())
}
