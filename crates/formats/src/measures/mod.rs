//! Reports in the formats that other tools read.

mod csv_rows;
mod forms;
mod poam;
#[cfg(test)]
mod tests;

pub use csv_rows::{cost_csv, csv, csv_of};
pub use forms::form_csv;
pub use poam::poam;
