//! SQL on SQLite and PostgreSQL, content-addressed reports, and the evidence log.
