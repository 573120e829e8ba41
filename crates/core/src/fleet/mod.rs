//! The **index of a fleet**: which hosts have what, and which of them an
//! advisory touches.
//!
//! ```text
//! host ──► inventory (one a client and digest) ──► base ± differences
//! stream, name ──► versions in order ──► component ──► bases, hosts ± differences
//! ```
//!
//! Hosts share package versions, so work grows with *distinct* components and
//! not with hosts: an advisory is two binary searches a name and a union of
//! bitmaps, and a new database is compared name by name. Everything
//! here is derived: it is built again from the reports that the store keeps.
//!
//! The index holds no right to see anything. Whoever asks for another person
//! passes the hosts that this person may see, and every count is of those.

mod affected;
mod bases;
mod circumstances;
mod components;
mod index;
mod kept;
mod marks;
mod members;
mod names;
mod packages;
mod size;
mod touched;

#[cfg(test)]
mod tests;

pub use components::FIELD_LIMIT;
pub use index::{COMPONENT_LIMIT, Change, HOST_LIMIT, Index, Size};
pub use kept::Kept;
pub use packages::{InstalledVersion, Package};
pub use touched::{Difference, Digests, Reading, Touched};
