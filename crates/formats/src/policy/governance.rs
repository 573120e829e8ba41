//! Sections on people and practice: what the types cannot say by themselves.

use super::document::Document;
use super::load::length;
use super::places::Lines;
use super::rollout::{Words, select};
use super::suggest::{nearest, suggestion};
use super::Ledger;
use plimsoll_core::measures::Named;
use plimsoll_core::measures::cost::steps::Step;
use plimsoll_core::model::policy::governance::{AUDIENCES, AccreditationPractice, AssetClass, Cost, Monitor, Report, Scope};
use plimsoll_core::model::policy::{ChangeType, Governance, Policy};
use plimsoll_core::model::problem::printable;
use plimsoll_core::model::work::is_word;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

/// A section that may be written once, `[x]`, or several times, `[[x]]`.
pub(super) struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Vec<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a section, or several")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq))
            }
        }
        deserializer.deserialize_any(Either(PhantomData)).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeSection {
    statement: Option<String>,
    #[serde(default)]
    select: Words,
    #[serde(default)]
    exclude: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssetClassSection {
    id: String,
    description: Option<String>,
    #[serde(default)]
    select: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccreditationSection {
    #[serde(default)]
    select: Words,
    #[serde(default)]
    change: Vec<ChangeType>,
    #[serde(default)]
    by: Vec<String>,
}

/// Takes the sections out of a document that was read.
pub(super) fn read(document: &Document, ledger: &mut Ledger<'_>) -> Governance {
    let (test, approve, reboot) = document.rollout().practice();
    let classes = document.asset_class.iter().map(|class| AssetClass {
        id: class.id.clone(),
        description: class.description.clone(),
        select: select(&class.select, ledger),
    });
    let classes: Vec<AssetClass> = classes.collect();
    let scope = document.scope.as_ref();
    let is_scoped = scope.is_some() || !classes.is_empty();
    let select_of = |words: Option<&Words>, ledger: &mut Ledger<'_>| words.map(|words| select(words, ledger)).unwrap_or_default();
    Governance {
        purpose: document.policy.purpose.clone(),
        owner: document.policy.owner.clone(),
        approved_by: document.policy.approved_by.clone(),
        review_every: document.policy.review_every.as_ref().and_then(|every| length(every, "review_every", ledger)),
        scope: is_scoped.then(|| Scope {
            statement: scope.and_then(|scope| scope.statement.clone()),
            select: select_of(scope.map(|scope| &scope.select), ledger),
            exclude: select_of(scope.map(|scope| &scope.exclude), ledger),
            classes,
        }),
        people: document.people.clone(),
        roles: document.roles.clone(),
        monitor: document.monitor.clone(),
        cycles: document.cycle.as_ref().map(|cycles| cycles.0.clone()).unwrap_or_default(),
        emergency: document.emergency.clone(),
        mitigation: document.mitigation.clone(),
        unpatchable: document.unpatchable.clone(),
        test,
        approve,
        accreditation: document.accreditation.as_ref().map(|section| AccreditationPractice {
            select: select(&section.select, ledger),
            change: section.change.clone(),
            by: section.by.clone(),
        }),
        client: document.client.clone(),
        reboot,
        verify: document.verify.clone(),
        forensics: document.forensics.clone(),
        notify: document.notify.clone(),
        escalation: document.escalation.clone(),
        clean_up: document.clean_up.clone(),
        documentation: document.documentation.clone(),
        baseline: document.baseline.clone(),
        targets: document.targets.clone(),
        reports: document.report.clone(),
        cost: document.cost.clone(),
        retention: document.retention.clone(),
    }
}

/// Checks what needs more than one section, or every policy in force: names,
/// levels, sources, cycles, prices.
pub(super) fn check(governance: &Governance, policies: &[Policy], lines: &Lines, ledger: &mut Ledger<'_>) {
    names(governance, lines, ledger);
    levels(governance, policies, lines, ledger);
    if let Some(monitor) = &governance.monitor {
        sources(monitor, lines, ledger);
    }
    for cycle in &governance.cycles {
        let at = lines.offset("cycle");
        match (&cycle.rule, cycle.after) {
            (Some(_), None) | (None, Some(_)) => {}
            (Some(_), Some(_)) => ledger.error(&at, "the cycle has both `rule` and `after`", "keep one of them"),
            (None, None) => ledger.error(&at, "the cycle has neither `rule` nor `after`", "write after = \"patch-tuesday\" with an offset, or a rule"),
        }
        if let Some(offset) = &cycle.offset
            && (cycle.after.is_none() || offset.nominal_seconds() % 86_400 != 0)
        {
            ledger.error(&lines.offset("cycle.offset"), format!("offset `{}` is not whole days after a vendor's day", offset.as_str()), "write offset = \"P2D\" beside `after`");
        }
    }
    if let Some(cost) = &governance.cost {
        currency(cost, lines, ledger);
        prices(cost, lines, ledger);
    }
    for (place, report) in governance.reports.iter().enumerate() {
        scheduled(report, lines, ledger);
        if governance.reports[..place].contains(report) {
            let text = format!("two [[report]] sections say the same of `{}`, and it would go out once", printable(&report.name));
            ledger.error(&lines.offset("report"), text, "delete one of them, or say in what they differ");
        }
    }
    if let Some(class) = governance.scope.iter().flat_map(|scope| &scope.classes).find(|class| class.select.is_empty()) {
        ledger.error(&lines.offset(&format!("asset_class.{}", class.id)), format!("asset class `{}` selects no host", printable(&class.id)), "give it a `select`");
    }
}

/// Names that nobody explains. Without `[people]` there is nothing to hold
/// them against.
fn names(governance: &Governance, lines: &Lines, ledger: &mut Ledger<'_>) {
    if governance.people.is_empty() {
        return;
    }
    let known: BTreeSet<&str> = governance.people.keys().map(String::as_str).chain(AUDIENCES).collect();
    let mut told = BTreeSet::new();
    for (path, name) in governance.names() {
        let is_known = known.contains(name) || name.contains('@') || governance.people.values().any(|person| person.mail.as_deref() == Some(name));
        if !is_known && told.insert((path.clone(), name)) {
            let next = suggestion(name, &known).map_or_else(|| "add it to [people]".to_owned(), |meant| format!("{meant} Else add it to [people]"));
            ledger.error(&lines.offset(&path), format!("{path} names `{}`, and [people] knows nobody by that name", printable(name)), next);
        }
    }
}

fn levels(governance: &Governance, policies: &[Policy], lines: &Lines, ledger: &mut Ledger<'_>) {
    let mut known: BTreeSet<String> = ["critical", "high", "medium", "low"].into_iter().map(str::to_owned).collect();
    for policy in policies {
        known.extend(policy.rules.iter().map(|rule| rule.id.clone()));
        let outcomes = policy.priority.iter().flat_map(|model| &model.table.outcome().values);
        known.extend(outcomes.map(|value| value.shown().to_owned()));
    }
    let mut named = governance.levels();
    let waiver = policies.first().and_then(|policy| policy.waiver.as_ref());
    if let Some(waiver) = waiver {
        named.extend(waiver.max_length.keys().map(|level| ("waiver.max_length".to_owned(), level.as_str())));
        named.extend(waiver.quorum.keys().map(|level| ("waiver.quorum".to_owned(), level.as_str())));
        named.extend(waiver.need_compensating_control.iter().map(|level| ("waiver.need_compensating_control".to_owned(), level.as_str())));
        let forbidden = waiver.forbid.iter().flat_map(|(_, levels)| levels);
        named.extend(forbidden.map(|level| ("waiver.forbid".to_owned(), level.as_str())));
    }
    let words: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    for (path, level) in named {
        if !words.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            let next = suggestion(level, &words).unwrap_or_else(|| format!("use one of: {}", words.iter().copied().collect::<Vec<_>>().join(", ")));
            ledger.error(&lines.offset(&path), format!("{path} names `{}`, which is no severity, priority or rule of the policies in force", printable(level)), next);
        }
    }
}

fn sources(monitor: &Monitor, lines: &Lines, ledger: &mut Ledger<'_>) {
    let known: BTreeSet<&str> = Monitor::KINDS.into_iter().collect();
    let watched = monitor.watch.iter().flat_map(|watch| &watch.sources).map(|source| ("monitor.watch", source));
    let listed = monitor.sources.iter().flatten().map(|source| ("monitor.sources", source));
    for (path, source) in listed.chain(watched) {
        let kind = source.split(':').next().unwrap_or_default();
        if source != "*" && !known.contains(kind) {
            let next = nearest(kind, &known).map_or_else(|| format!("use one of: {}", Monitor::KINDS.join(", ")), |meant| format!("did you mean `{meant}`?"));
            ledger.error(&lines.offset(path), format!("{path} names `{}`, and there is no such kind of source", printable(source)), next);
        }
    }
}

fn currency(cost: &Cost, lines: &Lines, ledger: &mut Ledger<'_>) {
    if cost.currency.len() != 3 || !cost.currency.chars().all(|letter| letter.is_ascii_uppercase()) {
        ledger.error(&lines.offset("cost.currency"), format!("`{}` is no currency code", printable(&cost.currency)), "write three capital letters: EUR");
    }
}

/// What is counted by words that other records name too.
fn prices(cost: &Cost, lines: &Lines, ledger: &mut Ledger<'_>) {
    let named = [("rate", cost.rate.keys()), ("downtime_per_min", cost.downtime_per_min.keys()), ("budget_days", cost.budget_days.keys())];
    for (section, words) in named {
        for word in words.filter(|word| !is_word(word)) {
            ledger.error(&lines.offset(&format!("cost.{section}")), format!("cost.{section} names `{}`", printable(word)), "write small letters, digits, - and _, 40 at most");
        }
    }
    for (number, estimate) in &cost.estimate {
        let at = lines.offset("cost.estimate");
        if Step::parse(number).is_none() {
            ledger.error(&at, format!("cost.estimate names `{}`, and there is no such step", printable(number)), "name one of the steps 1.1 to 10.4, as \"7.3\"");
        }
        if estimate.per_unit > 0 && estimate.unit.is_none() {
            ledger.error(&at, format!("the estimate of step {} counts minutes per unit, and names no unit", printable(number)), "add unit = \"advisories\", \"checks\", \"hosts\" or \"failures\"");
        }
    }
    if cost.hours_per_day.is_some_and(|hours| !(1.0..=24.0).contains(&hours.0)) {
        ledger.error(&lines.offset("cost.hours_per_day"), "a day of work has 1 to 24 hours", "write hours_per_day = 8");
    }
}

/// A report that the server makes must be one that it has.
fn scheduled(report: &Report, lines: &Lines, ledger: &mut Ledger<'_>) {
    let at = lines.offset("report");
    let known: BTreeSet<&str> = Named::all().map(Named::word).collect();
    if let Some(named) = report.report.as_deref().filter(|named| !known.contains(named)) {
        let next = suggestion(named, &known).unwrap_or_else(|| format!("use one of: {}", known.iter().copied().collect::<Vec<_>>().join(", ")));
        ledger.error(&at, format!("report `{}` asks for `{}`, and there is no such report", printable(&report.name), printable(named)), next);
    }
    let forms = ["html", "pdf", "docx", "markdown", "csv", "json"];
    if let Some(format) = report.format.as_deref().filter(|format| !forms.contains(format)) {
        ledger.error(&at, format!("report `{}` comes in no form `{}`", printable(&report.name), printable(format)), format!("use one of: {}", forms.join(", ")));
    }
    if report.report.is_some() && report.every.nominal_seconds() < 86_400 {
        ledger.error(&at, format!("report `{}` is made more often than daily", printable(&report.name)), "write every = \"P1D\" or longer");
    }
}
