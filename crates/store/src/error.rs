//! What can go wrong with the store: one kind to act on and one [`Problem`] to
//! show.

use plimsoll_core::model::problem::Problem;
use std::fmt;

/// What a caller can do about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// There is no such row, or it is outside the scope that was asked for;
    /// the two are not told apart, so that nobody learns what others have.
    NotFound,
    /// The change collides with what is there: a taken name, a used token, a
    /// lease that somebody else holds.
    Conflict,
    /// The values cannot be stored as they are.
    Invalid,
    /// Not now: full, unreachable, busy. Nothing was stored; ask again later.
    Unavailable,
    /// What is stored is not what was written; restore a backup.
    Damaged,
    /// The database belongs to a newer version of the program, or another
    /// server holds it.
    Refused,
}

/// An error of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreError {
    /// What a caller can do about it.
    pub kind: ErrorKind,
    /// What to tell people; boxed, so that results stay small.
    pub problem: Box<Problem>,
}

/// Result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    /// Makes an error of a kind.
    pub fn new(
        kind: ErrorKind,
        code: &str,
        place: impl AsRef<str>,
        text: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { kind, problem: Box::new(Problem::new(code, place, text, next)) }
    }

    /// Says that a row is not there.
    pub fn not_found(place: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::NotFound, "E-NOT-FOUND", place, "There is no such thing here.", "Check the name or the id.")
    }

    /// Says that a change collides with what is there.
    pub fn conflict(code: &str, place: impl AsRef<str>, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, code, place, text, "Read the current state and decide again.")
    }

    /// Says that a value cannot be stored.
    pub fn invalid(place: impl AsRef<str>, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, "E-VALUE", place, text, "Correct the value.")
    }

    /// Says that a stored value cannot be read back.
    pub fn damaged(place: impl AsRef<str>, text: impl Into<String>) -> Self {
        Self::new(
            ErrorKind::Damaged,
            "E-STORE-CORRUPT",
            place,
            text,
            "Restore the newest backup with `plimsoll restore`.",
        )
    }

    /// Says that the store cannot be reached now.
    pub fn unavailable(code: &str, place: impl AsRef<str>, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, code, place, text, "Try again later.")
    }

    /// Whether nothing is wrong with the transaction that met the error, so
    /// that others in the same group may go on.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.kind, ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Invalid)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { code, place, text, .. } = &*self.problem;
        write!(formatter, "{code} {place}: {text}")
    }
}

impl std::error::Error for StoreError {}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::not_found("database"),
            sqlx::Error::Database(database) => from_database(database.as_ref()),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::unavailable("E-STORE-UNREACHABLE", "database", error.to_string())
            }
            sqlx::Error::PoolTimedOut => Self::unavailable(
                "E-STORE-BUSY",
                "database",
                "No connection to the database became free within 30 seconds.",
            ),
            sqlx::Error::ColumnDecode { index, .. } => Self::damaged(format!("column {index}"), error.to_string()),
            sqlx::Error::Configuration(_) => Self::new(
                ErrorKind::Invalid,
                "E-STORE-URL",
                "database",
                error.to_string(),
                "Give sqlite:///path/to/file.db or postgres://user@host/database.",
            ),
            _ => Self::unavailable("E-STORE", "database", error.to_string()),
        }
    }
}

/// Translates result codes: <https://sqlite.org/rescode.html> (at most four
/// digits, extended) and PostgreSQL's five-character SQLSTATE.
fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default().into_owned();
    let text = error.message().to_owned();
    let primary = if code.len() < 5 { code.parse::<i64>().ok().map(|number| number & 0xff) } else { None };
    if error.is_unique_violation() {
        return StoreError::conflict("E-TAKEN", error.constraint().unwrap_or("database"), text);
    }
    if error.is_foreign_key_violation() || error.is_check_violation() {
        return StoreError::conflict("E-REFERENCE", error.constraint().unwrap_or("database"), text);
    }
    match (primary, code.as_str()) {
        (Some(13), _) | (None, "53100") => StoreError::unavailable("E-STORE-FULL", "database", text),
        (Some(10), _) | (None, "58030") => StoreError::new(
            ErrorKind::Unavailable,
            "E-STORE-FSYNC",
            "database",
            text,
            "Look at the disk and the kernel log, then start the server again.",
        ),
        (Some(11 | 26), _) | (None, "XX001" | "XX002") => StoreError::damaged("database", text),
        (Some(5 | 6), _) | (None, "40001" | "40P01" | "55P03") => {
            StoreError::unavailable("E-STORE-BUSY", "database", text)
        }
        (Some(8), _) => StoreError::unavailable("E-STORE-READ-ONLY", "database", text),
        // A byte of zero or a text that is not UTF-8: PostgreSQL refuses what
        // SQLite would take.
        (None, "22021" | "22P05") => StoreError::invalid("database", text),
        _ => StoreError::unavailable("E-STORE", format!("database code {code}"), text),
    }
}
