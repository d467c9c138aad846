//! `nameplate export`: write data out. Never an identity: there is no export of those, on purpose.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use followers::AccountNo;
use state::{AccountId, PlatformId};

use super::{Data, Load, out, platform};
use crate::progress::Progress;
use crate::wiring;

/// Write data out
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Follower counts as CSV: `account,followers`
    ///
    /// Accounts with at least one follower; with `--all` every account ever seen, those without followers too.
    /// Sorted by account: ids that are numbers first, by value, then the others by their bytes.
    Counts(Counts),
}

#[derive(Debug, Args)]
struct Counts {
    #[command(flatten)]
    data: Data,
    /// The platform
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
    /// Accounts without followers too
    #[arg(long)]
    all: bool,
}

impl Export {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Counts(counts) => counts.run(load),
        }
    }
}

impl Counts {
    fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let store = wiring::open_to_look(&config)?;
        let handle = store.handle();
        let read = platform(handle.reader(), &self.platform)?;
        let accounts = read.counts().accounts;
        let mut progress = Progress::new("reading counts", "accounts");
        let mut rows: Vec<(AccountId, u32)> = Vec::new();
        for number in 0..u32::try_from(accounts).unwrap_or(u32::MAX) {
            if number % 65_536 == 0 {
                progress.set(u64::from(number), accounts);
            }
            if let Some(account) = read.account_by_no(AccountNo(number)) {
                let count = account.count();
                if self.all || count > 0 {
                    rows.push((account.id(), count));
                }
            }
        }
        rows.sort_unstable();
        progress.finish();
        out(|stdout| {
            writeln!(stdout, "account,followers")?;
            for (account, count) in &rows {
                writeln!(stdout, "{},{count}", csv_value(account))?;
            }
            Ok(())
        })?;
        store.pipeline.close();
        Ok(ExitCode::SUCCESS)
    }
}

/// The id as a CSV value, in quotes where it needs them (RFC 4180).
fn csv_value(account: &AccountId) -> String {
    let text = account.to_string();
    if text.contains([',', '"']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_would_break_a_row_is_quoted() {
        for (id, value) in [("42", "42"), ("ann", "ann"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\"")] {
            assert_eq!(csv_value(&AccountId::parse(id).unwrap()), value);
        }
    }
}
