//! Fetching against real servers on loopback: every way a server, a network or
//! a disk can go wrong, and what stays in use then.

#[path = "feeds/inward.rs"]
mod inward;
#[path = "feeds/keep.rs"]
mod keep;
#[path = "feeds/provider.rs"]
mod provider;
#[path = "feeds/server.rs"]
mod server;
#[path = "feeds/transfer.rs"]
mod transfer;
#[path = "feeds/whole.rs"]
mod whole;
