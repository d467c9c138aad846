//! `nameplate bench`: what this machine does, on temporary stores of its own, and beside its peers.
//!
//! Prints numbers and asserts none: they depend on the machine and on who else is using it. What it does assert is that
//! every answer is right: a filter that removes one follower too few ends the run.
//!
//! | file | measures |
//! |---|---|
//! | `load.rs`, `stream.rs` | events in |
//! | `filter.rs` | filters, previews, reads of others meanwhile |
//! | `reads.rs` | counts, is-follower, pages |
//! | `http.rs` | the same over HTTP, beside a bare reply |
//! | `import.rs` | a CSV file through `nameplate import` |
//! | `large.rs` | memory, snapshot and restart of a large store |
//! | `growth.rs`, `plot.rs` | how cost grows, as rows and as a picture |
//! | `what_if.rs` | what a pack would change |
//! | `activate.rs` | events in while a pack is put in force |
//! | `notices.rs` | notices that leave by webhook |
//! | `peers.rs` | what others do with the same events |
//! | `store.rs`, `row.rs`, `report.rs` | a store to measure; a result; the table |

mod activate;
mod filter;
mod growth;
mod http;
mod import;
mod large;
mod load;
mod notices;
mod peers;
mod plot;
mod reads;
mod report;
mod row;
mod store;
mod stream;
mod what_if;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use workloads::{Facts, Graph, Meanwhile, Sizes, warm_memory};

use self::report::Report;
use self::row::Row;
use self::store::Bed;
use crate::talk;

/// How long to wait at most until others leave the processors alone.
const QUIET_WAIT: Duration = Duration::from_secs(4);

/// Measure this machine
///
/// Generates follow graphs, runs them through the real log and state in temporary stores, and prints a table. Takes
/// some minutes and some gigabytes; `--quick` takes a small part of both.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Measure only these
    #[arg(long, value_name = "WORK,...", value_delimiter = ',')]
    only: Vec<Work>,
    /// Run the same works on Redis, PostgreSQL, SQLite, DuckDB and fjall, as far as they are installed
    #[arg(long)]
    peers: bool,
    /// Small graphs, few runs: to see that it works
    #[arg(long)]
    quick: bool,
    /// Divide the sizes of all graphs by this
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    scale: u32,
    /// Folder for the temporary stores, to measure its disk [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    on: Option<PathBuf>,
    /// Also write the table, the lines and the picture of the growth into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print one JSON object a line instead of the table
    #[arg(long)]
    json: bool,
    /// What a child process of a bench does
    #[arg(long, value_name = "ROLE", hide = true)]
    role: Option<Role>,
    /// Edges of a child's store
    #[arg(long, value_name = "N", hide = true, default_value_t = 0)]
    edges: u64,
}

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Work {
    /// A filter of the largest account, until its answer
    Filter,
    /// Reads of other accounts while filters run
    FilterReads,
    /// What a filter would do
    Preview,
    /// A graph into an empty store
    Load,
    /// A CSV file into an empty store
    ImportCsv,
    /// Live events, 10,000 a commit
    #[value(name = "stream_10k")]
    Stream10k,
    /// The same over HTTP
    #[value(name = "stream_10k_http")]
    Stream10kHttp,
    /// Live events, 100 a commit
    #[value(name = "stream_100")]
    Stream100,
    /// One event a request, 64 connections
    SingleHttp,
    /// Bytes in memory
    Memory,
    /// Bytes of a snapshot
    Snapshot,
    /// Follower counts
    Count,
    /// Whether one follows another
    IsFollower,
    /// The 100 newest followers
    Page,
    /// Opening a large store
    Restart,
    /// Filter, load and stream at growing sizes
    Growth,
    /// A pack against 100 million accounts
    WhatIf,
    /// 100,000 due notices to an endpoint
    Notices,
    /// Commits while a pack is put in force on 10 million accounts
    Activate,
}

/// What a child process of a bench does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Fills a large store and reports what it weighs.
    LargeFill,
    /// Opens it, reads once, and reports how long that took.
    LargeOpen,
    /// Adds a tail to its log.
    LargeTail,
    /// Serves the same bytes to everybody.
    BareReply,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// All sizes are divided by it.
    by: u32,
    /// Runs of works that are measured as a whole.
    runs: usize,
    /// Slices of time of works that are measured as a rate.
    slices: usize,
    slice: Duration,
    /// Filters.
    rounds: usize,
}

impl Plan {
    /// Waits until others leave the processors alone, and has memory at hand that a work may grow into.
    fn quiet(&self) {
        warm_memory(self.by);
        Meanwhile::wait_for_quiet(QUIET_WAIT);
    }
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(role) = self.role {
            return self.play(role);
        }
        let folder = match &self.on {
            Some(on) => tempfile::tempdir_in(on)?,
            None => tempfile::tempdir()?,
        };
        let plan = self.plan();
        let mut report = Report::new(Facts::look(folder.path())?, plan.by);
        let mut suite = Suite { plan, only: &self.only, folder: folder.path().to_owned(), rows: Vec::new() };
        suite.reference()?;
        suite.others()?;
        report.rows = suite.rows;
        if self.peers {
            peers::measure(&plan, folder.path(), &mut report)?;
        }
        if let Some(folder) = &self.report {
            report.write(folder)?;
        }
        if self.json {
            report.print_lines()?
        } else {
            report.print_table()?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn plan(&self) -> Plan {
        if self.quick {
            let slice = Duration::from_millis(300);
            return Plan { by: self.scale.max(20), runs: 3, slices: 3, slice, rounds: 10 };
        }
        let slice = Duration::from_millis(1_000);
        Plan { by: self.scale, runs: 5, slices: 5, slice, rounds: 100 }
    }

    fn play(&self, role: Role) -> anyhow::Result<ExitCode> {
        let Some(on) = &self.on else { anyhow::bail!("a child process needs its folder") };
        match role {
            Role::LargeFill => large::fill(on, self.edges)?,
            Role::LargeOpen => large::open(on, self.edges)?,
            Role::LargeTail => large::tail(on, self.edges)?,
            Role::BareReply => http::serve_bare(on)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The works on their way.
struct Suite<'a> {
    plan: Plan,
    only: &'a [Work],
    folder: PathBuf,
    rows: Vec<Row>,
}

impl Suite<'_> {
    fn wants(&self, works: &[Work]) -> bool {
        self.only.is_empty() || works.iter().any(|work| self.only.contains(work))
    }

    /// Waits for a quiet machine, runs the work, and notes what others did meanwhile.
    fn measure(
        &mut self,
        work: Work,
        run: impl FnOnce(&Plan) -> anyhow::Result<Vec<Row>>,
    ) -> anyhow::Result<()> {
        if !self.wants(&[work]) {
            return Ok(());
        }
        talk!("measuring {}", row::name(work));
        self.plan.quiet();
        let meanwhile = Meanwhile::new();
        let rows = run(&self.plan)?;
        let others = meanwhile.others();
        self.rows.extend(rows.into_iter().map(|row| Row { work, others, ..row }));
        Ok(())
    }

    /// What is measured on the reference graph: 7 M followers of one account and 3 M edges more.
    fn reference(&mut self) -> anyhow::Result<()> {
        use Work::{
            Count, Filter, FilterReads, ImportCsv, IsFollower, Load, Page, Preview, SingleHttp, Stream10k,
            Stream10kHttp, Stream100,
        };
        let http = [Stream10kHttp, SingleHttp];
        let in_process = [Load, Filter, FilterReads, Preview, Count, IsFollower, Page, Stream10k, Stream100];
        if !self.wants(&in_process) && !self.wants(&http) && !self.wants(&[ImportCsv]) {
            return Ok(());
        }
        talk!("making the reference graph");
        let graph = Graph::new(Sizes::reference(self.plan.by));
        if self.wants(&in_process) || self.wants(&http) {
            let folder = self.folder.join("reference");
            let mut loads = load::Loads::new(self.plan);
            let bed = loads.once(&folder, &graph)?;
            self.measure(Count, |plan| reads::counts(&bed, &graph, plan))?;
            self.measure(IsFollower, |plan| reads::is_follower(&bed, &graph, plan))?;
            self.measure(Page, |_| reads::pages(&bed))?;
            self.measure(Preview, |plan| filter::previews(&bed, &graph, plan))?;
            self.measure(Filter, |plan| filter::filters(&bed, &graph, plan))?;
            self.measure(FilterReads, |plan| filter::reads_meanwhile(&bed, &graph, plan))?;
            let mut events = stream::Source::new(&graph);
            self.measure(Stream10k, |plan| stream::commits(&bed, &mut events, 10_000, plan))?;
            self.measure(Stream100, |plan| stream::commits(&bed, &mut events, 100, plan))?;
            let next = events.next();
            let bed = bed.close();
            if self.wants(&http) {
                let graph = std::sync::Arc::new(graph.clone());
                let server = http::Server::start(&bed)?;
                let next = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(next));
                self.measure(Stream10kHttp, |plan| http::stream(&server, &graph, &next, plan))?;
                self.measure(SingleHttp, |plan| http::single(&server, &graph, &next, plan))?;
                server.stop()?;
            }
            std::fs::remove_dir_all(&folder)?;
            if self.wants(&[Load]) {
                // Last, so that the other works see the memory of a fresh process.
                self.rows.insert(0, loads.row(&folder, &graph)?);
            }
        }
        let folder = self.folder.clone();
        self.measure(ImportCsv, |plan| import::csv(&folder, &graph, plan))
    }

    /// What is measured on graphs of its own.
    fn others(&mut self) -> anyhow::Result<()> {
        use Work::{Activate, Growth, Memory, Notices, Restart, Snapshot, WhatIf};
        let folder = self.folder.clone();
        if self.wants(&[Memory, Snapshot, Restart]) {
            talk!("filling a large store");
            self.plan.quiet();
            let meanwhile = Meanwhile::new();
            let large = large::Large::fill_in_child(&folder.join("large"), &self.plan)?;
            let others = meanwhile.others();
            for (work, rows) in [(Memory, large.memory()), (Snapshot, large.snapshot())] {
                if self.wants(&[work]) {
                    self.rows.extend(rows.into_iter().map(|row| Row { work, others, ..row }));
                }
            }
            self.measure(Restart, |plan| large.restart(plan))?;
            large.remove()?;
        }
        self.measure(Growth, |plan| growth::grow(&folder.join("growth"), plan))?;
        self.measure(WhatIf, what_if::simulate)?;
        self.measure(Notices, |plan| notices::leave(&folder.join("notices"), plan))?;
        self.measure(Activate, |plan| activate::meanwhile(&folder.join("activate"), plan))
    }
}

/// The folder of a store that is closed, and how to talk to a server on it.
pub(crate) struct Closed {
    folder: PathBuf,
    token: String,
}

impl Bed {
    fn close(self) -> Closed {
        let Self { folder, token, store, .. } = self;
        store.pipeline.close();
        Closed { folder, token }
    }
}
