//! Databases for tests: SQLite files, and one private PostgreSQL server for
//! the whole test binary.

use plimsoll_store::engine::sqlite_url;
use plimsoll_store::{Engine, Options, Store};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// A store of one engine in a folder of its own.
pub struct Database {
    pub folder: PathBuf,
    pub options: Options,
    pub store: Store,
}

impl Database {
    pub fn engine(&self) -> Engine {
        self.store.engine()
    }

    /// Another server on the same database.
    pub async fn second(&self) -> Store {
        match self.engine() {
            // One SQLite file has one server; its clone stands for another.
            Engine::Sqlite => self.store.clone(),
            Engine::Postgres => Store::open_with(self.options.clone()).await.expect("second server"),
        }
    }
}

/// Options of an empty SQLite database.
pub fn sqlite(folder: &Path) -> Options {
    Options::new(sqlite_url(&folder.join("plim soll%.db")))
}

/// Options of an empty PostgreSQL database; none where there is no PostgreSQL.
pub fn postgres(folder: &Path) -> Option<Options> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = server()?;
    let name = format!("plimsoll_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    server.sql("postgres", &format!("CREATE DATABASE {name}"));
    let mut options = Options::new(format!("postgres://postgres@127.0.0.1:{}/{name}?sslmode=disable", server.port));
    options.keys = Some(folder.to_owned());
    options.connections = 4;
    Some(options)
}

/// Options of an empty database of each engine that is there.
pub fn engines() -> Vec<(TempDir, Options)> {
    let mut all = Vec::new();
    let folder = tempfile::tempdir().expect("folder");
    let options = sqlite(folder.path());
    all.push((folder, options));
    let folder = tempfile::tempdir().expect("folder");
    if let Some(options) = postgres(folder.path()) {
        all.push((folder, options));
    }
    all
}

/// Runs a test on each engine, one after the other.
pub fn each<F, T>(test: F)
where
    F: Fn(Database) -> T,
    T: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    for (folder, options) in engines() {
        runtime.block_on(async {
            let store = Store::open_with(options.clone()).await.expect("opens");
            eprintln!("on {:?}", store.engine());
            // The folder stays out here: a test that captures a part of its
            // database would drop the rest at once.
            test(Database { folder: folder.path().to_owned(), options, store }).await;
        });
    }
}

pub struct Server {
    pub port: u16,
    binaries: PathBuf,
    folder: PathBuf,
}

/// The private server, started once; stopped by a watcher when this process
/// ends, however it ends.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            let started = start();
            if started.is_none() {
                assert!(std::env::var_os("CI").is_none(), "CI needs PostgreSQL for these tests");
                eprintln!("skipped: no postgres");
            }
            started
        })
        .as_ref()
}

/// Where PostgreSQL's programs are; none where there is none.
pub fn binaries() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    found.retain(|path| path.join("initdb").is_file());
    found.sort();
    found.pop()
}

/// `initdb` and the server refuse to run as root.
pub fn unprivileged(program: &Path) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
    command
}

fn start() -> Option<Server> {
    let binaries = binaries()?;
    // Not TempDir: a static is never dropped; the watcher deletes the folder.
    let folder = std::env::temp_dir().join(format!("plimsoll-postgres-{}", std::process::id()));
    std::fs::create_dir_all(&folder).ok()?;
    let _ = Command::new("chown").arg("postgres").arg(&folder).status();
    let data = folder.join("data");
    let made = unprivileged(&binaries.join("initdb"))
        .arg("-D")
        .arg(&data)
        .args(["-U", "postgres", "-A", "trust", "--no-sync", "--locale", "C.UTF-8", "-E", "UTF8"])
        .output()
        .ok()?;
    if !made.status.success() {
        eprintln!("initdb: {}", String::from_utf8_lossy(&made.stderr));
        return None;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
    let server = Server { port, binaries, folder };
    let settings = format!(
        "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=200 -c shared_buffers=64MB"
    );
    let log = server.folder.join("log");
    let status = unprivileged(&server.binaries.join("pg_ctl"))
        .arg("-D")
        .arg(&data)
        .arg("-l")
        .arg(&log)
        .args(["-o", &settings, "-w", "-t", "60", "start"])
        .stdout(std::process::Stdio::null())
        .status()
        .ok()?;
    if !status.success() {
        eprintln!("pg_ctl: {}", std::fs::read_to_string(log).unwrap_or_default());
        return None;
    }
    server.watch(&data);
    Some(server)
}

impl Server {
    /// Starts a shell that waits for this process to end, stops the server and
    /// deletes its folder: a test binary has no hook of its own at its end.
    fn watch(&self, data: &Path) {
        let stop = format!(
            "while kill -0 {} 2>/dev/null; do sleep 1; done; {} -D {} -m immediate stop >/dev/null 2>&1; rm -rf {}",
            std::process::id(),
            quoted(&unprivileged(&self.binaries.join("pg_ctl"))),
            data.display(),
            self.folder.display(),
        );
        let _ = Command::new("setsid")
            .args(["sh", "-c", &stop])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
    }

    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = Command::new(self.binaries.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql])
            .output()
            .expect("psql");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn quoted(command: &Command) -> String {
    std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
