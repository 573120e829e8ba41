//! What is known about a CVE apart from packages: scores and exploitation.
//!
//! These are columns by CVE, joined when read, so that a daily EPSS reload
//! touches no finding.

use super::advisory::Cvss;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Everything known about one CVE's severity and exploitation.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Threat {
    /// CVSS scores by NVD, the CNA or CISA, newest CVSS version first.
    pub cvss: Vec<Cvss>,
    /// CISA's catalogue of known exploited vulnerabilities.
    pub kev: Option<Kev>,
    /// FIRST's prediction.
    pub epss: Option<Epss>,
    /// CISA's SSVC decision points.
    pub ssvc: Option<Ssvc>,
    /// Publication date of the CVE record.
    pub published: Option<jiff::Timestamp>,
}

impl Threat {
    /// Puts together what is known about several CVEs under one advisory: all
    /// scores, the earliest listing, the highest prediction and the highest of
    /// each SSVC point.
    ///
    /// The points may then come from different CVEs, which can only raise the
    /// outcome of a table and never lower it.
    pub fn of_bundle<'a>(threats: impl IntoIterator<Item = &'a Threat>) -> Self {
        let mut whole = Self::default();
        for threat in threats {
            whole.cvss.extend(threat.cvss.iter().cloned());
            if let Some(kev) = &threat.kev
                && whole.kev.as_ref().is_none_or(|known| kev.date_added < known.date_added)
            {
                whole.kev = Some(kev.clone());
            }
            if let Some(epss) = &threat.epss
                && whole.epss.as_ref().is_none_or(|known| epss.score > known.score)
            {
                whole.epss = Some(epss.clone());
            }
            if let Some(ssvc) = &threat.ssvc {
                let points = whole.ssvc.get_or_insert_default();
                points.exploitation = points.exploitation.max(ssvc.exploitation);
                points.automatable = points.automatable.max(ssvc.automatable);
                points.technical_impact = points.technical_impact.max(ssvc.technical_impact);
            }
            whole.published = match (whole.published, threat.published) {
                (Some(known), Some(other)) => Some(known.min(other)),
                (known, other) => known.or(other),
            };
        }
        whole.cvss.sort_by(|a, b| {
            b.version.cmp(&a.version).then(b.base_tenths.cmp(&a.base_tenths)).then(a.vector.cmp(&b.vector))
        });
        whole.cvss.dedup();
        whole
    }
}

/// An entry of the catalogue of known exploited vulnerabilities.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kev {
    /// Day it was listed.
    pub date_added: Date,
    /// Day by which US federal agencies had to act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_date: Option<Date>,
    /// Whether ransomware campaigns are known to use it.
    pub ransomware: bool,
    /// The catalogue's name for it.
    pub name: String,
    /// The catalogue's required action.
    pub action: String,
}

/// Exploit prediction: the probability of exploitation *activity* within 30 days.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Epss {
    /// Probability, 0 to 1.
    pub score: f32,
    /// Share of CVEs with a lower or equal score, 0 to 1.
    pub percentile: f32,
    /// Day of the score; thresholds are comparable only within one model.
    pub date: Date,
}

/// SSVC decision points as CISA publishes them (vulnrichment).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ssvc {
    /// Exploitation.
    pub exploitation: Option<Exploitation>,
    /// Whether exploitation can be automated.
    pub automatable: Option<bool>,
    /// Technical impact.
    pub technical_impact: Option<TechnicalImpact>,
}

/// SSVC `ssvc:E:1.1.0`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exploitation {
    /// No evidence.
    None,
    /// A public proof of concept.
    PublicPoc,
    /// Active exploitation.
    Active,
}

/// SSVC `ssvc:TI:1.0.0`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TechnicalImpact {
    /// Limited control.
    Partial,
    /// Total control.
    Total,
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_bundle_takes_the_earliest_listing_and_the_highest_of_all_else() {
        let kev = |day| Kev {
            date_added: date(2026, 1, day),
            due_date: None,
            ransomware: false,
            name: String::new(),
            action: String::new(),
        };
        let cvss = |version, base_tenths| Cvss { version, vector: String::new(), base_tenths };
        let first = Threat {
            cvss: vec![cvss(3, 50), cvss(2, 90)],
            kev: Some(kev(9)),
            epss: Some(Epss { score: 0.1, percentile: 0.2, date: date(2026, 1, 1) }),
            ssvc: Some(Ssvc { exploitation: Some(Exploitation::Active), automatable: Some(false), technical_impact: None }),
            published: "2026-01-03T00:00:00Z".parse().ok(),
        };
        let second = Threat {
            cvss: vec![cvss(4, 20), cvss(3, 50), cvss(3, 80)],
            kev: Some(kev(4)),
            epss: Some(Epss { score: 0.7, percentile: 0.9, date: date(2026, 1, 1) }),
            ssvc: Some(Ssvc {
                exploitation: Some(Exploitation::None),
                automatable: Some(true),
                technical_impact: Some(TechnicalImpact::Partial),
            }),
            published: None,
        };
        let whole = Threat {
            cvss: vec![cvss(4, 20), cvss(3, 80), cvss(3, 50), cvss(2, 90)],
            kev: second.kev.clone(),
            epss: second.epss.clone(),
            ssvc: Some(Ssvc {
                exploitation: Some(Exploitation::Active),
                automatable: Some(true),
                technical_impact: Some(TechnicalImpact::Partial),
            }),
            published: first.published,
        };
        assert_eq!(Threat::of_bundle([&first, &second]), whole);
        assert_eq!(Threat::of_bundle([&second, &first]), whole);
        assert_eq!(Threat::of_bundle([]), Threat::default());
    }
}
