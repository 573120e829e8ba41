//! Classification, deadlines, exceptions.

use super::words::{done, head, length, series, within, yes_no};
use super::{Paper, strong};
use crate::model::Kind;
use crate::text::{Style, Text};
use plimsoll_core::model::policy::{Policy, PolicySet, SeveritySource, Status};
use plimsoll_core::model::threat::{Exploitation, TechnicalImpact};

/// How a finding is classed.
pub(super) fn classification(paper: &mut Paper, set: &PolicySet) {
    let Some(own) = set.policies.first() else { return };
    paper.section("Classification");
    let classify = &own.classify;
    let order: Vec<String> = classify
        .severity_order
        .iter()
        .map(|source| match source {
            SeveritySource::Vendor => "the vendor's own word".to_owned(),
            SeveritySource::Cvss4 => "CVSS 4".to_owned(),
            SeveritySource::Cvss3 => "CVSS 3".to_owned(),
            SeveritySource::Cvss2 => "CVSS 2".to_owned(),
        })
        .collect();
    paper.text(format!("Severity is taken from the first of these that is there: {}. An advisory on several vulnerabilities counts as the gravest of them.", order.join(", then ")));
    if let Some(model) = &own.priority {
        paper.text(Text::from("Priority comes from the decision table ").and(Style::Code, &model.name).plain("; all of its rows stand in the annex."));
    }
    let unknown = &classify.unknown;
    let exploitation = match unknown.exploitation {
        Exploitation::None => "none",
        Exploitation::PublicPoc => "a public proof of concept",
        Exploitation::Active => "active",
    };
    let impact = if unknown.technical_impact == TechnicalImpact::Total { "total" } else { "partial" };
    let mut assumed = vec![
        ("severity".to_owned(), unknown.severity.as_str().to_owned()),
        ("exposure of the host".to_owned(), unknown.exposure.as_str().to_owned()),
        ("exploitation, after looking".to_owned(), exploitation.to_owned()),
        ("automatable".to_owned(), yes_no(unknown.automatable)),
        ("technical impact".to_owned(), impact.to_owned()),
    ];
    if own.priority.is_some() {
        assumed.extend(unknown.impact.fields().into_iter().filter_map(|(name, value, _)| value.map(|value| (name.replace('_', " "), value.replace('-', " ")))));
    }
    paper.text("Where an input is not known, this stands in its place, and every use is printed with the decision:");
    paper.table(&[("Unknown", 3), ("Taken as", 2)], assumed.into_iter().map(|(name, value)| vec![Text::from(name), strong(value)]).collect());
}

/// The deadlines of every policy in force.
pub(super) fn deadlines(paper: &mut Paper, set: &PolicySet) {
    paper.section("Deadlines");
    let counts = set.policies.iter().filter(|policy| !policy.rules.is_empty()).count();
    if counts > 1 {
        paper.text("Several sets of obligations bind together. Each keeps its own deadline and its own verdict; they are never merged, and the earliest due date is the one to work to.");
    }
    paper.text("Hours count to the second. Days and months are calendar days and months and end with the last of them, at 23:59:59 in the policy's time zone. Of the rows of a table, the first that applies binds. A clock that waits for a fix has not started while there is none; a deadline moves later only by an audited decision.");
    for policy in &set.policies {
        if !policy.rules.is_empty() {
            one(paper, policy, counts > 1);
        }
    }
}

fn one(paper: &mut Paper, policy: &Policy, is_named: bool) {
    if is_named {
        paper.document.heading(2, &policy.title);
    }
    match policy.status {
        Status::InForce => {}
        Status::Legacy => paper.document.note(Kind::Warning, "The source of these rules was replaced or revoked."),
        Status::Proposed => paper.document.note(Kind::Warning, "The source of these rules is proposed and not in force."),
    }
    let several = policy.rules.iter().any(|rule| rule.duty != 0);
    let rows = policy.rules.iter().map(|rule| {
        let (time, clock) = within(rule);
        let mut applies = Text::from(head(policy, rule));
        if several {
            applies = applies.and(Style::Soft, format!(" ({})", rule.duty_name));
        }
        let kind = rule.change_type.map_or("", |kind| kind.as_str());
        vec![applies, strong(time), Text::from(clock), Text::from(done(rule.done)), Text::from(kind)]
    });
    paper.table(&[("Applies to", 5), ("Within", 3), ("Of", 4), ("Done when", 4), ("Change", 3)], rows.collect());
    let mut more = Vec::new();
    for rule in &policy.rules {
        if let Some(no_fix) = &rule.on_no_fix {
            let parts = [length(&no_fix.mitigate_within).map(|time| format!("a mitigation within {time} of detection")), length(&no_fix.review_every).map(|time| format!("looked at again every {time}"))];
            more.push(format!("{}, while there is no fix: {}.", rule.id, series(&parts.into_iter().flatten().collect::<Vec<_>>())));
        }
        // Numbers of controls say enough by themselves in the annex.
        more.extend(rule.also.iter().filter(|also| also.contains(' ')).map(|also| format!("{}: {also}.", rule.id)));
    }
    paper.list(more);
}

/// Exceptions.
pub(super) fn exceptions(paper: &mut Paper, set: &PolicySet) {
    let Some(rules) = set.policies.first().and_then(|own| own.waiver.as_ref()) else { return };
    paper.section("Exceptions");
    paper.text("An exception is a record with owner, reason, compensating control, approver and end. When it ends, the deadline counts again at once. A finding under an exception is shown as such and never as compliant.");
    paper.text("It may be granted where:");
    paper.list(rules.kinds.iter().map(|kind| kind.words().to_owned()).collect());
    let control: Vec<String> = rules.need_compensating_control.clone();
    paper.facts([
        ("Needs a compensating control", (!control.is_empty()).then(|| series(&control))),
        ("Looked at again every", length(&rules.review_every)),
        ("Renewed at most", rules.max_renewals.map(|most| format!("{most} times"))),
        ("At most under an exception", rules.cap_percent_of_projects.map(|cap| format!("{cap} % of projects"))),
        (
            "Never granted",
            rules.forbid.as_ref().map(|(kinds, levels)| {
                let kinds: Vec<String> = kinds.iter().map(|kind| format!("because {}", kind.words())).collect();
                format!("{} for {}", series(&kinds), series(levels))
            }),
        ),
    ]);
    let mut lives: Vec<(&String, String)> = rules.max_length.iter().map(|(level, life)| (level, life.words())).collect();
    lives.sort_by_key(|(level, _)| rules.max_length.get(*level).map_or(0, |life| life.nominal_seconds()));
    paper.table(&[("Level", 2), ("Lasts at most", 2)], lives.into_iter().map(|(level, life)| vec![strong(level), Text::from(life)]).collect());
    paper.table(&[("Level", 2), ("People who approve", 2)], rules.quorum.iter().map(|(level, people)| vec![strong(level), Text::from(people.to_string())]).collect());
}
