//! `rpmdb.sqlite`, read from memory.

use super::{Database, header};
use plimsoll_core::model::problem::Problem;
use rusqlite::Connection;
use std::io::Read;

/// Longest database read, in bytes; a desktop with 5,000 packages has 200 MB.
const LIMIT: usize = 1 << 30;

/// Reads the headers of an SQLite rpm database.
///
/// The bytes are opened in memory: no lock, no journal, no write to the host.
/// `wal` is the length of the `-wal` file beside it (0 where there is none);
/// what stands in it is not read, and that is said, because a transaction may
/// be hidden there while rpm has the database open.
pub fn parse(place: &str, bytes: &[u8], wal: u64) -> Result<Database, Problem> {
    let refuse = |error: String| {
        Problem::new("E-FORMAT", place, error, "run `rpmdb --verifydb`, then `rpmdb --rebuilddb` on the host")
    };
    if bytes.len() > LIMIT {
        return Err(Problem::new(
            "E-LIMIT",
            place,
            format!("is {} bytes long, the limit is {LIMIT}", bytes.len()),
            "check where the file comes from",
        ));
    }
    let connection = open(bytes).map_err(|error| refuse(format!("is not a readable SQLite database: {error}")))?;
    check_schema(&connection).map_err(refuse)?;
    let mut database = Database::default();
    if wal > 0 {
        database.note(Problem::new(
            "W-PARTIAL",
            place,
            format!("{wal} bytes of changes beside it (-wal) were not read"),
            "scan again when no package manager runs; `rpm -q rpm` on the host merges the changes",
        ));
    }
    let mut statement = connection
        .prepare("SELECT hnum, blob FROM Packages ORDER BY hnum")
        .map_err(|error| refuse(format!("has no readable table of packages: {error}")))?;
    let mut rows = statement.query([]).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    loop {
        match rows.next() {
            Ok(None) => break,
            Ok(Some(row)) => {
                let number = row.get::<_, i64>(0).unwrap_or(-1);
                let inner = format!("{place}!Packages:{number}");
                let outcome = match row.get_ref(1).map(|value| value.as_blob()) {
                    Ok(Ok(blob)) => header::parse(&inner, blob),
                    _ => Err(Problem::new("E-FORMAT", inner, "the row holds no header", "run `rpmdb --rebuilddb`; the package was left out")),
                };
                database.take(outcome);
            }
            // The rest of a damaged table cannot be reached.
            Err(error) => {
                database.rejected += 1;
                database.note(Problem::new(
                    "E-FORMAT",
                    place,
                    format!("is damaged after {} packages: {error}", database.packages.len()),
                    "run `rpmdb --rebuilddb` on the host; the packages after the damage are missing here",
                ));
                break;
            }
        }
    }
    Ok(database)
}

/// Opens bytes as a read-only database in memory.
///
/// rpm writes in WAL mode, and SQLite refuses to open a WAL database without
/// its shared memory file, so the two mode bytes (18 and 19 of the file's
/// header) are read as "no WAL".
fn open(bytes: &[u8]) -> Result<Connection, String> {
    let (Some(head), Some(tail)) = (bytes.get(..18), bytes.get(20..)) else {
        return Err(format!("is only {} bytes long", bytes.len()));
    };
    let mut connection = Connection::open_in_memory().map_err(|error| error.to_string())?;
    let reader = head.chain(&[1u8, 1][..]).chain(tail);
    connection
        .deserialize_read_exact("main", reader, bytes.len(), true)
        .map_err(|error| error.to_string())?;
    connection
        .execute_batch("PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;")
        .map_err(|error| error.to_string())?;
    Ok(connection)
}

/// Makes sure that `Packages` is a plain table: a view or computed column
/// could run for ever.
fn check_schema(connection: &Connection) -> Result<(), String> {
    let (kind, sql) = connection
        .query_row("SELECT type, sql FROM sqlite_schema WHERE lower(name) = 'packages'", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default()))
        })
        .map_err(|error| format!("has no readable table of packages: {error}"))?;
    let upper = sql.to_ascii_uppercase();
    if kind != "table" || upper.contains("VIRTUAL") || upper.contains("GENERATED") || upper.contains(" AS") {
        return Err("holds a table of packages that rpm does not make".to_owned());
    }
    Ok(())
}
