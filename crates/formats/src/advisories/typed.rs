//! Advisories typed in by hand, as TOML: for software whose vendor publishes
//! nothing a machine can read.
//!
//! A file holds one advisory, or many under `[[advisory]]`:
//!
//! ```toml
//! id = "ACME-2026-01"
//! summary = "Remote login without a password"
//! severity = "high"            # critical, high, medium, low
//! cvss = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
//! cves = ["CVE-2026-0001"]
//! published = 2026-02-03       # a day, or a moment with offset
//! references = ["https://acme.example/advisories/1"]
//!
//! [[affected]]                 # once a range
//! stream = "vendor"            # or debian:12, npm, …
//! name = "acme/gateway"
//! introduced = "2.0"           # left out: from the beginning
//! fixed = "2.4.1"              # or last_affected; neither: no fix known
//!
//! [[workaround]]
//! text = "Turn off remote login"
//! url = "https://acme.example/workaround"
//! ```
//!
//! Unknown keys are refused, because a mistyped `fixd` would otherwise leave
//! every version affected.

use super::facts::{cut, details, first_line, is_cve, push_unique, timestamp, unreadable, vendor_severity};
use super::{Fact, Reading, cvss};
use crate::bounded;
use plimsoll_core::model::advisory::{
    Advisory, AdvisoryKind, Affected, AffectedRange, NamesWhat, Only, RangeEnd, Severity, Status, Workaround,
};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    details: String,
    kind: Option<AdvisoryKind>,
    severity: Option<String>,
    cvss: Option<String>,
    #[serde(default)]
    cves: Vec<String>,
    #[serde(default)]
    aliases: Vec<String>,
    published: Option<toml::Value>,
    modified: Option<toml::Value>,
    withdrawn: Option<toml::Value>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    affected: Vec<WrittenAffected>,
    #[serde(default)]
    workaround: Vec<WrittenWorkaround>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAffected {
    stream: String,
    name: String,
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    #[serde(default)]
    versions: Vec<String>,
    status: Option<Status>,
    names: Option<NamesWhat>,
    #[serde(default)]
    arches: Vec<String>,
    module: Option<String>,
    minor: Option<String>,
    repository: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWorkaround {
    kind: Option<String>,
    text: String,
    url: Option<String>,
}

/// Reads a file of advisories.
pub fn advisories(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let text = bounded::text(place, bytes)?;
    let refuse = |error: &dyn std::fmt::Display| unreadable(place, format!("is not readable as a typed advisory: {error}"));
    let mut table: toml::Table = toml::from_str(text).map_err(|error| refuse(&error))?;
    let mut reading = Reading::default();
    let records = match table.remove("advisory") {
        Some(toml::Value::Array(records)) if table.is_empty() => records,
        Some(_) => return Err(unreadable(place, "has `[[advisory]]` and other keys beside it; put them inside")),
        None if table.is_empty() => return Err(unreadable(place, "holds no advisory")),
        None => vec![toml::Value::Table(table)],
    };
    for (index, record) in records.into_iter().enumerate() {
        let outcome = Written::deserialize(record).map_err(|error| error.to_string()).and_then(advisory);
        match outcome {
            Ok(advisory) => {
                reading.records += 1;
                reading.saw(advisory.modified);
                sink(Fact::Advisory(Box::new(advisory)));
            }
            Err(reason) => reading.reject(unreadable(place, format!("advisory {}: {}", index + 1, reason.trim()))),
        }
    }
    Ok(reading)
}

fn moment(key: &str, value: Option<toml::Value>) -> Result<Option<jiff::Timestamp>, String> {
    let text = match value {
        None => return Ok(None),
        Some(toml::Value::Datetime(moment)) => moment.to_string(),
        Some(toml::Value::String(text)) => text,
        Some(_) => return Err(format!("`{key}` is not a date")),
    };
    timestamp(&text).map(Some).ok_or_else(|| format!("`{key}` is not a date: {}", text.chars().take(40).collect::<String>()))
}

fn advisory(written: Written) -> Result<Advisory, String> {
    let id = written.id.trim();
    if id.is_empty() || id.len() > 200 {
        return Err("`id` is empty or longer than 200 bytes".to_owned());
    }
    let published = moment("published", written.published)?;
    let mut advisory = Advisory {
        id: id.to_owned(),
        kind: written.kind.unwrap_or_default(),
        summary: first_line(&written.summary),
        details: details(&written.details),
        published,
        modified: moment("modified", written.modified)?.or(published),
        withdrawn: moment("withdrawn", written.withdrawn)?,
        references: written.references,
        ..Advisory::default()
    };
    for alias in written.aliases {
        push_unique(&mut advisory.aliases, alias.trim());
    }
    let named = written.cves.into_iter().chain(advisory.aliases.iter().filter(|alias| is_cve(alias)).cloned());
    for cve in named.collect::<Vec<_>>() {
        if !is_cve(cve.trim()) {
            return Err(format!("`{}` is not a CVE id", cve.chars().take(40).collect::<String>()));
        }
        push_unique(&mut advisory.cves, cve.trim());
    }
    if let Some(text) = written.cvss {
        advisory.severities.push(Severity::Cvss(cvss::vector(&text).ok_or("`cvss` is not a CVSS vector")?));
    }
    if let Some(word) = written.severity {
        let severity = vendor_severity("typed", &word);
        match severity {
            Some(Severity::Vendor { rating, .. }) if rating == Default::default() => {
                return Err(format!("`severity` is none of critical, high, medium, low, none: {}", word.chars().take(40).collect::<String>()));
            }
            other => advisory.severities.extend(other),
        }
    }
    for affected in written.affected {
        advisory.affected.push(self::affected(affected)?);
    }
    for workaround in written.workaround {
        advisory.workarounds.push(Workaround {
            kind: workaround.kind.unwrap_or_else(|| "workaround".to_owned()),
            text: details(&workaround.text),
            url: workaround.url,
        });
    }
    Ok(advisory)
}

fn affected(written: WrittenAffected) -> Result<Affected, String> {
    let mut stream = written.stream.trim().to_ascii_lowercase();
    cut(&mut stream, 200);
    let name = written.name.trim();
    if stream.is_empty() || name.is_empty() {
        return Err("`stream` and `name` of `[[affected]]` must not be empty".to_owned());
    }
    let stream = Stream::from_stored(&stream);
    let end = match (written.fixed, written.last_affected) {
        (Some(_), Some(_)) => return Err("`[[affected]]` has both `fixed` and `last_affected`".to_owned()),
        (Some(version), None) => Some(RangeEnd::Fixed(version)),
        (None, Some(version)) => Some(RangeEnd::LastAffected(version)),
        (None, None) => None,
    };
    // Single versions alone mean those only; otherwise no end means open.
    let only_versions = end.is_none() && written.introduced.is_none() && !written.versions.is_empty();
    let not_affected = written.status == Some(Status::NotAffected);
    let ranges = if only_versions || not_affected {
        Vec::new()
    } else {
        vec![AffectedRange { introduced: written.introduced, end: end.unwrap_or(RangeEnd::Open) }]
    };
    let source = stream.advisories_name_sources();
    Ok(Affected {
        name: stream.normalise_name(name),
        names: written.names.unwrap_or(if source { NamesWhat::Source } else { NamesWhat::Binary }),
        stream,
        ranges,
        versions: written.versions,
        status: written.status.unwrap_or_default(),
        only: Only {
            arches: written.arches,
            module: written.module,
            minor: written.minor,
            repository: written.repository,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_advisory_reads() {
        let text = r#"
id = "ACME-2026-01"
summary = "Remote login"
severity = "high"
cvss = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
cves = ["CVE-2026-0001"]
published = 2026-02-03
[[affected]]
stream = "vendor"
name = "acme/gateway"
introduced = "2.0"
fixed = "2.4.1"
[[affected]]
stream = "debian:12"
name = "openssl"
status = "wont-fix"
[[workaround]]
text = "Turn it off"
"#;
        let mut taken = Vec::new();
        let reading = advisories("a.toml", text.as_bytes(), &mut |fact| taken.push(fact)).unwrap();
        assert_eq!((reading.records, reading.rejected), (1, 0), "{:?}", reading.problems);
        let Some(Fact::Advisory(advisory)) = taken.pop() else { panic!() };
        assert_eq!(advisory.published.unwrap().to_string(), "2026-02-03T00:00:00Z");
        assert_eq!(advisory.severities.len(), 2);
        let shown: Vec<_> = advisory.affected.iter().map(|a| format!("{} {} {:?} {:?} {:?}", a.stream, a.name, a.names, a.ranges, a.status)).collect();
        assert_eq!(
            shown,
            [
                "vendor acme/gateway Binary [AffectedRange { introduced: Some(\"2.0\"), end: Fixed(\"2.4.1\") }] Affected",
                "debian:12 openssl Source [AffectedRange { introduced: None, end: Open }] WontFix",
            ]
        );
        assert_eq!(advisory.workarounds[0].kind, "workaround");
    }

    #[test]
    fn mistakes_are_named_one_by_one() {
        let text = r#"
[[advisory]]
id = "A"
[[advisory.affected]]
stream = "npm"
name = "x"
fixd = "1"
[[advisory]]
id = "B"
severity = "hgh"
[[advisory]]
id = "C"
cves = ["CVE-1"]
[[advisory]]
id = "D"
published = 7
[[advisory]]
id = "E"
"#;
        let reading = advisories("a.toml", text.as_bytes(), &mut |_| ()).unwrap();
        assert_eq!((reading.records, reading.rejected), (1, 4));
        let texts: Vec<_> = reading.problems.iter().map(|problem| problem.text.as_str()).collect();
        for (text, word) in texts.iter().zip(["fixd", "hgh", "CVE-1", "published"]) {
            assert!(text.contains(word), "{text}");
        }
        let deep = format!("a = {}", "[".repeat(10_000));
        for bad in ["", "x", "advisory = 1", "id = \"A\"\n[[advisory]]\nid = \"B\"", deep.as_str()] {
            assert!(advisories("a.toml", bad.as_bytes(), &mut |_| ()).is_err(), "{}", &bad[..bad.len().min(20)]);
        }
        assert!(advisories("a.toml", b"id = \"\xff\"", &mut |_| ()).is_err());
    }
}
