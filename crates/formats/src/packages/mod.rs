//! Package databases and repository indices of operating systems.
