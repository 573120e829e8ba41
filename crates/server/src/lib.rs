//! API, console, reconcilers, identity and notification.

pub mod http;
pub mod identity;
pub mod outward;
