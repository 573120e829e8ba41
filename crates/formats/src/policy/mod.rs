//! The policy file, its presets and decision tables.
