//! The tables that addresses are looked up in: read at the start, and again when their files change.
//!
//! A file that does not read when it changes leaves the tables as they are: somebody is copying it, or it is broken.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use web::AppState;

use crate::config;

/// How often it is looked whether a file changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The tables as the settings name them.
///
/// # Errors
/// When a file cannot be read, or is no table.
pub(crate) fn load(settings: &config::Regions) -> anyhow::Result<web::Regions> {
    let mut regions = match &settings.lines {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| cannot_read("regions.lines", path))?;
            web::Regions::with_overrides(&text).with_context(|| cannot_read("regions.lines", path))?
        }
        None => web::Regions::builtin(),
    };
    if let Some(path) = &settings.table {
        let file = std::fs::read(path).with_context(|| cannot_read("regions.table", path))?;
        regions = regions
            .with_table(file, &settings.language)
            .with_context(|| cannot_read("regions.table", path))?;
    }
    Ok(regions.with_attribution(settings.attribution.clone()))
}

fn cannot_read(key: &str, path: &Path) -> String {
    format!("cannot use the file of `{key}`, `{}`", path.display())
}

/// Reads the files again whenever they change, for as long as the server runs.
pub(crate) async fn watch(settings: config::Regions, app: AppState) {
    let mut seen = stamps(&settings);
    if seen.iter().all(Option::is_none) {
        return;
    }
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = stamps(&settings);
        if now == seen {
            continue;
        }
        seen = now;
        let wanted = settings.clone();
        match tokio::task::spawn_blocking(move || load(&wanted)).await {
            Ok(Ok(regions)) => {
                let (name, built_at) = match regions.table() {
                    Some(table) => (table.name.clone(), table.built_at.0),
                    None => ("none".to_owned(), 0),
                };
                app.set_regions(regions);
                tracing::info!(table = %name, built_at, "other region tables are in use");
            }
            Ok(Err(error)) => {
                tracing::error!(error = format!("{error:#}"), "the region tables stay as they were")
            }
            Err(_) => tracing::error!("reading the region tables ended with a broken promise, see above"),
        }
    }
}

/// When each file was changed and how long it is; nothing for one that is not named or not there.
fn stamps(settings: &config::Regions) -> [Option<(SystemTime, u64)>; 2] {
    [&settings.table, &settings.lines].map(|path| {
        let about = std::fs::metadata(path.as_ref()?).ok()?;
        Some((about.modified().ok()?, about.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_do_not_read_are_named_and_their_words_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.csv");
        std::fs::write(&path, "203.0.113.0/24,Fictional Holder,\n").unwrap();
        let settings = config::Regions { lines: Some(path.clone()), ..config::Regions::default() };
        let error = format!("{:#}", load(&settings).unwrap_err());
        assert!(error.contains("regions.lines") && error.contains("line 1"), "{error}");
        assert!(!error.contains("Fictional") && !error.contains("203.0.113"), "{error}");
        let settings = config::Regions { table: Some(path), ..config::Regions::default() };
        let error = format!("{:#}", load(&settings).unwrap_err());
        assert!(error.contains("regions.table") && error.contains(".mmdb"), "{error}");
        assert_eq!(load(&config::Regions::default()).unwrap().table(), None);
    }
}
