//! Reading hosts: real data, real package managers, hostile roots.

#[path = "host/data.rs"]
mod data;
#[path = "host/plans.rs"]
mod plans;
#[path = "host/random.rs"]
mod random;
