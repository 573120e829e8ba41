//! A **roster** as CSV: `name,accounts`, one team or person a line, accounts
//! with spaces between them.

use plimsoll_core::model::problem::Problem;
use plimsoll_core::operations::teams::Member;

/// Largest roster, bytes.
pub const LIMIT: usize = 1 << 20;

/// Reads a roster. Empty text lists nobody.
///
/// # Errors
///
/// `E-ROSTER` with the line: no header, a line without a name, more than
/// [`LIMIT`] bytes.
pub fn read(text: &str) -> Result<Vec<Member>, Problem> {
    let wrong = |place: String, what: String| Problem::new("E-ROSTER", place, what, "write a header `name,accounts`, then one name a line");
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    if text.len() > LIMIT {
        return Err(wrong("roster".to_owned(), format!("has {} bytes, the limit is {LIMIT}", text.len())));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(|error| wrong("roster:1".to_owned(), error.to_string()))?.clone();
    let column = |name: &str| header.iter().position(|one| one.eq_ignore_ascii_case(name));
    let name = column("name").ok_or_else(|| wrong("roster:1".to_owned(), "the header names no column `name`".to_owned()))?;
    let accounts = column("accounts");
    let mut members = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong("roster".to_owned(), error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let name = record.get(name).filter(|name| !name.is_empty()).ok_or_else(|| wrong(format!("roster:{line}"), "there is no name".to_owned()))?;
        let accounts = accounts.and_then(|place| record.get(place)).unwrap_or_default();
        members.push(Member { name: name.to_owned(), accounts: accounts.split_whitespace().map(str::to_owned).collect() });
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_with_their_accounts_and_refuses_what_has_none() {
        let read_one = |text: &str| read(text).map(|all| all.into_iter().map(|one| (one.name, one.accounts.into_iter().collect::<Vec<_>>())).collect::<Vec<_>>());
        assert_eq!(read_one("\u{feff}Name,Accounts\r\n\"Shop, the team\",ada bo\r\nWeb,\r\n").unwrap(), [
            ("Shop, the team".to_owned(), vec!["ada".to_owned(), "bo".to_owned()]),
            ("Web".to_owned(), vec![]),
        ]);
        assert_eq!(read_one("name\nWeb\n").unwrap(), [("Web".to_owned(), vec![])]);
        assert_eq!(read(" \n").unwrap(), []);
        assert_eq!(read("Web\nShop\n").unwrap_err().place, "roster:1");
        assert_eq!(read("name,accounts\nWeb,ada\n,bo\n").unwrap_err().place, "roster:3");
        assert!(read(&format!("name\n{}", "x\n".repeat(LIMIT / 2))).unwrap_err().text.contains("the limit is"));
    }
}
