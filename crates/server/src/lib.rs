//! API, console, reconcilers, identity and notification.
