//! **Work logs** of ticket systems: CSV with hours, read whole or refused with
//! the line.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_core::measures::cost::steps::Step;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::work::{MOST_HOURS, Subject, hours, is_word};

/// Longest file, bytes.
pub const LONGEST: usize = 1 << 20;
/// Most lines of one file.
pub const LINES: usize = 10_000;
/// Longest id of a ticket and longest note, characters.
const WORDS: usize = 200;
/// Columns that a file has, in any order.
const COLUMNS: [&str; 6] = ["ticket", "date", "hours", "role", "step", "subject"];
/// A column that it may have.
const NOTE: &str = "note";

/// A line of a ticket's work log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logged {
    /// Ticket.
    pub ticket: String,
    /// When: the named moment, or the day's first, UTC.
    pub at: Timestamp,
    /// Seconds.
    pub seconds: u64,
    /// As what.
    pub role: String,
    /// The step; none for work of a cost centre.
    pub step: Option<Step>,
    /// What it was for.
    pub subject: Subject,
    /// What was done.
    pub note: String,
}

fn problem(line: u64, text: impl Into<String>, next: &str) -> Problem {
    Problem::new("E-WORK-LOG", format!("line {line}"), text, next)
}

/// Reads a work log: a header line, then one line an entry. Nothing of a file
/// with a wrong line is taken.
///
/// # Errors
///
/// `E-WORK-LOG` with the line; `E-LIMIT` for a file that is too long.
pub fn read(text: &str) -> Result<Vec<Logged>, Problem> {
    if text.len() > LONGEST {
        return Err(Problem::new("E-LIMIT", "work log", format!("has {} bytes, the limit is {LONGEST}", text.len()), "bring it in parts"));
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(|error| problem(1, error.to_string(), "write it as CSV with a header line"))?.clone();
    let named: Vec<String> = header.iter().map(str::to_lowercase).collect();
    for name in &named {
        if !COLUMNS.contains(&name.as_str()) && name != NOTE {
            return Err(problem(1, format!("the column {} is unknown", printable(name)), "name the columns ticket, date, hours, role, step, subject and note"));
        }
    }
    let place = |name: &str| named.iter().position(|column| column == name);
    let mut places = Vec::with_capacity(COLUMNS.len());
    for name in COLUMNS {
        places.push(place(name).ok_or_else(|| problem(1, format!("the column {name} is missing"), "name the columns ticket, date, hours, role, step, subject and note"))?);
    }
    let note = place(NOTE);
    let mut logged = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| problem(error.position().map_or(0, csv::Position::line), error.to_string(), "give every line as many cells as the header"))?;
        let line = record.position().map_or(0, csv::Position::line);
        if logged.len() == LINES {
            return Err(Problem::new("E-LIMIT", format!("line {line}"), format!("there are more than {LINES} lines"), "bring it in parts"));
        }
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let cells: Vec<&str> = places.iter().map(|place| cell(*place)).collect();
        let &[ticket, date, spent, role, step, subject] = cells.as_slice() else { continue };
        logged.push(entry(line, [ticket, date, spent, role, step, subject], note.map(cell).unwrap_or_default())?);
    }
    if logged.is_empty() {
        return Err(problem(1, "there is no line below the header", "name a file with entries"));
    }
    Ok(logged)
}

fn entry(line: u64, [ticket, date, spent, role, step, subject]: [&str; 6], note: &str) -> Result<Logged, Problem> {
    let subject = Subject::parse(subject).map_err(|text| problem(line, text, "name what the work was for"))?;
    let step = match step {
        "" if matches!(subject, Subject::Overhead(_)) => None,
        "" => return Err(problem(line, "the step is empty", "name one of the steps 1.1 to 10.4; only work of a cost centre has none")),
        step => Some(Step::parse(step).ok_or_else(|| problem(line, format!("{} is none of the steps 1.1 to 10.4", printable(step)), "name the step"))?),
    };
    if !is_word(role) {
        return Err(problem(line, format!("{} is no role", printable(role)), "write small letters, digits, - and _, as in the policy's prices"));
    }
    Ok(Logged {
        ticket: shown(line, "ticket", ticket, 1)?,
        at: moment(date).ok_or_else(|| problem(line, format!("{} is no day", printable(date)), "write it as 2026-11-30, or as RFC 3339"))?,
        seconds: hours(spent).map_err(|text| problem(line, text, &format!("write hours with a point, at most {MOST_HOURS}")))?,
        role: role.to_owned(),
        step,
        subject,
        note: shown(line, "note", note, 0)?,
    })
}

fn moment(text: &str) -> Option<Timestamp> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>().ok().or_else(day)
}

/// A text of others that can be shown again.
fn shown(line: u64, name: &str, text: &str, least: usize) -> Result<String, Problem> {
    let length = text.chars().count();
    if length < least || length > WORDS {
        return Err(problem(line, format!("the {name} has {length} characters, {least} to {WORDS} are taken"), "shorten it"));
    }
    if text.chars().any(plimsoll_core::model::problem::acts) {
        return Err(problem(line, format!("the {name} has characters that cannot be shown"), "remove them"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "ticket,date,hours,role,step,subject,note\n";

    #[test]
    fn a_log_is_read_in_any_order_of_columns() {
        let package = "package:".to_owned() + &"ab".repeat(32);
        let text = format!("\u{feff}Hours,Subject,Step,Role,Ticket,Date\n1.25,{package},7.3,operator,OPS-1,2026-11-02\n0.5,overhead:guides,,default,OPS-2,2026-11-02T10:00:00Z\n");
        let logged = read(&text).unwrap();
        assert_eq!((logged[0].seconds, logged[0].step, logged[0].at.to_string()), (4500, Step::parse("7.3"), "2026-11-02T00:00:00Z".to_owned()));
        assert_eq!((logged[1].ticket.as_str(), logged[1].step, logged[1].subject.to_string()), ("OPS-2", None, "overhead:guides".to_owned()));
    }

    #[test]
    fn hostile_logs_are_refused_with_their_line() {
        let refused = |rest: &str| read(&format!("{HEADER}OPS-0,2026-11-02,1,operator,7.3,advisory:DSA-1,\n{rest}\n")).unwrap_err();
        for (line, told) in [
            ("OPS-1,2026-11-02,1e9,operator,7.3,advisory:DSA-1,", "is no number of hours"),
            ("OPS-1,2026-11-02,1001,operator,7.3,advisory:DSA-1,", "is no number of hours"),
            ("OPS-1,2026-11-02,-1,operator,7.3,advisory:DSA-1,", "is no number of hours"),
            ("OPS-1,2026-13-02,1,operator,7.3,advisory:DSA-1,", "is no day"),
            ("OPS-1,2026-11-02,1,=HYPERLINK(1),7.3,advisory:DSA-1,", "is no role"),
            ("OPS-1,2026-11-02,1,operator,11.1,advisory:DSA-1,", "is none of the steps"),
            ("OPS-1,2026-11-02,1,operator,,advisory:DSA-1,", "the step is empty"),
            ("OPS-1,2026-11-02,1,operator,7.3,host:web1,", "is not package:"),
            (",2026-11-02,1,operator,7.3,advisory:DSA-1,", "the ticket has 0 characters"),
            ("OPS-1,2026-11-02,1,operator,7.3,advisory:DSA-1,a\u{202e}b", "cannot be shown"),
            ("OPS-1,2026-11-02,1,operator,7.3", "found record with 5 fields"),
        ] {
            let problem = refused(line);
            assert!(problem.code == "E-WORK-LOG" && problem.place == "line 3" && problem.text.contains(told), "{line}: {problem:?}");
        }
        assert!(read("ticket,date,hours\n").unwrap_err().text.contains("role is missing"));
        assert!(read(HEADER).unwrap_err().text.contains("no line below"));
        assert!(read("ticket,=cmd\n").unwrap_err().text.contains("is unknown"));
        assert_eq!(read(&"x".repeat(LONGEST + 1)).unwrap_err().code, "E-LIMIT");
        let many = "a,2026-11-02,1,b,7.3,advisory:D,\n".repeat(LINES + 1);
        assert_eq!(read(&format!("{HEADER}{many}")).unwrap_err().code, "E-LIMIT");
        // What would be a formula is kept as it is, and made harmless when it goes out again.
        assert_eq!(read(&format!("{HEADER}=1+1,2026-11-02,1,operator,7.3,advisory:DSA-1,+x\n")).unwrap()[0].ticket, "=1+1");
    }
}
