//! A folder of its own for each test, and the binary to run in it.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// A temporary folder with a place for data.
pub(crate) struct House(pub(crate) tempfile::TempDir);

impl House {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a data folder and the platform `demo`.
    pub(crate) fn initialised() -> Self {
        let house = Self::new();
        house.run(&["init", "--platform", "demo"]).ok();
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary with the data folder set and nothing else of this machine's environment that it could read.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nameplate"));
        command.args(arguments).current_dir(self.0.path()).env("NAMEPLATE__STORE__DATA", self.data());
        command.env_remove(pipeline::crash::VARIABLE);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    pub(crate) fn counts(&self) -> String {
        self.run(&["export", "counts", "--platform", "demo"]).ok().stdout
    }
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It ended well.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// It failed and said so.
    pub(crate) fn failed(self, says: &str) -> Self {
        assert_ne!(self.code, Some(0), "{self:?}");
        assert!(self.stderr.contains(says), "expected `{says}` in {self:?}");
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}
