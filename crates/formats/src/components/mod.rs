//! Language components: lock files and installed metadata.
