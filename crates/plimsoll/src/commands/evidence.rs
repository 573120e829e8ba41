//! `plimsoll evidence`, `backup` and `restore`: what outlives a server.

use super::runtime;
use crate::arguments::{Backup, EvidenceCommand, Kept, PlainFormat, Restore, Written};
use crate::places;
use crate::printer::{Failure, Outcome, Printer};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_server::phases::document;
use plimsoll_store::engine::sqlite_url;
use plimsoll_store::evidence::verify;
use plimsoll_store::{Opener, Options, Store, StoreError};
use serde_json::json;
use std::path::Path;

/// Longest checkpoint read; a real one has some 300 bytes.
const CHECKPOINT_LIMIT: u64 = 64 << 10;

fn failure(error: StoreError) -> Failure {
    Failure::unfinished(*error.problem)
}

/// How to open what a server keeps.
fn options(kept: &Kept) -> Options {
    let data = kept.data.clone().unwrap_or_else(places::server);
    let url = kept.database.clone().unwrap_or_else(|| sqlite_url(&plimsoll_server::run::database_file(&data)));
    Options { keys: Some(data), opener: Opener::Command, ..Options::new(url) }
}

pub(super) async fn open(kept: &Kept) -> Result<Store, Failure> {
    let data = kept.data.clone().unwrap_or_else(places::server);
    let file = plimsoll_server::run::database_file(&data);
    if kept.database.is_none() && !file.is_file() {
        return Err(Failure::input(Problem::new(
            "E-DATA",
            file.display().to_string(),
            "is not there, so no server keeps anything in this folder",
            "name the folder that `plimsoll serve --data` uses",
        )));
    }
    Store::open_with(options(kept)).await.map_err(failure)
}

/// Runs an evidence command.
pub fn run(command: EvidenceCommand, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        EvidenceCommand::Export { kept, to } => export(&kept, &to, printer),
        EvidenceCommand::Verify { folder, key, older, format } => verified(&folder, &key, older.as_deref(), format, printer),
        EvidenceCommand::Record { folder, rollout, key, written } => record(&folder, &rollout, key, &written, printer),
    }
}

fn export(kept: &Kept, to: &Path, printer: &Printer) -> Result<Outcome, Failure> {
    let exported = runtime()?.block_on(async {
        let store = open(kept).await?;
        let exported = store.export_evidence(to).await.map_err(failure);
        store.close().await;
        exported
    })?;
    printer.data(&format!("{}\n", exported.verifier_key))?;
    printer.say(&format!(
        "{} entries are in {}. The key above verifies them; give it to auditors by another way than the folder.",
        exported.size,
        to.display()
    ));
    Ok(Outcome::Clean)
}

fn verified(folder: &Path, key: &str, older: Option<&Path>, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let older = older.map(read_checkpoint).transpose()?;
    let verdict = verify::verify(folder, key, older.as_deref());
    if format == PlainFormat::Json {
        super::json(
            printer,
            &json!({
                "sound": verdict.problems.is_empty(),
                "size": verdict.size,
                "root": verdict.root,
                "first_bad": verdict.first_bad,
                "last_good": verdict.last_good,
                "texts": verdict.texts,
                "withheld": verdict.withheld,
                "problems": verdict.problems,
            }),
        )?;
    } else if verdict.problems.is_empty() {
        printer.data(&format!("{} entries are what they were; root {}\n", verdict.size, verdict.root))?;
    }
    let Some(first) = verdict.problems.into_iter().next() else { return Ok(Outcome::Clean) };
    // The list stands in the JSON form; the first problem ends the command.
    if format == PlainFormat::Json { Ok(Outcome::No) } else { Err(Failure::input(first)) }
}

fn record(folder: &Path, rollout: &str, key: Option<String>, written: &Written, printer: &Printer) -> Result<Outcome, Failure> {
    let key = match key {
        Some(key) => key,
        None => {
            let place = folder.join("log.vkey");
            let own = read_checkpoint(&place)?.trim().to_owned();
            printer.say("the folder is verified under the key that lies in it; whoever changed it may have changed that too: name the key with `--key`");
            own
        }
    };
    let bytes = document::of_a_folder(folder, &key, rollout, written.format.form(), written.notes).map_err(Failure::input)?;
    printer.file(written.output.as_deref(), &bytes)?;
    Ok(Outcome::Clean)
}

fn read_checkpoint(path: &Path) -> Result<String, Failure> {
    let bad = |text: String| {
        Failure::input(Problem::new("E-READ", path.display().to_string(), text, "name the `checkpoint` file of an earlier export"))
    };
    let length = std::fs::metadata(path).map_err(|error| bad(error.to_string()))?.len();
    if length > CHECKPOINT_LIMIT {
        return Err(bad(format!("is {length} bytes long, the limit is {CHECKPOINT_LIMIT}")));
    }
    std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))
}

/// Writes a backup while the server works.
pub fn backup(arguments: &Backup, printer: &Printer) -> Result<Outcome, Failure> {
    let data = arguments.kept.data.clone().unwrap_or_else(places::server);
    runtime()?.block_on(async {
        let store = open(&arguments.kept).await?;
        let keys = arguments.keys.then_some(data.as_path());
        let written = store.backup(&arguments.to, keys, Timestamp::now()).await.map_err(failure);
        store.close().await;
        written
    })?;
    let keys = if arguments.keys { "It holds the server's keys: keep it as you keep them." } else { "It holds no keys; keep those apart." };
    printer.say(&format!("the backup is {}. {keys}", arguments.to.display()));
    Ok(Outcome::Clean)
}

/// Restores a backup into an empty place, all of it or nothing.
pub fn restore(arguments: &Restore, printer: &Printer) -> Result<Outcome, Failure> {
    if let Some(data) = &arguments.kept.data {
        std::fs::create_dir_all(data).map_err(|error| {
            Failure::unfinished(Problem::new("E-WRITE", data.display().to_string(), error.to_string(), "name another folder with `--data`"))
        })?;
    }
    runtime()?.block_on(async {
        let store = Store::restore(&arguments.from, options(&arguments.kept)).await.map_err(failure)?;
        store.close().await;
        Ok::<(), Failure>(())
    })?;
    printer.say("restored; people sign in anew, because sessions are left out on purpose");
    Ok(Outcome::Clean)
}
