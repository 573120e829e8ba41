//! API, console, reconcilers, identity and notification.

pub mod console;
