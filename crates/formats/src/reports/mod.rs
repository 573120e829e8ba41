//! A scan written in the formats other tools read.
