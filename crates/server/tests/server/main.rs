//! A whole server in this process, over its real sockets.

// One private PostgreSQL for the tests of several crates.
#[allow(dead_code)]
#[path = "../../../store/tests/store/databases.rs"]
mod databases;
mod mail;
mod notices;
mod receiver;
mod repeats;
mod rollout;
mod smtp;
mod stage;
