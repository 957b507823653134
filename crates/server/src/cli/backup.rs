//! `onefold backup` asks a running server for a backup; `onefold restore` makes a data directory of one, without a server.

use super::client::Client;
use super::output::{Failure, Output};
use super::{At, Common};
use crate::backup::read::verify;
use crate::backup::restore::{Failed, Restored, Wanted, plan};
use crate::config::Config;
use crate::files::{private, sync_name};
use clap::Args;
use http::Method;
use onefold_core::time;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write; it must not be there yet
    file: PathBuf,
    #[command(flatten)]
    at: At,
}

impl BackupArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = Client::find(common, self.at.server.as_deref())?;
        let failed = |error: &dyn ToString| Failure::new("backup.not_written", &error.to_string());
        if self.file.exists() {
            return Err(failed(&format!("{} is there already; give another name", self.file.display())));
        }
        let part = beside(&self.file);
        let made = fetch(&client, &part).and_then(|()| verify(&part).map_err(|error| failed(&error)));
        let (header, rows) = made.inspect_err(|_| drop(fs::remove_file(&part)))?;
        let bytes = put_in_place(&part, &self.file).map_err(|error| failed(&error))?;
        let warning = warning(&common.load(&[])?);
        let mut text = format!("{}: {rows} rows, {bytes} bytes, verified", self.file.display());
        text += &warning.iter().map(|warning| format!("\nwarning: {warning}")).collect::<String>();
        let json = json!({
            "file": self.file, "rows": rows, "bytes": bytes, "madeAt": header.made_at, "program": header.program,
            "warnings": warning.iter().collect::<Vec<_>>(),
        });
        output.done(&text, &json)
    }
}

/// The log is worth nothing where it is lost together with what it is for.
fn warning(config: &Config) -> Option<String> {
    let (data, log) = (config.engine.data()?, config.engine.deletion_log()?);
    log.starts_with(data).then(|| {
        format!(
            "{} lies in the data directory. Whoever loses both cannot restore this backup without bringing back whoever is \
             deleted from now on: set engine.deletion_log to a place on another disk",
            log.display()
        )
    })
}

fn fetch(client: &Client, part: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new("backup.not_written", &format!("{}: {error}", part.display()));
    let mut file = private(OpenOptions::new().write(true).create(true).truncate(true), part).map_err(failed)?;
    client.download(Method::POST, "/admin/v1/backup", &json!({}), |piece| file.write_all(piece).map_err(failed))?;
    file.sync_all().map_err(failed)
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn put_in_place(part: &Path, file: &Path) -> io::Result<u64> {
    let bytes = fs::metadata(part)?.len();
    fs::rename(part, file)?;
    sync_name(file)?;
    Ok(bytes)
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// What `onefold backup` wrote
    file: PathBuf,
    /// The deletion log of the server that the backup is of [default: engine.deletion_log]
    #[arg(long, value_name = "FILE")]
    deletion_log: Option<PathBuf>,
    /// Restore although not all deletions since are known: people may be back. It is recorded in the audit log
    #[arg(long)]
    accept_missing_deletions: bool,
    /// Only look whether all is well, and change nothing
    #[arg(long)]
    check: bool,
}

impl RestoreArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let config = common.load(&[])?;
        let (Some(data), Some(server_log)) = (config.engine.data(), config.engine.deletion_log()) else {
            return Err(Failure::new(
                "restore.no_directory",
                "the memory engine has no data directory to restore into",
            ));
        };
        let wanted = Wanted {
            backup: self.file,
            data: data.into(),
            log: self.deletion_log.unwrap_or_else(|| server_log.clone()),
            server_log,
            accept_missing: self.accept_missing_deletions,
        };
        let plan = plan(wanted).map_err(failure)?;
        if self.check {
            return report(plan.outlook(), data, true, output);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("cli.failed", &error.to_string()))?;
        let restored = plan.carry_out(&runtime).map_err(failure)?;
        report(&restored, data, false, output)
    }
}

fn failure(failed: Failed) -> Failure {
    let code = match &failed {
        Failed::Backup(_) => "restore.bad_backup",
        Failed::Directory(_) => "restore.directory",
        Failed::Deletions(_) => "restore.missing_deletions",
        Failed::TwoLogs(_) => "restore.two_logs",
        Failed::Unfinished(_) => "restore.unfinished",
    };
    Failure::new(code, &failed.to_string())
}

fn report(restored: &Restored, data: &Path, only_looked: bool, output: Output) -> Result<(), Failure> {
    let Restored { header, rows, deletions, until: (until, torn), new_receipt_key, missing, again } = restored;
    let mut text = match only_looked {
        true => format!("{rows} rows and {deletions} lines of the deletion log: all is well, and nothing was changed"),
        false => format!(
            "{}: {rows} rows restored; {} people deleted again, by {deletions} lines of the deletion log",
            data.display(),
            again.people
        ),
    };
    if again.with_them > 0 {
        text += &format!(
            "\nwith them went {} profiles that were part of those people when the backup was made, and cannot be told from them",
            again.with_them
        );
    }
    if let Some(until) = until {
        text += &format!(
            "\nthe last line of the deletion log is of {}: if people were deleted later, it is an older copy",
            time::utc(*until)
        );
    }
    if *torn {
        text += "\nhalf a line at the end of the deletion log was left out: it was never acknowledged, unless the copy was cut";
    }
    if *new_receipt_key {
        text += "\nreceipts are signed with a new key, since the one of the backup had been replaced; all of them can be verified";
    }
    if let Some(missing) = missing {
        text += &format!("\nwarning: {missing}. Whoever was deleted since may be back");
    }
    let json = json!({
        "data": data, "rows": rows, "madeAt": header.made_at, "restored": !only_looked, "newReceiptKey": new_receipt_key,
        "deletions": { "lines": deletions, "people": again.people, "withThem": again.with_them, "until": until,
            "missing": missing.as_ref().map_or(Value::Null, |missing| missing.as_str().into()) },
    });
    output.done(&text, &json)
}
