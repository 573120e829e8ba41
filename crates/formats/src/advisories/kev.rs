//! CISA's catalogue of known exploited vulnerabilities, as JSON or CSV.

use super::facts::{date, is_cve, start_of, timestamp, unreadable};
use super::json_text::{List, Word, document};
use super::{Fact, Reading};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::threat::Kev;
use serde::Deserialize;

#[derive(Deserialize)]
struct Catalogue<'a> {
    #[serde(borrow, default, rename = "dateReleased")]
    released: Word<'a>,
    #[serde(borrow)]
    vulnerabilities: List<Entry<'a>>,
}

/// One row; both forms have these names.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Entry<'a> {
    #[serde(borrow, rename = "cveID")]
    cve: Word<'a>,
    #[serde(borrow)]
    vulnerability_name: Word<'a>,
    #[serde(borrow)]
    date_added: Word<'a>,
    #[serde(borrow)]
    required_action: Word<'a>,
    #[serde(borrow)]
    due_date: Word<'a>,
    #[serde(borrow)]
    known_ransomware_campaign_use: Word<'a>,
}

/// Reads the JSON catalogue.
pub fn json(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let catalogue: Catalogue<'_> = document(place, bytes, "the catalogue of known exploited vulnerabilities")?;
    let mut reading = Reading::default();
    for (index, entry) in catalogue.vulnerabilities.iter().enumerate() {
        take(place, index + 1, entry, &mut reading, sink);
    }
    reading.saw(timestamp(catalogue.released.as_str()));
    Ok(reading)
}

/// Reads the CSV catalogue; columns are found by their names.
pub fn csv(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut rows = ::csv::ReaderBuilder::new().flexible(true).from_reader(super::json_text::without_mark(bytes));
    let headers = rows
        .headers()
        .map_err(|error| unreadable(place, format!("is not readable as CSV: {error}")))?
        .clone();
    let column = |name: &str| headers.iter().position(|header| header.trim() == name);
    let (Some(cve), Some(added)) = (column("cveID"), column("dateAdded")) else {
        return Err(unreadable(place, "has no columns `cveID` and `dateAdded`, so it is not the catalogue"));
    };
    let (name, action) = (column("vulnerabilityName"), column("requiredAction"));
    let (due, ransomware) = (column("dueDate"), column("knownRansomwareCampaignUse"));
    let mut reading = Reading::default();
    for (index, row) in rows.records().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                reading.reject(unreadable(format!("{place}:{}", index + 2), format!("is not a readable row: {error}")));
                continue;
            }
        };
        let field = |column: Option<usize>| {
            Word(Some(std::borrow::Cow::Borrowed(column.and_then(|column| row.get(column)).unwrap_or(""))))
        };
        let entry = Entry {
            cve: field(Some(cve)),
            vulnerability_name: field(name),
            date_added: field(Some(added)),
            required_action: field(action),
            due_date: field(due),
            known_ransomware_campaign_use: field(ransomware),
        };
        take(place, index + 1, &entry, &mut reading, sink);
    }
    Ok(reading)
}

fn take(place: &str, number: usize, entry: &Entry<'_>, reading: &mut Reading, sink: &mut dyn FnMut(Fact)) {
    let cve = entry.cve.as_str().trim();
    let Some(date_added) = date(entry.date_added.as_str()).filter(|_| is_cve(cve)) else {
        let text = format!(
            "entry {number} has no CVE id or no date: `{}`, `{}`",
            cve.chars().take(40).collect::<String>(),
            entry.date_added.as_str().chars().take(40).collect::<String>()
        );
        reading.reject(unreadable(place, text));
        return;
    };
    reading.records += 1;
    reading.saw(start_of(date_added));
    let kev = Kev {
        date_added,
        due_date: date(entry.due_date.as_str()),
        ransomware: entry.known_ransomware_campaign_use.as_str().trim().eq_ignore_ascii_case("known"),
        name: super::facts::first_line(entry.vulnerability_name.as_str()),
        action: super::facts::details(entry.required_action.as_str()),
    };
    sink(Fact::Kev { cve: cve.to_owned(), kev });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_real_catalogue_agree() {
        let Some(data) = crate::test_data::folder() else { return };
        let read = |name: &str| std::fs::read(data.join("kev").join(name)).unwrap();
        let (mut from_json, mut from_csv) = (Vec::new(), Vec::new());
        let json_reading = json("json", &read("known_exploited_vulnerabilities.json"), &mut |fact| from_json.push(fact)).unwrap();
        let csv_reading = csv("csv", &read("known_exploited_vulnerabilities.csv"), &mut |fact| from_csv.push(fact)).unwrap();
        assert_eq!((json_reading.records, json_reading.rejected), (1352, 0));
        assert_eq!((csv_reading.records, csv_reading.rejected), (1352, 0));
        assert_eq!(json_reading.newest.unwrap().to_string(), "2025-05-22T17:00:28.7785Z");
        assert_eq!(csv_reading.newest.unwrap().to_string(), "2025-05-22T00:00:00Z");
        assert_eq!(from_json, from_csv);
        let ransomware = from_json.iter().filter(|fact| matches!(fact, Fact::Kev { kev, .. } if kev.ransomware)).count();
        assert!(ransomware > 200, "{ransomware}");
    }

    #[test]
    fn bad_entries_are_counted_and_the_rest_taken() {
        let text = r#"{"vulnerabilities":[{"cveID":"CVE-2024-3094","dateAdded":"2024-04-01"},{"cveID":"x","dateAdded":"2024-04-01"},{"cveID":"CVE-2024-3095","dateAdded":"soon"},{"cveID":7}]}"#;
        let mut taken = Vec::new();
        let reading = json("kev", text.as_bytes(), &mut |fact| taken.push(fact)).unwrap();
        assert_eq!((reading.records, reading.rejected, taken.len()), (1, 3, 1));
        for bytes in [&b"{}"[..], b"[", b"{\"vulnerabilities\":[", b"\xff"] {
            assert!(json("kev", bytes, &mut |_| ()).is_err());
        }
        assert!(csv("kev", b"a,b\n1,2\n", &mut |_| ()).is_err());
        let reading = csv("kev", b"cveID,dateAdded\nCVE-2024-3094,2024-04-01\n\xff,\xff\n\"open", &mut |_| ()).unwrap();
        assert_eq!((reading.records, reading.rejected), (1, 2));
    }
}
