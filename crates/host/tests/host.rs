//! Reading hosts: real data, real package managers, hostile roots.

#[path = "host/data.rs"]
mod data;
#[path = "host/hostile.rs"]
mod hostile;
#[path = "host/live.rs"]
mod live;
#[path = "host/plans.rs"]
mod plans;
#[path = "host/random.rs"]
mod random;
