//! `onefold doctor`: reads every row of a data directory that no server is using, and says what it found. With `--purge`
//! it also rewrites the files, so that nothing deleted is left in them.

use super::output::{Failure, Output, counted, table};
use crate::config::Config;
use crate::{receipts, root_key};
use onefold_engines::embedded::{Purged, TableCheck, is_being_restored};
use onefold_engines::{Embedded, EmbeddedOptions, OpenError};
use serde_json::{Value, json};
use std::path::Path;

/// What may be asked of it.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// Rewrite the files so that no deleted byte is left in them; refused where rows are damaged
    #[arg(long)]
    purge: bool,
}

/// Checks the data directory that the settings name. Fails where it finds damage, or cannot look.
pub(super) fn run(args: &DoctorArgs, config: &Config, output: Output) -> Result<(), Failure> {
    let Some(data) = config.engine.data() else {
        return Err(Failure::new("doctor.no_directory", "the memory engine has no data directory to check"));
    };
    // Opening would make one.
    if !data.join("FORMAT").exists() && !is_being_restored(data) {
        let text = format!("{} is not a data directory of onefold; say which with --data DIR", data.display());
        return Err(Failure::new("doctor.no_directory", &text));
    }
    let store = open(data)?;
    let tables = store.check().map_err(|error| Failure::new("doctor.cannot_read", &error.to_string()))?;
    let good = tables.iter().all(|table| table.damaged == 0);
    let purged = if args.purge && good { Some(purge(&store)?) } else { None };
    report(&Found { data, tables, warnings: warnings(data), purged, purge_refused: args.purge && !good }, output)
}

/// All that there is to say.
struct Found<'a> {
    data: &'a Path,
    tables: Vec<TableCheck>,
    warnings: Vec<String>,
    purged: Option<Purged>,
    purge_refused: bool,
}

fn purge(store: &Embedded) -> Result<Purged, Failure> {
    store.purge_files().map_err(|error| Failure::new("doctor.not_purged", &error.to_string()))
}

fn open(data: &Path) -> Result<Embedded, Failure> {
    let options = EmbeddedOptions { cache_bytes: 1 << 20, ..EmbeddedOptions::default() };
    Embedded::open(data, options).map_err(|error| match error {
        OpenError::InUse { .. } => {
            let text = format!("{} is in use by a running server; stop it first, then look again", data.display());
            Failure::new("doctor.in_use", &text)
        }
        error => Failure::new("doctor.cannot_open", &error.to_string()),
    })
}

fn report(found: &Found<'_>, output: Output) -> Result<(), Failure> {
    let damaged: u64 = found.tables.iter().map(|table| table.damaged).sum();
    let mut text = vec![found.data.display().to_string(), rows(&found.tables)];
    text.extend(found.warnings.iter().map(|warning| format!("warning: {warning}")));
    text.push(match damaged {
        0 => "No damage found.".to_owned(),
        n => counted(n, "damaged row") + ". Restore a backup of this directory; what is damaged is never served.",
    });
    text.extend(found.purge_refused.then(|| "Not purged: the damaged rows would be lost for good.".to_owned()));
    text.extend(found.purged.map(|done| {
        format!(
            "Purged: {} rows copied, {} bytes on the disk before, {} after; nothing deleted is left.",
            done.rows, done.before, done.after
        )
    }));
    let json = json!({
        "data": found.data, "status": if damaged == 0 { "good" } else { "damaged" }, "damaged": damaged,
        "warnings": found.warnings, "tables": found.tables.iter().map(table_json).collect::<Vec<_>>(),
        "purged": found.purged.map(|done| json!({ "rows": done.rows, "before": done.before, "after": done.after })),
    });
    match damaged {
        0 => output.done(&text.join("\n"), &json),
        _ => Err(Failure::with(text.join("\n"), json)),
    }
}

fn rows(tables: &[TableCheck]) -> String {
    let row = |found: &TableCheck| vec![found.table.name().into(), found.rows.to_string(), found.damaged.to_string()];
    table(&["TABLE", "ROWS", "DAMAGED"], &tables.iter().map(row).collect::<Vec<_>>())
}

fn table_json(found: &TableCheck) -> Value {
    json!({ "table": found.table.name(), "rows": found.rows, "damaged": found.damaged })
}

/// What is not damage, but not as it should be either.
fn warnings(data: &Path) -> Vec<String> {
    let open = |name: &&str| std::fs::metadata(data.join(name)).is_ok_and(|about| others_may_read(&about));
    let warning = |name| format!("{} can be read by others; chmod 600 it", data.join(name).display());
    [root_key::FILE, receipts::FILE].into_iter().filter(open).map(warning).collect()
}

#[cfg(unix)]
fn others_may_read(about: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &std::fs::Metadata) -> bool {
    false
}
