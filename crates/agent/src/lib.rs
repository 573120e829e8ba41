//! The agent and the helper: what runs on a managed host.
