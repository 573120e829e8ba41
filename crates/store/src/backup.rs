//! **Backup** while the server runs, and **restore** into either engine.
//!
//! A backup is one file: zstd over lines of JSON, table after table out of one
//! snapshot, with an end that counts the rows and digests everything before
//! it. One form for both engines also moves an SQLite database to PostgreSQL.
//! A file without its end is refused before anything is restored.

use crate::columns::to_json;
use crate::engine::{Engine, Opener, Options, Store, file_error};
use crate::error::{ErrorKind, Result, StoreError};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Column, Row, Transaction, ValueRef};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// Name and version of the form.
const FORMAT: &str = "plimsoll-backup/1";

/// Tables in an order in which each comes after those it refers to.
///
/// Left out: sessions, sign-in links, tickets and kept answers. A session that was
/// ended since must not come back to life with an old backup.
pub(crate) const TABLES: &[&str] = &[
    "counters", "settings", "leases", "evidence_leaves", "evidence_texts", "evidence_tiles", "evidence_log",
    "evidence_checkpoints", "clients", "host_groups", "hosts", "presence", "group_members", "reports",
    "transitions", "applications", "application_hosts", "people", "grants", "second_factors", "api_tokens",
    "enrolment_tokens", "webhooks", "deliveries", "alerts", "notice_marks", "notices_told", "notices_once", "exposure_hosts", "exposure_clients",
    "acquired", "deployment_packages", "package_signatures", "rollouts", "assignments", "outcomes", "confirmations", "scanner_results",
    "exceptions", "exception_approvals", "mitigations", "mitigation_hosts", "mitigation_checks", "accreditations", "policy_versions", "team_facts", "coverage_days", "remarks", "questions", "work", "cost_terms", "made_reports", "notices", "notice_people",
    "triages", "looks",
];

/// Tables that a new database fills by itself.
const FILLED: &[&str] = &["counters", "evidence_log", "leases"];

/// Keys that a backup may carry, so that the log can go on and sealed secrets
/// open.
const KEYS: &[&str] = &["evidence.key", "sealing.key"];

/// Greatest line: a stored report of 64 MiB in hex, and some more.
const LINE: u64 = 192 << 20;

/// What a backup holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Backup {
    /// When it was made.
    pub created: Timestamp,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Whether it holds the keys of the data directory and must be kept as
    /// they are.
    pub with_keys: bool,
    /// SHA-256 over all lines but the last, hex.
    pub digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Head { format: String, schema: i64, created: Timestamp },
    Key { key: String, hex: String },
    Table { table: String },
    End { rows: BTreeMap<String, u64>, sha256: String },
    Row(BTreeMap<String, Cell>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Cell {
    Number(i64),
    Text(String),
    /// Bytes in hex, in a list of one so that they differ from text.
    Bytes([String; 1]),
}

struct Writer {
    out: zstd::Encoder<'static, File>,
    digest: Sha256,
    path: PathBuf,
}

impl Writer {
    fn line(&mut self, line: &Line) -> Result<()> {
        let mut bytes = to_json(line)?.into_bytes();
        bytes.push(b'\n');
        self.digest.update(&bytes);
        self.out.write_all(&bytes).map_err(|error| file_error(&self.path, &error))
    }
}

impl Store {
    /// Writes a backup into a file that is not there yet, readable by its
    /// owner only; the server may go on working meanwhile.
    ///
    /// With the keys of `keys` it can be restored on an empty machine, and
    /// whoever has it can sign as this log. The file appears under its name
    /// only when it is complete.
    ///
    /// # Errors
    /// The file is there, or cannot be written, or the store cannot be read.
    pub async fn backup(&self, path: &Path, keys: Option<&Path>, now: Timestamp) -> Result<Backup> {
        let aside = path.with_extension("incomplete");
        if path.exists() {
            let text = "The file is there already.";
            return Err(StoreError::new(ErrorKind::Invalid, "E-FILE", path.to_string_lossy(), text, "Name a new file."));
        }
        let file = create_private(&aside).map_err(|error| file_error(&aside, &error))?;
        let out = zstd::Encoder::new(file, 3).map_err(|error| file_error(&aside, &error))?;
        let mut writer = Writer { out, digest: Sha256::new(), path: aside.clone() };
        writer.line(&Line::Head { format: FORMAT.to_owned(), schema: crate::schema::newest(), created: now })?;
        for key in keys.map_or(&[][..], |_| KEYS) {
            let path = keys.unwrap_or(Path::new(".")).join(key);
            let hex = std::fs::read_to_string(&path).map_err(|error| file_error(&path, &error))?.trim().to_owned();
            writer.line(&Line::Key { key: (*key).to_owned(), hex })?;
        }
        let mut rows = BTreeMap::new();
        let mut snapshot = self.snapshot().await?;
        for table in TABLES {
            rows.insert((*table).to_owned(), write_table(&mut snapshot, table, &mut writer).await?);
        }
        snapshot.rollback().await?;
        let digest = HEXLOWER.encode(&writer.digest.clone().finalize());
        writer.line(&Line::End { rows: rows.clone(), sha256: digest.clone() })?;
        let finish = || {
            let file = writer.out.finish()?;
            file.sync_all()?;
            std::fs::rename(&aside, path)?;
            File::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
        };
        finish().map_err(|error| file_error(path, &error))?;
        Ok(Backup { created: now, rows, with_keys: keys.is_some(), digest })
    }

    /// A transaction in which everything is read as of one moment.
    async fn snapshot(&self) -> Result<Transaction<'static, Any>> {
        Ok(match self.engine() {
            Engine::Sqlite => self.inner.readers.begin().await?,
            Engine::Postgres => self.inner.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
        })
    }

    /// Restores a backup into an empty database of either engine, all of it or
    /// nothing, and gives the opened store.
    ///
    /// The store begins another life: hosts may have seen plans that are younger
    /// than the backup.
    ///
    /// Keys in the backup are put into the folder for keys unless they are
    /// there.
    ///
    /// # Errors
    /// `E-BACKUP` when the file is incomplete or changed, before anything is
    /// touched; `E-NOT-EMPTY` for a database in use; `E-LOG-KEY` when the key
    /// at hand is not the one that signed the log in the backup.
    pub async fn restore(path: &Path, options: Options) -> Result<Self> {
        inspect(path)?;
        let options = Options { opener: Opener::Server, ..options };
        place_keys(path, &options)?;
        let store = Self::open_with(options).await?;
        let mut transaction = store.writer().await?;
        refuse_used(&mut transaction).await?;
        for table in FILLED {
            sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut *transaction).await?;
        }
        insert_all(&mut transaction, path).await?;
        crate::rollouts::next_epoch(&mut transaction).await?;
        store.check_restored_log(&mut transaction).await?;
        store.commit(transaction).await?;
        Ok(store)
    }
}

fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

async fn write_table(connection: &mut AnyConnection, table: &str, writer: &mut Writer) -> Result<u64> {
    writer.line(&Line::Table { table: table.to_owned() })?;
    let mut rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch(connection);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        writer.line(&Line::Row(cells(&row)?))?;
        count += 1;
    }
    Ok(count)
}

fn cells(row: &AnyRow) -> Result<BTreeMap<String, Cell>> {
    let mut cells = BTreeMap::new();
    for (place, column) in row.columns().iter().enumerate() {
        let cell = match row.try_get_raw(place)?.type_info().kind() {
            AnyTypeInfoKind::Null => continue,
            AnyTypeInfoKind::Text => Cell::Text(row.try_get(place)?),
            AnyTypeInfoKind::Blob => Cell::Bytes([HEXLOWER.encode(&row.try_get::<Vec<u8>, _>(place)?)]),
            _ => Cell::Number(row.try_get(place)?),
        };
        cells.insert(column.name().to_owned(), cell);
    }
    Ok(cells)
}

fn bad(path: &Path, text: impl Into<String>) -> StoreError {
    StoreError::new(ErrorKind::Refused, "E-BACKUP", path.to_string_lossy(), text, "Use another backup.")
}

/// Lines of a backup.
struct Lines<'a> {
    path: &'a Path,
    reader: BufReader<zstd::Decoder<'static, BufReader<File>>>,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| file_error(path, &error))?;
        let decoder = zstd::Decoder::new(file).map_err(|error| bad(path, error.to_string()))?;
        Ok(Self { path, reader: BufReader::new(decoder) })
    }

    /// The next line with its bytes; none at the end of the file.
    fn next(&mut self) -> Result<Option<(Vec<u8>, Line)>> {
        let mut bytes = Vec::new();
        let read = std::io::Read::take(&mut self.reader, LINE).read_until(b'\n', &mut bytes);
        if read.map_err(|error| bad(self.path, format!("It cannot be read to its end: {error}.")))? == 0 {
            return Ok(None);
        }
        if bytes.last() != Some(&b'\n') {
            return Err(bad(self.path, "It ends in the middle of a line."));
        }
        let line = serde_json::from_slice(&bytes).map_err(|error| bad(self.path, format!("A line cannot be read: {error}.")))?;
        Ok(Some((bytes, line)))
    }
}

/// Reads a backup to its end and checks that it is complete, unchanged and of
/// this program's schema.
///
/// # Errors
/// `E-BACKUP` with what is wrong.
pub fn inspect(path: &Path) -> Result<Backup> {
    let mut digest = Sha256::new();
    let (mut head, mut end, mut keys) = (None, None, 0);
    let (mut rows, mut table): (BTreeMap<String, u64>, Option<String>) = (BTreeMap::new(), None);
    let mut lines = Lines::open(path)?;
    while let Some((bytes, line)) = lines.next()? {
        if end.is_some() {
            return Err(bad(path, "Something follows its end."));
        }
        match line {
            Line::Head { format, schema, created } if head.is_none() && format == FORMAT => head = Some((schema, created)),
            _ if head.is_none() => return Err(bad(path, "It is no backup of this program.")),
            Line::Head { .. } => return Err(bad(path, "It has two heads.")),
            Line::Key { .. } => keys += 1,
            Line::Table { table: name } => {
                rows.insert(name.clone(), 0);
                table = Some(name);
            }
            Line::Row(_) => {
                let count = table.as_ref().and_then(|table| rows.get_mut(table)).ok_or_else(|| bad(path, "A row has no table."))?;
                *count += 1;
            }
            Line::End { rows, sha256 } => {
                end = Some((rows, sha256));
                continue;
            }
        }
        digest.update(bytes);
    }
    let (schema, created) = head.ok_or_else(|| bad(path, "It is empty."))?;
    let (counted, sha256) = end.ok_or_else(|| bad(path, "It is incomplete: its end is missing."))?;
    if counted != rows || sha256 != HEXLOWER.encode(&digest.finalize()) {
        return Err(bad(path, "Its content does not have the digest at its end."));
    }
    if schema != crate::schema::newest() {
        let text = format!("Its schema has version {schema}, this program has {}.", crate::schema::newest());
        return Err(StoreError::new(
            ErrorKind::Refused,
            "E-BACKUP",
            path.to_string_lossy(),
            text,
            "Restore it with the program of that version, then upgrade.",
        ));
    }
    if let Some(unknown) = rows.keys().find(|name| !TABLES.contains(&name.as_str())) {
        return Err(bad(path, format!("It has a table {unknown:?} that this program does not know.")));
    }
    Ok(Backup { created, rows, with_keys: keys > 0, digest: sha256 })
}

fn place_keys(path: &Path, options: &Options) -> Result<()> {
    let database = crate::engine::sqlite_path(&options.url);
    let folder = options.keys.clone().or_else(|| Some(database?.parent()?.to_owned()));
    let Some(folder) = folder else { return Ok(()) };
    let mut lines = Lines::open(path)?;
    // Keys come before the first table.
    while let Some((_, line)) = lines.next()? {
        let (key, hex) = match line {
            Line::Head { .. } => continue,
            Line::Key { key, hex } => (key, hex),
            _ => break,
        };
        let file = folder.join(&key);
        // Names from the file: only the two that we know.
        if !KEYS.contains(&key.as_str()) || file.exists() {
            continue;
        }
        let write = || {
            std::fs::create_dir_all(&folder)?;
            let mut out = create_private(&file)?;
            writeln!(out, "{hex}")?;
            out.sync_all()
        };
        write().map_err(|error| file_error(&file, &error))?;
    }
    Ok(())
}

async fn refuse_used(connection: &mut AnyConnection) -> Result<()> {
    for table in TABLES.iter().filter(|table| !FILLED.contains(table)) {
        let row = sqlx::query(AssertSqlSafe(format!("SELECT 1 AS used FROM {table} LIMIT 1"))).fetch_optional(&mut *connection).await?;
        if row.is_some() {
            return Err(StoreError::new(
                ErrorKind::Refused,
                "E-NOT-EMPTY",
                format!("table {table}"),
                "The database is in use.",
                "Restore into an empty one, and put it into the place of the old one afterwards.",
            ));
        }
    }
    Ok(())
}

async fn insert_all(connection: &mut AnyConnection, path: &Path) -> Result<()> {
    let mut lines = Lines::open(path)?;
    let mut table = String::new();
    while let Some((_, line)) = lines.next()? {
        match line {
            Line::Table { table: next } => table = next,
            Line::Row(row) => insert(connection, &table, row).await?,
            _ => {}
        }
    }
    Ok(())
}

/// Inserts one row. Columns without a value are left out, because PostgreSQL
/// wants to know the type of a missing value.
async fn insert(connection: &mut AnyConnection, table: &str, row: BTreeMap<String, Cell>) -> Result<()> {
    let name_is_plain = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !TABLES.contains(&table) || !row.keys().all(name_is_plain) {
        return Err(StoreError::invalid(table, "The backup names a table or column that cannot be."));
    }
    let names: Vec<&str> = row.keys().map(String::as_str).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), crate::columns::placeholders(1, names.len()));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for cell in row.into_values() {
        query = match cell {
            Cell::Number(number) => query.bind(number),
            Cell::Text(text) => query.bind(text),
            Cell::Bytes([text]) => query.bind(HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| StoreError::invalid(table, "Bytes in the backup are no hex."))?),
        };
    }
    query.execute(connection).await?;
    Ok(())
}
