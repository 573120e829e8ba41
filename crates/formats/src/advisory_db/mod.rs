//! The advisory database's layout.
