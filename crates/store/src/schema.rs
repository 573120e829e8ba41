//! Migrations: numbered, embedded, each with its record in one transaction.
//!
//! Both engines roll back changes of the schema, so that a process killed at
//! any statement leaves the schema of before or of after. The text is written
//! once; a type's spelling and the bytewise collation are the engine's.

use crate::engine::Engine;
use crate::error::{ErrorKind, Result, StoreError};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, AnyPool};
use sqlx::{AssertSqlSafe, Row};

struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "first", sql: include_str!("migrations/0001_first.sql") },
    Migration { number: 2, name: "identity", sql: include_str!("migrations/0002_identity.sql") },
    Migration { number: 3, name: "notices", sql: include_str!("migrations/0003_notices.sql") },
    Migration { number: 4, name: "applications", sql: include_str!("migrations/0004_applications.sql") },
    Migration { number: 5, name: "journal", sql: include_str!("migrations/0005_journal.sql") },
    Migration { number: 6, name: "answers", sql: include_str!("migrations/0006_answers.sql") },
    Migration { number: 7, name: "exposure", sql: include_str!("migrations/0007_exposure.sql") },
    Migration { number: 8, name: "webhook-secrets", sql: include_str!("migrations/0008_webhook_secrets.sql") },
    Migration { number: 9, name: "rollouts", sql: include_str!("migrations/0009_rollouts.sql") },
    Migration { number: 10, name: "exceptions", sql: include_str!("migrations/0010_exceptions.sql") },
    Migration { number: 11, name: "mitigations", sql: include_str!("migrations/0011_mitigations.sql") },
    Migration { number: 12, name: "policy-versions", sql: include_str!("migrations/0012_policy_versions.sql") },
    Migration { number: 14, name: "teams", sql: include_str!("migrations/0014_teams.sql") },
    Migration { number: 15, name: "questions", sql: include_str!("migrations/0015_questions.sql") },
    Migration { number: 16, name: "work", sql: include_str!("migrations/0016_work.sql") },
    Migration { number: 18, name: "remarks", sql: include_str!("migrations/0018_remarks.sql") },
    Migration { number: 19, name: "notices-once", sql: include_str!("migrations/0019_notices_once.sql") },
    Migration { number: 20, name: "scanners", sql: include_str!("migrations/0020_scanners.sql") },
    Migration { number: 21, name: "practice", sql: include_str!("migrations/0021_practice.sql") },
    Migration { number: 22, name: "exceptions-since", sql: include_str!("migrations/0022_since.sql") },
    Migration { number: 24, name: "notices-to-people", sql: include_str!("migrations/0024_notices.sql") },
    Migration { number: 25, name: "looks", sql: include_str!("migrations/0025_looks.sql") },
    Migration { number: 27, name: "accreditations", sql: include_str!("migrations/0027_accreditations.sql") },
];

const REGISTER: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL
)";

/// Statements of a migration: they end with a semicolon at the end of a line.
fn statements(sql: &str) -> impl Iterator<Item = String> + '_ {
    sql.split(";\n").map(|statement| {
        statement.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
    })
    .map(|statement| statement.trim().to_owned())
    .filter(|statement| !statement.is_empty())
}

/// Gives a statement the engine's names of types. PostgreSQL sorts text by the
/// rules of a language unless told otherwise; SQLite always sorts bytes.
fn dialect(statement: &str, engine: Engine) -> String {
    match engine {
        Engine::Sqlite => statement.to_owned(),
        Engine::Postgres => statement.replace(" TEXT", " TEXT COLLATE \"C\"").replace(" BLOB", " BYTEA"),
    }
}

fn digest(migration: &Migration) -> String {
    HEXLOWER.encode(&Sha256::digest(migration.sql.as_bytes()))
}

/// Newest number that this program knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

/// Brings a database up to date, or refuses it.
pub(crate) async fn migrate(pool: &AnyPool, engine: Engine, before: Option<fn(usize)>) -> Result<()> {
    let mut count = 0;
    let mut step = || {
        if let Some(before) = before {
            before(count);
        }
        count += 1;
    };
    for migration in MIGRATIONS {
        let mut transaction = match engine {
            Engine::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => pool.begin().await?,
        };
        if engine == Engine::Postgres {
            // Two servers that start together take turns.
            sqlx::query("SELECT 1 FROM (SELECT pg_advisory_xact_lock(7305804402)) AS turn")
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(AssertSqlSafe(dialect(REGISTER, engine))).execute(&mut *transaction).await?;
        let known = recorded(&mut transaction).await?;
        refuse_foreign(&known)?;
        if known.iter().any(|(number, _)| *number == migration.number) {
            transaction.rollback().await?;
            continue;
        }
        for statement in statements(migration.sql) {
            step();
            sqlx::query(AssertSqlSafe(dialect(&statement, engine))).execute(&mut *transaction).await?;
        }
        step();
        sqlx::query("INSERT INTO migrations (number, name, digest) VALUES ($1, $2, $3)")
            .bind(migration.number)
            .bind(migration.name)
            .bind(digest(migration))
            .execute(&mut *transaction)
            .await?;
        step();
        transaction.commit().await?;
    }
    Ok(())
}

/// Refuses a database whose schema is not exactly this program's.
pub(crate) async fn check(pool: &AnyPool) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let known = recorded(&mut connection).await?;
    refuse_foreign(&known)?;
    if known.len() < MIGRATIONS.len() {
        return Err(StoreError::new(
            ErrorKind::Refused,
            "E-STORE-OLDER",
            "database",
            format!("The schema has version {}, this program needs {}.", known.last().map_or(0, |(number, _)| *number), newest()),
            "Start the server of this version once; it brings the schema up to date.",
        ));
    }
    Ok(())
}

async fn recorded(connection: &mut AnyConnection) -> Result<Vec<(i64, String)>> {
    let rows = sqlx::query("SELECT number, digest FROM migrations ORDER BY number").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("number")?, row.try_get("digest")?))).collect()
}

fn refuse_foreign(known: &[(i64, String)]) -> Result<()> {
    for (number, recorded) in known {
        match MIGRATIONS.iter().find(|migration| migration.number == *number) {
            Some(migration) if digest(migration) == *recorded => {}
            Some(migration) => {
                return Err(StoreError::new(
                    ErrorKind::Refused,
                    "E-STORE-SCHEMA",
                    format!("migration {number} ({})", migration.name),
                    "The database was made by another text of this migration.",
                    "Use the program that made it, or restore a backup.",
                ));
            }
            None => {
                return Err(StoreError::new(
                    ErrorKind::Refused,
                    "E-STORE-NEWER",
                    "database",
                    format!("The schema has version {number}, this program knows {}.", newest()),
                    "Use the newer program, or restore the backup made before the upgrade.",
                ));
            }
        }
    }
    Ok(())
}
