//! Running other programs: cargo, the built binary, Python in an environment of the project's own.
//!
//! A server started here is killed by its own id when its guard is dropped, never by name.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Where evidence leaves its working files: inside `target`, so that `cargo clean` removes them.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let folder = target().join("evidence").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    Ok(folder)
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs cargo at the root of the checkout and fails when it fails.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    cargo_with(arguments, &[])
}

/// Like [`cargo`], with further environment variables.
pub(crate) fn cargo_with(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments).envs(environment.iter().copied());
    run(&mut command)
}

/// Runs tests and fails when one fails, or when none ran: a filter that names nothing proves nothing.
pub(crate) fn cargo_test(arguments: &[&str]) -> Result<u64> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let printed = output(command.current_dir(root()).arg("test").args(arguments))?;
    let passed = |line: &str| -> Option<u64> {
        line.strip_prefix("test result: ok. ")?.split_whitespace().next()?.parse().ok()
    };
    let passed: u64 = printed.lines().filter_map(passed).sum();
    if passed == 0 {
        bail!("`cargo test {}` ran no test", arguments.join(" "));
    }
    Ok(passed)
}

/// Runs a command to its end and fails, naming it, when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a command to its end and returns what it printed on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed something that is not UTF-8"))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Builds the release binary and returns its path.
pub(crate) fn release_binary() -> Result<PathBuf> {
    cargo(&["build", "--release", "--quiet", "-p", "nameplate"])?;
    Ok(target().join("release").join("nameplate"))
}

/// A program that is killed, by its own id, when this guard goes.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// `kill -9`, and wait until it is gone.
    pub(crate) fn kill(&mut self) {
        // Both can only fail when the process has already gone.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes sure a Debian command is there; installs its package when we may.
pub(crate) fn debian(command: &str, package: &str) -> Result<()> {
    let there = |name: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|p| p.join(name).is_file()))
    };
    if there(command) {
        return Ok(());
    }
    eprintln!("installing `{package}`, which brings `{command}`");
    run(Command::new("apt-get").args(["update", "-qq"]).stdout(Stdio::null()))?;
    run(Command::new("apt-get")
        .args(["install", "-qq", "-y", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null()))
    .with_context(|| format!("install the package `{package}` by hand and run this again"))
}

/// A Python environment of the project's own with these packages; returns its `bin` folder.
pub(crate) fn python(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let home = target().join("python").join(name);
    let bin = home.join("bin");
    if !bin.join("pip").is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    }
    run(Command::new(bin.join("pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(packages))?;
    Ok(bin)
}
