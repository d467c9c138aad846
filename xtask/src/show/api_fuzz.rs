//! `api-fuzz`: schemathesis makes requests from the OpenAPI document and finds no answer that the document does not allow.
//!
//! Three runs, one for each kind of caller: an API key with every role, the server's root key, and a holder's token. All
//! checks of schemathesis are on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{output, python, release_binary, root, scratch};
use crate::server::{self, Store};

/// Requests that must have been made, over the three runs.
const EXAMPLES_MIN: u64 = 5_000;
const SEED: &str = "20231031";

/// Makes the key pair of the platform and a token of the account `ann`, valid for a day. Prints the public key and token.
const TOKEN: &str = r#"
import json, time, jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
key = Ed25519PrivateKey.generate()
now = int(time.time())
claims = {"iss": "fuzz", "sub": "ann", "aud": "nameplate", "iat": now, "exp": now + 80000}
print(json.dumps({
    "public": key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
    "token": jwt.encode(claims, key, algorithm="EdDSA"),
}))
"#;

/// Who calls, what only they can reach, and whether the platform and account are given or made up like the rest.
struct Run {
    name: &'static str,
    caller: Caller,
    paths: &'static [&'static str],
    given: bool,
}

enum Caller {
    Key,
    Root,
    Holder,
}

const NOT_THE_KEYS: &str = "^/v1/me|^/v1/admin/(platforms|ticks)";
/// What a platform's keys do not open, and issuing the keys themselves.
const ROOTS: &str = "^/v1/admin/(platforms|ticks|keys)";
const RUNS: &[Run] = &[
    Run { name: "key", caller: Caller::Key, paths: &["--exclude-path-regex", NOT_THE_KEYS], given: false },
    Run {
        name: "key-given",
        caller: Caller::Key,
        paths: &["--exclude-path-regex", NOT_THE_KEYS],
        given: true,
    },
    Run { name: "root", caller: Caller::Root, paths: &["--include-path-regex", ROOTS], given: false },
    Run { name: "holder", caller: Caller::Holder, paths: &["--include-path-regex", "^/v1/me"], given: false },
];
/// Requests made for each operation in the fuzzing phase; the other phases add theirs.
const EXAMPLES: &str = "50";
/// Read by schemathesis in its working folder: a platform and an account that are there.
const GIVEN: &str =
    "[parameters]\n\"path.platform\" = \"fuzz\"\n\"query.platform\" = \"fuzz\"\n\"path.account\" = \"ann\"\n";

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let bin = python("api-fuzz", &["schemathesis==4.32.5", "pyjwt[crypto]==2.12.1"])?;
    let binary = release_binary()?;
    let folder = scratch("api-fuzz")?;
    let store = Store::init(&binary, &folder.join("data"), "fuzz")?;
    store.activate_followers_only(3)?;
    let made: serde_json::Value =
        serde_json::from_str(&output(Command::new(bin.join("python")).args(["-c", TOKEN]))?)?;
    let text = |name: &str| made[name].as_str().with_context(|| format!("no `{name}` was made"));
    let (root_key, root_sha256) = server::root_key(&binary)?;

    let server = store.serve_with(
        &format!("[platforms.fuzz]\nholder_key = \"{}\"\n", text("public")?),
        &[
            ("NAMEPLATE__QUEUE__TICK_SECONDS", "1"),
            ("NAMEPLATE__SERVER__ROOT_KEY_SHA256", &root_sha256),
            ("NAMEPLATE__LOGGING__FILTER", "warn"),
        ],
    )?;
    let facts = br#"{"class":"creator","topics":["finance"]}"#;
    let (status, answer) = server.client().put("/v1/accounts/fuzz/ann", "application/json", facts)?;
    ensure!(status == 200 || status == 201, "the first account answers {status}: {answer}");

    let mut examples = 0;
    for run in RUNS {
        let bearer = match run.caller {
            Caller::Key => &store.key,
            Caller::Root => &root_key,
            Caller::Holder => text("token")?,
        };
        examples += schemathesis(&bin, &server.url, bearer, run, &folder)?;
    }
    let (status, _) = server.client().get("/healthz")?;
    ensure!(status == 200, "after the fuzzing the server is not well");
    server.stop()?;
    ensure!(examples >= EXAMPLES_MIN, "only {examples} requests were made, {EXAMPLES_MIN} are asked for");
    println!(
        "{examples} requests made from the OpenAPI document, seed {SEED}: no failure, no 5xx, no undocumented answer"
    );
    Ok(())
}

fn schemathesis(bin: &Path, url: &str, bearer: &str, run: &Run, folder: &Path) -> Result<u64> {
    let report = folder.join(format!("{}.txt", run.name));
    std::fs::write(folder.join("schemathesis.toml"), if run.given { GIVEN } else { "" })?;
    let printed = Command::new(bin.join("schemathesis"))
        .current_dir(folder)
        .env("SCHEMATHESIS_HOOKS", root().join("xtask").join("python").join("hooks.py"))
        .args(["run", &format!("{url}/openapi.json"), "--url", url])
        .args(["--header", &format!("Authorization: Bearer {bearer}"), "--checks", "all"])
        .args(["--max-examples", EXAMPLES, "--seed", SEED, "--continue-on-failure", "--no-color"])
        // Reads that ask for a position to come wait for it, so a few callers at once keep the run short.
        .args(["--workers", "4"])
        .args(run.paths)
        .stdout(std::fs::File::create(&report)?)
        .status()?;
    let text = std::fs::read_to_string(&report)?;
    let made = text
        .lines()
        .find_map(|line| {
            let mut words = line.split_whitespace();
            words.by_ref().find(|word| *word == "generated,").map(|_| line.split_whitespace().next())?
        })
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    if !printed.success() {
        let tail: Vec<&str> = text.lines().rev().take(80).collect();
        eprintln!("{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        bail!("schemathesis found failures as `{}`; all of them are in `{}`", run.name, report.display());
    }
    println!("{:<10} {made} requests", run.name);
    Ok(made)
}
