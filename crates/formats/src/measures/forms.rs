//! CSV of a regulator's form: one duty a row.

use super::csv_rows::written;
use plimsoll_core::measures::duties::{Form, cells, columns};
use plimsoll_core::model::problem::Problem;

/// Writes a form as CSV (RFC 4180, UTF-8, one header line); what is not known
/// says so. A cell that a spreadsheet would take for a formula begins with an
/// apostrophe.
///
/// # Errors
///
/// `E-DOCUMENT` where it cannot be written.
pub fn form_csv(form: &Form) -> Result<String, Problem> {
    let header: Vec<String> = columns(form.report).iter().map(|name| (*name).to_owned()).collect();
    written(std::iter::once(header).chain(form.duties.rows.iter().map(|duty| cells(form.report, duty))))
}
