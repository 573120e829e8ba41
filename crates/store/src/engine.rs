//! Opening a database of either engine: pools, durability, the lock on the
//! data directory, the poison after a failed fsync.

use crate::error::{ErrorKind, Result, StoreError};
use crate::evidence::signing::LogKey;
use crate::group_commit::GroupCommit;
use crate::schema;
use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::Timestamp;
use sqlx::any::AnyPoolOptions;
use sqlx::AnyPool;
use sqlx::pool::PoolConnection;
use sqlx::{Any, Transaction};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Which engine a database belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// One file beside the server.
    Sqlite,
    /// A server that several of ours share.
    Postgres,
}

/// Who opens the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opener {
    /// A server: takes the lock of an SQLite database and brings the schema up
    /// to date.
    Server,
    /// A command beside a running server (backup, export): takes no lock and
    /// leaves the schema alone.
    Command,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:///path/plimsoll.db` or `postgres://user@host/database`.
    pub url: String,
    /// Folder of the keys that must not be in the database; for SQLite the
    /// folder of the database unless given. Several servers on one PostgreSQL
    /// need the same files in it.
    pub keys: Option<PathBuf>,
    /// Who opens it.
    pub opener: Opener,
    /// Greatest number of connections for reading, and with PostgreSQL as many
    /// again for writing.
    pub connections: u32,
    /// Called with a running number before each statement of a migration and of
    /// a change, and before each commit; tests end the process in it.
    #[doc(hidden)]
    pub before_statement: Option<fn(usize)>,
}

impl Options {
    /// Options of a server on a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), keys: None, opener: Opener::Server, connections: 8, before_statement: None }
    }

    /// Options of a server on an SQLite file.
    pub fn sqlite(path: &Path) -> Self {
        Self::new(sqlite_url(path))
    }
}

/// A database of the server: cheap to clone, all clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) readers: AnyPool,
    writers: AnyPool,
    /// Held as long as the store lives; the system releases it when the
    /// process dies, however it dies.
    lock: Option<File>,
    poisoned: AtomicBool,
    /// Told when a write was lost.
    lost: tokio::sync::Notify,
    commits: AtomicU64,
    pub(crate) log_key: LogKey,
    pub(crate) sealing_key: [u8; 32],
    pub(crate) group: GroupCommit,
    pub(crate) last_leaf: std::sync::Mutex<u128>,
    pub(crate) integration: tokio::sync::Notify,
    /// Requests with a claim that this process works on, see [`crate::answers`].
    pub(crate) claims: std::sync::Mutex<std::collections::BTreeSet<String>>,
    before_statement: Option<fn(usize)>,
    statements: std::sync::atomic::AtomicUsize,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("engine", &self.inner.engine).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a database by its URL with everything else by default.
    ///
    /// # Errors
    /// As [`Store::open_with`].
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(Options::new(url)).await
    }

    /// Opens a database, makes it when there is none, and brings its schema up
    /// to date.
    ///
    /// # Errors
    /// `E-LOCKED` when another server holds it, `E-STORE-NEWER` when a newer
    /// program wrote it, `E-LOG-KEY` when the key of its log is missing, and
    /// what opening a database can meet.
    pub async fn open_with(options: Options) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let engine = engine_of(&options.url)?;
        let (lock, folder) = match engine {
            Engine::Sqlite => prepare_file(&options)?,
            Engine::Postgres => (None, options.keys.clone()),
        };
        let folder = options.keys.clone().or(folder).ok_or_else(|| {
            StoreError::new(
                ErrorKind::Invalid,
                "E-LOG-KEY",
                "keys",
                "A PostgreSQL database needs a folder for the keys that must not be in it.",
                "Name the data directory.",
            )
        })?;
        let writing = if engine == Engine::Sqlite { 1 } else { options.connections };
        let writers = pool(&options, engine, writing).await?;
        let readers = pool(&options, engine, options.connections).await?;
        if options.opener == Opener::Server {
            schema::migrate(&writers, engine, options.before_statement).await?;
        } else {
            schema::check(&readers).await?;
        }
        let mut connection = readers.acquire().await?;
        let log_key = LogKey::open(&mut connection, &folder, options.opener).await?;
        drop(connection);
        let sealing_key = crate::seal::key(&folder, options.opener)?;
        let inner = Inner {
            engine,
            readers,
            writers,
            lock,
            poisoned: AtomicBool::new(false),
            lost: tokio::sync::Notify::new(),
            commits: AtomicU64::new(0),
            log_key,
            sealing_key,
            group: GroupCommit::default(),
            last_leaf: std::sync::Mutex::new(0),
            integration: tokio::sync::Notify::new(),
            claims: std::sync::Mutex::default(),
            before_statement: options.before_statement,
            statements: std::sync::atomic::AtomicUsize::new(0),
        };
        let store = Self { inner: Arc::new(inner) };
        store.register_log(options.opener).await?;
        Ok(store)
    }

    /// Which engine it runs on.
    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// Number of transactions committed by this process; what group commit
    /// saves shows in it.
    pub fn commits(&self) -> u64 {
        self.inner.commits.load(Ordering::Relaxed)
    }

    /// Whether a write was lost by the disk; nothing is written any more and
    /// the process should end.
    ///
    /// A retry would succeed without the lost pages: after a failed fsync the
    /// system forgets them.
    pub fn is_poisoned(&self) -> bool {
        self.inner.poisoned.load(Ordering::SeqCst)
    }

    /// Waits until the disk lost a write; gives what the process should end
    /// with, for only a start reads what is really there.
    pub async fn lost_write(&self) -> StoreError {
        let lost = self.inner.lost.notified();
        tokio::pin!(lost);
        // From here on nothing is missed.
        lost.as_mut().enable();
        if !self.is_poisoned() {
            lost.await;
        }
        poisoned()
    }

    /// Asks the database for an answer, for readiness checks.
    ///
    /// # Errors
    /// It cannot be reached, or writes were lost.
    pub async fn ping(&self) -> Result<()> {
        self.refuse_if_poisoned()?;
        let mut connection = self.reader().await?;
        sqlx::query("SELECT 1").execute(&mut *connection).await?;
        Ok(())
    }

    /// Closes all connections; what is under way ends first.
    pub async fn close(&self) {
        self.inner.writers.close().await;
        self.inner.readers.close().await;
        if let Some(lock) = &self.inner.lock {
            // Also released when the last clone goes; early, so that a restart
            // in the same process can follow at once.
            let _ = lock.unlock();
        }
    }

    pub(crate) async fn reader(&self) -> Result<PoolConnection<Any>> {
        Ok(self.inner.readers.acquire().await?)
    }

    /// Starts a transaction for writing. SQLite takes the write lock at once:
    /// a transaction that read first could not become a writer any more.
    pub(crate) async fn writer(&self) -> Result<Transaction<'static, Any>> {
        self.refuse_if_poisoned()?;
        Ok(match self.inner.engine {
            Engine::Sqlite => self.sqlite_writer().await?,
            Engine::Postgres => self.inner.writers.begin().await?,
        })
    }

    /// SQLite undoes a transaction by itself where the disk is full; the
    /// connection does not hear of it, counts one too many from then on, and
    /// begins no other. It is the only one that writes, so another takes its
    /// place.
    async fn sqlite_writer(&self) -> Result<Transaction<'static, Any>> {
        const BEGIN: &str = "BEGIN IMMEDIATE";
        match self.inner.writers.begin_with(BEGIN).await {
            Err(sqlx::Error::InvalidSavePointStatement) => {
                // It ends here either way; what it says to that helps nobody.
                let _ = self.inner.writers.acquire().await?.close().await;
                Ok(self.inner.writers.begin_with(BEGIN).await?)
            }
            begun => Ok(begun?),
        }
    }

    /// Marks a point at which a test may end the process.
    pub(crate) fn step(&self) {
        if let Some(before) = self.inner.before_statement {
            before(self.inner.statements.fetch_add(1, Ordering::Relaxed));
        }
    }

    pub(crate) async fn commit(&self, transaction: Transaction<'static, Any>) -> Result<()> {
        self.step();
        match transaction.commit().await {
            Ok(()) => {
                self.inner.commits.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                let error = StoreError::from(error);
                if error.problem.code == "E-STORE-FSYNC" {
                    self.inner.poisoned.store(true, Ordering::SeqCst);
                    self.inner.lost.notify_waiters();
                }
                Err(error)
            }
        }
    }

    fn refuse_if_poisoned(&self) -> Result<()> {
        if self.is_poisoned() {
            return Err(poisoned());
        }
        Ok(())
    }
}

fn poisoned() -> StoreError {
    StoreError::new(
        ErrorKind::Unavailable,
        "E-STORE-FSYNC",
        "database",
        "The disk lost an earlier write, so nothing is written any more.",
        "Look at the disk and the kernel log, then start the server again.",
    )
}

fn engine_of(url: &str) -> Result<Engine> {
    if url.starts_with("sqlite:") {
        Ok(Engine::Sqlite)
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        Ok(Engine::Postgres)
    } else {
        // The URL itself may hold a password and is not repeated.
        Err(StoreError::new(
            ErrorKind::Invalid,
            "E-STORE-URL",
            "database",
            "The URL names no engine that is supported.",
            "Give sqlite:///path/to/file.db or postgres://user@host/database.",
        ))
    }
}

async fn pool(options: &Options, engine: Engine, size: u32) -> Result<AnyPool> {
    let url = match (engine, options.url.contains('?')) {
        (Engine::Sqlite, false) => format!("{}?mode=rwc", options.url),
        _ => options.url.clone(),
    };
    let pool = AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(30))
        // A ping before each use would double the round trips; a dead
        // connection shows in its first statement.
        .test_before_acquire(engine == Engine::Postgres)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                for statement in session(engine) {
                    sqlx::query(*statement).execute(&mut *connection).await?;
                }
                Ok(())
            })
        })
        .connect(&url)
        .await?;
    Ok(pool)
}

/// What each connection is told first.
fn session(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Sqlite => &[
            "PRAGMA busy_timeout = 10000",
            "PRAGMA journal_mode = WAL",
            // Every commit reaches the disk; NORMAL would lose acknowledged
            // evidence at a power cut.
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            "PRAGMA cache_size = -16384",
        ],
        Engine::Postgres => &[
            "SET synchronous_commit = on",
            "SET lock_timeout = '10s'",
            "SET idle_in_transaction_session_timeout = '60s'",
            "SET client_min_messages = warning",
        ],
    }
}

fn prepare_file(options: &Options) -> Result<(Option<File>, Option<PathBuf>)> {
    let path = sqlite_path(&options.url)
        .ok_or_else(|| StoreError::invalid("database", "The URL of an SQLite database names no file."))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if options.opener == Opener::Command {
        if !path.is_file() {
            return Err(StoreError::not_found(path.to_string_lossy()));
        }
        return Ok((None, Some(folder)));
    }
    std::fs::create_dir_all(&folder).map_err(|error| file_error(&folder, &error))?;
    Ok((Some(take_lock(&path)?), Some(folder)))
}

fn take_lock(database: &Path) -> Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| file_error(&path, &error))?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        let _ = (&mut file).take(200).read_to_string(&mut holder);
        return Err(StoreError::new(
            ErrorKind::Refused,
            "E-LOCKED",
            database.to_string_lossy(),
            format!("Another server holds this database ({}).", holder.trim()),
            "Stop that server, or use PostgreSQL for several servers.",
        ));
    }
    let _ = file.set_len(0);
    let _ = writeln!(file, "pid {} since {}", std::process::id(), Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"));
    Ok(file)
}

pub(crate) fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    let code = if error.kind() == std::io::ErrorKind::StorageFull { "E-STORE-FULL" } else { "E-FILE" };
    StoreError::unavailable(code, path.to_string_lossy(), error.to_string())
}

/// URL of an SQLite file; everything but plain letters is percent-encoded.
pub fn sqlite_url(path: &Path) -> String {
    let mut url = "sqlite://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// File of an SQLite URL.
pub(crate) fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let encoded = rest.split('?').next()?;
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut parts = encoded.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        bytes.extend(HEXLOWER_PERMISSIVE.decode(part.get(..2)?.as_bytes()).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.is_empty() && text != ":memory:").then(|| PathBuf::from(text))
}
