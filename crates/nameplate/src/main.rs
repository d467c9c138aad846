//! The `nameplate` binary: one verb a file, in `cli/`.

mod archive;
mod cli;
mod config;
mod demo;
mod memory;
mod packs;
mod progress;
mod regions;
mod server;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Talks to the person: to stderr, so that stdout carries data only.
#[macro_export]
macro_rules! talk {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        // A closed stderr is no reason to stop working.
        let _ = writeln!(std::io::stderr(), $($part)*);
    }};
}

fn main() -> ExitCode {
    memory::keep_to_itself();
    memory::give_back_when_idle();
    let cli = cli::Cli::parse();
    match cli::run(cli) {
        Ok(code) => code,
        Err(error) => {
            talk!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
