//! Phase 1, monitor: what was published that may concern us, and is any
//! source stale?

pub mod watch;

use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::source::{Source, SourceTrouble, SourceWarning};
use jiff::Timestamp;

/// What a new reading of a source may be held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    /// Records.
    pub records: u64,
    /// Newest date.
    pub newest: Option<Timestamp>,
}

/// Everything the judgement of one source may look at.
pub struct Input<'a> {
    /// The source as the database holds it.
    pub source: &'a Source,
    /// The present.
    pub now: Timestamp,
    /// Oldest its newest date may be, in seconds.
    pub limit_seconds: i64,
}

/// Decides which warnings an answer that rests on a source must carry.
///
/// The age is that of the newest record or of the last successful fetch,
/// whichever is later: a feed that is fetched daily and has had nothing to say
/// for a month is fresh. Without any date it cannot be called fresh.
pub fn decide(input: &Input<'_>) -> Explained<Vec<SourceWarning>> {
    let source = input.source;
    let mut warnings = source.warnings.clone();
    if source.records == 0 && warnings.iter().any(|warning| warning.kind == SourceTrouble::Failed) {
        let text = format!("nothing of {} was ever read", source.name);
        return Explained { decision: warnings, because: vec![Because::new(BecauseKind::Source, text)] };
    }
    let fresh_at = source.newest.max(source.fetched);
    let because = match fresh_at {
        None => {
            let text = format!("{} carries no date, so its age cannot be told", source.name);
            warnings.push(SourceWarning { kind: SourceTrouble::Stale, text: text.clone() });
            text
        }
        Some(at) => {
            let age = input.now.as_second().saturating_sub(at.as_second());
            let text = format!(
                "{} is {} old (newest {}), the limit is {}",
                source.name,
                length(age),
                super::evaluate::day(at),
                length(input.limit_seconds)
            );
            if age > input.limit_seconds {
                warnings.push(SourceWarning { kind: SourceTrouble::Stale, text: text.clone() });
            }
            text
        }
    };
    if source.rejected > 0 && !warnings.iter().any(|warning| warning.kind == SourceTrouble::Partial) {
        warnings.push(SourceWarning {
            kind: SourceTrouble::Partial,
            text: format!(
                "{} of {} records of {} could not be read",
                source.rejected,
                source.records.saturating_add(source.rejected),
                source.name
            ),
        });
    }
    Explained { decision: warnings, because: vec![Because::new(BecauseKind::Source, because)] }
}

/// Decides whether a new reading of a source may replace the last good one.
///
/// A feed that loses more than a fifth of its records, or whose newest date
/// goes back, looks like an attack or an accident far more often than like
/// news; the last good one stays in use until somebody accepts it.
pub fn accept(name: &str, last: Measured, new: Measured) -> Result<(), SourceWarning> {
    if last.records > 0 && new.records.saturating_mul(5) < last.records.saturating_mul(4) {
        return Err(SourceWarning {
            kind: SourceTrouble::Shrunk,
            text: format!(
                "{name} shrank from {} to {} records ({} %, the limit is 20 %); the last good content stays in use",
                last.records,
                new.records,
                (last.records - new.records) * 100 / last.records
            ),
        });
    }
    if let Some(before) = last.newest.filter(|before| new.newest.is_none_or(|newest| newest < *before)) {
        let now = new.newest.map_or_else(|| "no date".to_owned(), |newest| newest.to_string());
        return Err(SourceWarning {
            kind: SourceTrouble::WentBack,
            text: format!(
                "{name} went back in time: its newest date is {now} and was {before}; the last good content stays in use"
            ),
        });
    }
    Ok(())
}

/// A length of time in words, in the largest unit that tells enough.
fn length(seconds: i64) -> String {
    match seconds {
        i64::MIN..0 => "less than nothing (its date lies in the future)".to_owned(),
        0..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(newest: &str) -> Source {
        Source { name: "osv/Debian".into(), newest: newest.parse().ok(), records: 10, ..Source::default() }
    }

    #[test]
    fn a_source_is_stale_one_second_after_its_limit() {
        let source = source("2026-11-01T00:00:00Z");
        let at = |now: &str| {
            decide(&Input { source: &source, now: now.parse().unwrap(), limit_seconds: 86_400 }).decision
        };
        assert_eq!(at("2026-11-02T00:00:00Z"), vec![]);
        let late = at("2026-11-02T00:00:01Z");
        assert_eq!(late.len(), 1);
        assert_eq!(late[0].kind, SourceTrouble::Stale);
        assert_eq!(late[0].text, "osv/Debian is 24 hours old (newest 2026-11-01), the limit is 24 hours");
    }

    #[test]
    fn a_fetch_keeps_a_quiet_source_fresh() {
        let mut source = source("2026-01-01T00:00:00Z");
        source.fetched = "2026-11-01T00:00:00Z".parse().ok();
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        assert_eq!(decide(&Input { source: &source, now, limit_seconds: 86_400 }).decision, vec![]);
    }

    #[test]
    fn shrinking_by_more_than_a_fifth_and_going_back_are_refused() {
        let day = |text: &str| text.parse().ok();
        let last = Measured { records: 100, newest: day("2026-11-01T00:00:00Z") };
        assert!(accept("x", last, Measured { records: 80, newest: last.newest }).is_ok());
        let shrunk = accept("x", last, Measured { records: 79, newest: last.newest }).unwrap_err();
        assert_eq!(shrunk.kind, SourceTrouble::Shrunk);
        let back = accept("x", last, Measured { records: 100, newest: day("2026-10-31T00:00:00Z") }).unwrap_err();
        assert_eq!(back.kind, SourceTrouble::WentBack);
        assert_eq!(accept("x", last, Measured { records: 100, newest: None }).unwrap_err().kind, SourceTrouble::WentBack);
    }
}
