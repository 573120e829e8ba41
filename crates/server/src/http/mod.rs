//! What every **request** passes before anything of ours looks at it, and
//! what every answer carries: routes with a declared permission, limits,
//! origin checks, security headers, the client's true address, strict JSON and
//! problems that say what to do next.

pub mod address;
pub mod body;
pub mod gate;
pub mod headers;
pub mod json;
pub mod limits;
pub mod origin;
pub mod parameters;
pub mod path;
pub mod problem;
pub mod repeat;
pub mod routes;
pub mod serve;
pub mod tls;

#[cfg(test)]
pub mod matrix;
