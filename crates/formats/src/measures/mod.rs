//! Reports in the formats that other tools read.

mod csv_rows;
mod poam;
#[cfg(test)]
mod tests;

pub use csv_rows::{csv, csv_of};
pub use poam::poam;
