//! The advisory database's layout: one immutable file, readable in place.
//!
//! ```text
//! header (256 B, signed)   what it is, how long, digest of the two tables
//! section table            where each section lies
//! block digests            BLAKE3 of every 16 KiB of the body
//! body
//!   sources                which feeds, how fresh             (MessagePack)
//!   shard per stream       names → rules, newest fix first    (read in place)
//!   advisories             one record each                    (MessagePack)
//!   texts                  long texts, 64 KiB zstd chunks
//!   identifiers            id, alias, CVE → advisory numbers  (sorted hashes)
//!   threats                CVE → EPSS, KEV, SSVC, CVSS        (sorted rows)
//!   statements, support    VEX and end of life                (MessagePack)
//! ```
//!
//! Opening checks the header, its signature and the digest of the tables; a
//! block is checked when it is first touched, everything by
//! [`read::Database::verify`]. All offsets are checked on use, so that even a
//! file with right digests and wrong contents gives an error and no panic.
//! Same input, same bytes: nothing of the machine or the clock goes in.
//! See `docs/decisions/0003-advisory-database.md` for why it is not SQLite.

mod file;
mod header;
pub mod layout;
pub mod read;
mod shard;
pub mod write;

#[cfg(test)]
mod tests;
