//! What limits an answer, in one list that every format carries.

use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::source::SourceTrouble;

/// How much a notice weighs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    /// A plain fact, such as the instant.
    Fact,
    /// The answer may be wrong or incomplete.
    Warning,
    /// Part of the answer is missing.
    Missing,
}

/// One notice.
pub(super) struct Notice {
    pub(super) weight: Weight,
    /// Stable id, `source/osv/Debian/stale`.
    pub(super) id: String,
    pub(super) text: String,
    /// What to do, where there is something.
    pub(super) next: Option<String>,
}

/// The word for a source's trouble, as in JSON.
fn trouble_word(trouble: SourceTrouble) -> &'static str {
    match trouble {
        SourceTrouble::Stale => "stale",
        SourceTrouble::Failed => "failed",
        SourceTrouble::Shrunk => "shrunk",
        SourceTrouble::WentBack => "went-back",
        SourceTrouble::Partial => "partial",
    }
}

/// The same as the end of a sentence.
fn trouble_phrase(trouble: SourceTrouble) -> &'static str {
    match trouble {
        SourceTrouble::Stale => "is stale",
        SourceTrouble::Failed => "failed",
        SourceTrouble::Shrunk => "has shrunk, the last good one is in use",
        SourceTrouble::WentBack => "went back in time, the last good one is in use",
        SourceTrouble::Partial => "is partial",
    }
}

/// Lists everything a reader must know beside the findings: instant, policy,
/// database, source warnings, coverage, missing updates, problems.
pub(super) fn notices(scan: &Scan) -> Vec<Notice> {
    let mut out = Vec::new();
    let mut note = |weight, id: String, text: String, next: Option<String>| out.push(Notice { weight, id, text, next });
    note(Weight::Fact, "as-of".into(), format!("As of {}", scan.as_of), None);
    for policy in &scan.policies {
        note(Weight::Fact, format!("policy/{}", policy.id), format!("Policy {} {}, after {}", policy.id, policy.version, policy.source), None);
    }
    match &scan.database {
        None => note(
            Weight::Missing,
            "database".into(),
            "Findings unknown: no database of advisories was at hand".into(),
            Some("Get one with `plimsoll db update`".into()),
        ),
        Some(database) => {
            let date = database.built.map_or("an unknown date".to_owned(), |built| built.to_string());
            let signed = if database.signed_by.is_some() { "signed" } else { "not signed" };
            let count = database.sources.len();
            note(Weight::Fact, "database".into(), format!("Advisory database of {date}, {count} {}, {signed}, digest {}", if count == 1 { "source" } else { "sources" }, database.digest), None);
            for source in &database.sources {
                for warning in &source.warnings {
                    note(
                        Weight::Warning,
                        format!("source/{}/{}", source.name, trouble_word(warning.kind)),
                        format!("Source {} {}: {}", source.name, trouble_phrase(warning.kind), warning.text),
                        None,
                    );
                }
            }
        }
    }
    let coverage = &scan.coverage;
    let gap = coverage.evaluated < coverage.components || coverage.stale > 0;
    note(
        if gap { Weight::Warning } else { Weight::Fact },
        "coverage".into(),
        format!(
            "Coverage: {} of {} components judged; {} on stale or partial sources, {} out of support, {} not covered",
            coverage.evaluated, coverage.components, coverage.stale, coverage.unsupported, coverage.not_covered
        ),
        None,
    );
    for stream in coverage.streams.iter().filter(|stream| !stream.evaluated) {
        note(
            Weight::Warning,
            format!("coverage/{}", stream.stream),
            format!("Stream {} not judged, no source speaks of it (components: {})", stream.stream, stream.components),
            None,
        );
    }
    if scan.updates.is_none() {
        note(Weight::Missing, "updates".into(), "Pending updates unknown: no package manager's view could be had".into(), None);
    }
    for problem in &scan.problems {
        let weight = if problem.code.starts_with("E-") { Weight::Missing } else { Weight::Warning };
        note(
            weight,
            format!("problem/{}", problem.code),
            format!("{} {} {}", problem.code, problem.place, problem.text),
            (!problem.next.is_empty()).then(|| problem.next.clone()),
        );
    }
    out
}

impl Notice {
    /// Text and next step as one line.
    pub(super) fn line(&self) -> String {
        match &self.next {
            Some(next) => format!("{}. Next: {next}", self.text),
            None => self.text.clone(),
        }
    }
}

/// Warnings of the sources that one finding rests on.
pub(super) fn source_warnings(scan: &Scan, names: &[String]) -> Vec<String> {
    let sources = scan.database.iter().flat_map(|database| &database.sources);
    sources
        .filter(|source| names.contains(&source.name))
        .flat_map(|source| {
            source
                .warnings
                .iter()
                .map(move |warning| format!("source {} {}: {}", source.name, trouble_phrase(warning.kind), warning.text))
        })
        .collect()
}
