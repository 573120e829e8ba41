//! The store on both engines.

mod databases;
mod hosts;
mod values;
