//! The evidence that the project can produce, one file a piece.
//!
//! A piece runs from nothing: it builds, installs or starts what it needs, prints its figures last, and fails where
//! what it shows does not hold.

mod address_free;
mod api_fuzz;
mod bench_peers;
mod blast_radius;
mod exactness;
mod filter_crash;
mod kill_9;
mod matrix;
mod planted_bugs;
mod real_input;
mod replay;
mod roles;
mod rules_model;
mod soak;
mod speed;
mod stories;
mod story;
mod unspecified;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{cargo, target};

/// One piece of evidence.
struct Piece {
    name: &'static str,
    says: &'static str,
    run: fn() -> Result<()>,
}

/// In the order of the path: the whole story first, then what each step of it promises.
const PIECES: &[Piece] = &[
    Piece {
        name: "story",
        says: "the demo tells the whole story of autumn 2023 and exits 0",
        run: story::show,
    },
    Piece {
        name: "real-input",
        says: "two real graphs: every count equals other tools' recount",
        run: real_input::show,
    },
    Piece {
        name: "kill-9",
        says: "5 million events, 50 kills: nothing lost, nothing shown early",
        run: kill_9::show,
    },
    Piece {
        name: "replay",
        says: "the same log, the same bytes; shuffled within 72 h, the same state",
        run: replay::show,
    },
    Piece {
        name: "matrix",
        says: "packs show what their sources say; no name to the barred, none in the open",
        run: matrix::show,
    },
    Piece {
        name: "address-free",
        says: "a million sightings, and no address in data, logs, metrics, answers or backup",
        run: address_free::show,
    },
    Piece {
        name: "roles",
        says: "every endpoint, called by every kind of caller, opens to those whom the role table names",
        run: roles::show,
    },
    Piece {
        name: "rules-model",
        says: "10 million commands over every pack: nothing shown early, nobody barred sees it",
        run: rules_model::show,
    },
    Piece {
        name: "unspecified",
        says: "what no source says is asked, and shown as the operator's choice and under no source",
        run: unspecified::show,
    },
    Piece {
        name: "blast-radius",
        says: "nobody alone changes what is shown of many accounts: two others confirm the number",
        run: blast_radius::show,
    },
    Piece {
        name: "stories",
        says: "autumn 2023 and a seller's year over HTTP, every webhook verified in two languages",
        run: stories::show,
    },
    Piece {
        name: "api-fuzz",
        says: "schemathesis over the OpenAPI document finds no failure",
        run: api_fuzz::show,
    },
    Piece {
        name: "speed",
        says: "ingest over HTTP, lookups beside a bare peer, the binary's size",
        run: speed::show,
    },
    Piece {
        name: "bench-peers",
        says: "the whole suite beside Redis, PostgreSQL, SQLite, DuckDB and fjall in one run",
        run: bench_peers::show,
    },
    Piece {
        name: "exactness",
        says: "a thousand million events against the naive model: 0 mismatches",
        run: exactness::show,
    },
    Piece {
        name: "filter-crash",
        says: "a filter killed anywhere is wholly there or absent; undo is byte for byte",
        run: filter_crash::show,
    },
    Piece {
        name: "soak",
        says: "8 hours at 100,000 events/s, a filter of each kind a minute: flat, no drift",
        run: soak::show,
    },
    Piece {
        name: "planted-bugs",
        says: "each bug that is kept as a patch is caught by the tests",
        run: planted_bugs::show,
    },
];

/// Prints the list.
pub(crate) fn list() {
    for piece in PIECES {
        println!("{:<12} {}", piece.name, piece.says);
    }
}

/// Runs one piece.
pub(crate) fn run(name: &str) -> Result<()> {
    let Some(piece) = PIECES.iter().find(|piece| piece.name == name) else {
        let names: Vec<&str> = PIECES.iter().map(|piece| piece.name).collect();
        bail!("there is no evidence named `{name}`; there is {}", names.join(", "));
    };
    (piece.run)()
}

/// The simulator, built for long runs.
fn simulator_binary() -> Result<PathBuf> {
    cargo(&["build", "--release", "--quiet", "-p", "simulator", "--features", "crashpoints"])?;
    Ok(target().join("release").join("simulator"))
}

/// Runs a scenario of the simulator for each seed, side by side: `amount` is the name of its size and the size of each run.
fn side_by_side(scenario: &str, seeds: &[u64], amount: (&str, u64)) -> Result<()> {
    let binary = simulator_binary()?;
    let runs: Vec<_> = seeds
        .iter()
        .map(|seed| {
            Command::new(&binary)
                .args([scenario, "--seed", &seed.to_string(), amount.0, &amount.1.to_string()])
                .stdin(Stdio::null())
                .spawn()
                .context("cannot start the simulator")
        })
        .collect::<Result<_>>()?;
    // All are waited for before any is judged, so that none is left behind.
    let ended: Vec<_> = runs.into_iter().map(|mut run| run.wait()).collect();
    for (ended, seed) in ended.into_iter().zip(seeds) {
        ensure!(ended?.success(), "the run of seed {seed} failed, see above");
    }
    Ok(())
}

/// A number from the environment, to make a piece smaller.
fn number(variable: &str) -> Result<Option<u64>> {
    let Some(text) = std::env::var_os(variable) else { return Ok(None) };
    let text = text.to_string_lossy().replace('_', "");
    Ok(Some(text.parse().with_context(|| format!("`{variable}` must be a whole number"))?))
}
