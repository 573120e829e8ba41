//! `plimsoll policy explain`: which rules bind, by when, and why.

use crate::arguments::{PlainFormat, PolicyExplain};
use crate::commands::basis;
use crate::printer::{Failure, Outcome, Printer};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_core::model::advisory::{Cvss, Rating, Severity};
use plimsoll_core::model::because::Because;
use plimsoll_core::model::obligation::Obligation;
use plimsoll_core::model::policy::{ComponentClass, Exposure, HostFacts};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::threat::{Exploitation, Kev, Ssvc, TechnicalImpact, Threat};
use plimsoll_core::phases::prioritize::{Facts, Input, decide};
use serde::Serialize;

#[derive(Serialize)]
struct Answer<'a> {
    schema: &'static str,
    as_of: Timestamp,
    severity: &'static str,
    priority: Option<String>,
    due: Option<Timestamp>,
    obligations: &'a [Obligation],
    because: &'a [Because],
    cycles: Vec<Routine>,
}

/// The next days of a cycle, by the policy's calendar.
#[derive(Serialize)]
struct Routine {
    cycle: String,
    days: Vec<Date>,
}

/// Days of a cycle that are shown.
const DAYS: usize = 3;

/// Decides about a finding of the given inputs.
pub fn run(arguments: &PolicyExplain, printer: &Printer) -> Result<Outcome, Failure> {
    let (set, ..) = basis::named_policies(&arguments.policy)?;
    let now = arguments.as_of.unwrap_or_else(Timestamp::now);
    let host = host(arguments)?;
    let threat = threat(arguments)?;
    let severities = severities(arguments)?;
    let class = one(arguments.class.as_deref(), "--class", ComponentClass::parse)?;
    let released = (!arguments.no_fix).then(|| arguments.released.unwrap_or(now));
    let finding = Facts {
        severities: &severities,
        threat: &threat,
        cves: &[],
        component: None,
        class,
        published: released,
        fix_released: released,
        fix_exists: released.is_some(),
        fix_available: None,
        first_seen: Some(arguments.seen.unwrap_or(now)),
        closed: None,
    };
    let explained = decide(&Input { now, policies: &set, finding, host: &host });
    let decision = &explained.decision;
    let severity = decision.severity.rating.as_str();
    let zone = set.policies.first().map_or(TimeZone::UTC, |own| own.zone.clone());
    let today = now.to_zoned(zone).date();
    let cycles: Vec<Routine> = set.governance.cycles.iter().map(|cycle| Routine { cycle: cycle.name(), days: cycle.days(today, DAYS) }).collect();
    match arguments.format {
        PlainFormat::Json => super::super::json(
            printer,
            &Answer {
                schema: "plimsoll-policy-explain/1",
                as_of: now,
                severity,
                priority: decision.priority.clone(),
                due: decision.due,
                obligations: &decision.obligations,
                because: &explained.because,
                cycles,
            },
        )?,
        PlainFormat::Text => {
            let shown = |due: Option<Timestamp>| due.map_or_else(|| "no date".to_owned(), |due| due.to_string());
            let mut text = format!("due {}\n", shown(decision.due));
            for obligation in &decision.obligations {
                text.push_str(&format!("  {:<40} {} (clock {}, done when {})\n", obligation.rule, shown(obligation.due), obligation.clock, obligation.done.as_deref().unwrap_or("effective")));
                for also in &obligation.also {
                    text.push_str(&format!("  {:<40} also: {also}\n", ""));
                }
            }
            text.push_str("because\n");
            for because in &explained.because {
                text.push_str(&format!("  {}\n", because.text));
            }
            for Routine { cycle, days } in &cycles {
                let days: Vec<String> = days.iter().map(Date::to_string).collect();
                text.push_str(&format!("routine patching {cycle}: {}\n", days.join(", ")));
            }
            printer.data(&text)?;
        }
    }
    Ok(Outcome::Clean)
}

fn wrong(flag: &str, word: &str) -> Failure {
    Failure::input(Problem::new("E-USAGE", format!("{flag} {word}"), "is no value of this input", "`plimsoll policy explain --help` lists them"))
}

fn one<T>(word: Option<&str>, flag: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Failure> {
    word.map(|word| read(word).ok_or_else(|| wrong(flag, word))).transpose()
}

fn host(arguments: &PolicyExplain) -> Result<HostFacts, Failure> {
    let mut host = HostFacts {
        exposure: one(arguments.exposure.as_deref(), "--exposure", Exposure::parse)?,
        environment: arguments.environment.clone(),
        tier: arguments.tier.clone(),
        ..HostFacts::default()
    };
    for label in &arguments.label {
        let (name, value) = label.split_once('=').ok_or_else(|| wrong("--label", label))?;
        host.labels.insert(name.to_owned(), value.to_owned());
    }
    Ok(host)
}

fn threat(arguments: &PolicyExplain) -> Result<Threat, Failure> {
    let exploitation = one(arguments.exploitation.as_deref(), "--exploitation", |word| match word {
        "none" => Some(Exploitation::None),
        "public-poc" => Some(Exploitation::PublicPoc),
        "active" => Some(Exploitation::Active),
        _ => None,
    })?;
    let automatable = one(arguments.automatable.as_deref(), "--automatable", |word| match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    })?;
    let technical_impact = one(arguments.technical_impact.as_deref(), "--technical-impact", |word| match word {
        "partial" => Some(TechnicalImpact::Partial),
        "total" => Some(TechnicalImpact::Total),
        _ => None,
    })?;
    let kev = arguments.kev.map(|day| Kev { date_added: day, due_date: None, ransomware: false, name: String::new(), action: String::new() });
    let cvss = arguments.cvss3.map(|score| Cvss { version: 3, vector: String::new(), base_tenths: (score * 10.0).round().clamp(0.0, 100.0) as u8 });
    Ok(Threat { cvss: cvss.into_iter().collect(), kev, epss: None, ssvc: Some(Ssvc { exploitation, automatable, technical_impact }), published: None })
}

fn severities(arguments: &PolicyExplain) -> Result<Vec<Severity>, Failure> {
    let known = [Rating::Low, Rating::Medium, Rating::High, Rating::Critical];
    let rating = one(arguments.severity.as_deref(), "--severity", |word| known.into_iter().find(|rating| rating.as_str() == word))?;
    Ok(rating.map(|rating| Severity::Vendor { vendor: "the command line".to_owned(), word: rating.as_str().to_owned(), rating }).into_iter().collect())
}
