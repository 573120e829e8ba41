//! Which severity is in force, and who says so.

use super::Facts;
use crate::model::advisory::{Cvss, Rating, Severity};
use crate::model::because::{Because, BecauseKind};
use crate::model::finding::SeverityChosen;
use crate::model::policy::SeveritySource;
use crate::model::problem::printable;

/// Chooses the severity: the advisory's own first, by the policy's order, then
/// the scores of its CVEs.
///
/// For an advisory with several CVEs that has no severity itself, the highest
/// score among them counts whatever its CVSS version: the order of sources is
/// for several opinions about one thing.
///
/// The reason comes with it where it is wanted.
pub(super) fn choose(order: &[SeveritySource], facts: &Facts<'_>, wanted: bool) -> (SeverityChosen, Option<Because>) {
    let because = |text: &dyn Fn() -> String| wanted.then(|| Because::new(BecauseKind::Source, text()));
    for source in order {
        if let Some(found) = of_advisory(*source, facts, order, &because) {
            return found;
        }
    }
    let scores = &facts.threat.cvss;
    let bundle = facts.cves.len() > 1;
    let best = if bundle {
        highest(scores.iter())
    } else {
        order.iter().find_map(|source| highest(scores.iter().filter(|cvss| is_of(cvss, *source))))
    };
    match best {
        Some(cvss) => {
            let text = || {
                let of = if bundle {
                    format!("the highest among its {} CVEs", facts.cves.len())
                } else {
                    format!("the score of {}", facts.cves.first().map_or("its CVE", String::as_str))
                };
                format!("severity {}: {}, {of}", cvss.rating().as_str(), words(cvss))
            };
            let source = format!("cvss{} of the CVE", cvss.version);
            (chosen(cvss.rating(), Some(cvss), source), because(&text))
        }
        None => (
            SeverityChosen::default(),
            because(&|| "severity unknown: neither the advisory nor any score of its CVEs gives one".to_owned()),
        ),
    }
}

fn of_advisory(
    source: SeveritySource,
    facts: &Facts<'_>,
    order: &[SeveritySource],
    because: &dyn Fn(&dyn Fn() -> String) -> Option<Because>,
) -> Option<(SeverityChosen, Option<Because>)> {
    if source != SeveritySource::Vendor {
        let own = facts.severities.iter().filter_map(cvss_of).filter(|cvss| is_of(cvss, source));
        let cvss = highest(own)?;
        let text = || format!("severity {}: {} in the advisory", cvss.rating().as_str(), words(cvss));
        let source = format!("cvss{} of the advisory", cvss.version);
        return Some((chosen(cvss.rating(), Some(cvss), source), because(&text)));
    }
    let mut best: Option<(&str, &str, Rating)> = None;
    for severity in facts.severities {
        if let Severity::Vendor { vendor, word, rating } = severity
            && *rating != Rating::Unknown
            && best.is_none_or(|(_, _, known)| *rating > known)
        {
            best = Some((vendor, word, *rating));
        }
    }
    let (vendor, word, rating) = best?;
    // The word is in force; a score beside it is for people.
    let score = order.iter().find_map(|source| {
        highest(facts.severities.iter().filter_map(cvss_of).filter(|cvss| is_of(cvss, *source)))
            .or_else(|| highest(facts.threat.cvss.iter().filter(|cvss| is_of(cvss, *source))))
    });
    let text = || format!("severity {}: {} says {}", rating.as_str(), printable(vendor), printable(word));
    Some((chosen(rating, score, vendor.to_owned()), because(&text)))
}

fn chosen(rating: Rating, cvss: Option<&Cvss>, source: String) -> SeverityChosen {
    SeverityChosen {
        rating,
        score: cvss.map(|cvss| f32::from(cvss.base_tenths) / 10.0),
        vector: cvss.filter(|cvss| !cvss.vector.is_empty()).map(|cvss| cvss.vector.clone()),
        source: Some(source),
    }
}

fn words(cvss: &Cvss) -> String {
    let score = format!("CVSS {} base score {}.{}", cvss.version, cvss.base_tenths / 10, cvss.base_tenths % 10);
    if cvss.vector.is_empty() { score } else { format!("{score} ({})", printable(&cvss.vector)) }
}

/// The CVSS of a severity, where it is one.
pub(super) fn cvss_of(severity: &Severity) -> Option<&Cvss> {
    match severity {
        Severity::Cvss(cvss) => Some(cvss),
        Severity::Vendor { .. } => None,
    }
}

fn is_of(cvss: &Cvss, source: SeveritySource) -> bool {
    match source {
        SeveritySource::Vendor => false,
        SeveritySource::Cvss4 => cvss.version == 4,
        SeveritySource::Cvss3 => cvss.version == 3,
        SeveritySource::Cvss2 => cvss.version == 2,
    }
}

/// The highest by rating, then score, then version; the first of equals.
fn highest<'a>(scores: impl Iterator<Item = &'a Cvss>) -> Option<&'a Cvss> {
    scores.reduce(|best, cvss| {
        let key = |cvss: &Cvss| (cvss.rating(), cvss.base_tenths, cvss.version);
        if key(cvss) > key(best) { cvss } else { best }
    })
}
