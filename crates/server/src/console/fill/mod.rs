//! Filling the pages' view structs from the server's state.

mod account;
mod alerts;
mod applications;
mod exceptions;
mod findings;
mod hosts;
mod mitigations;
mod work;
mod operations;
mod packages;
mod people;
mod shell;
mod teams;
mod today;
mod triage;

pub use account::{account, fresh_proof, square_code, tokens};
pub use alerts::alerts;
pub use applications::{application, applications, applications_rows};
pub use exceptions::exceptions;
pub use findings::{advisory, affected_rows, findings, findings_rows, state_word};
pub use hosts::{compare, group, group_hosts, groups, host, hosts, hosts_rows};
pub use mitigations::mitigations;
pub use work::work;
pub use operations::{activity, activity_rows, enrolment, policy, search, sources, version_changes};
pub use packages::{package, package_hosts, packages, packages_rows};
pub use people::{people, read_grant};
pub use shell::{clients, portal, shell};
pub use teams::teams;
pub use today::today;
pub use triage::triage;

use super::query::ListQuery;
use super::views::{Choice, Condition, Facet, Listing};
use crate::fleet::Managed;
use crate::fleet::question::{Clock, Standing, window};
use jiff::Timestamp;
use plimsoll_core::model::obligation::Verdict;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Rows on one page: two screens, and a table that a reader can hold in view.
pub const ROWS: usize = 50;

/// An instant from seconds.
fn instant(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

/// The verdict of a due date.
fn verdict(due: Option<Timestamp>, clock: Clock) -> Verdict {
    crate::fleet::judged::verdict(due.map(Timestamp::as_second), clock.now)
}

/// How a host stands, in one word.
fn condition(managed: &Managed, clock: Clock) -> Condition {
    let counts = &managed.counts;
    let heard = matches!(managed.standing(clock), Standing::Active);
    match counts.findings {
        _ if counts.overdue > 0 => Condition::Overdue,
        _ if counts.due_soon > 0 => Condition::DueSoon,
        // What nobody has heard of lately, or nothing has judged, is not clear.
        None => Condition::Unknown,
        _ if !heard || counts.evaluated < counts.components => Condition::Unknown,
        Some(0) => Condition::Clear,
        Some(_) => Condition::InTime,
    }
}

/// Cuts one page out of all rows; cursors are places in the list.
fn page<Row>(query: ListQuery, rows: Vec<Row>, facets: Vec<Facet>) -> Listing<Row> {
    let (window, listing) = placed(query, rows.len(), facets);
    Listing { rows: rows.into_iter().skip(window.0).take(window.1).collect(), ..listing }
}

/// The same out of lines in no order, of which only the page's are sorted and
/// written.
fn cut<Line, Row>(
    query: ListQuery,
    lines: Vec<Line>,
    facets: Vec<Facet>,
    order: impl Fn(&Line, &Line) -> Ordering,
    row: impl Fn(Line) -> Row,
) -> Listing<Row> {
    let (place, listing) = placed(query, lines.len(), facets);
    Listing { rows: window(lines, place, order).into_iter().map(row).collect(), ..listing }
}

/// Where a page begins and how long it is at most, and the page without rows.
fn placed<Row>(query: ListQuery, total: usize, facets: Vec<Facet>) -> ((usize, usize), Listing<Row>) {
    let place = |cursor: &Option<String>| cursor.as_deref().and_then(|text| text.parse::<usize>().ok());
    let start = match (place(&query.after), place(&query.before)) {
        (Some(after), _) => after.min(total),
        (None, Some(before)) => before.saturating_sub(ROWS).min(total),
        (None, None) => 0,
    };
    let end = (start + ROWS).min(total);
    let listing = Listing {
        query,
        rows: Vec::new(),
        total: Some(total as u64),
        before: (start > 0).then(|| start.to_string()),
        after: (end < total).then(|| end.to_string()),
        facets,
    };
    ((start, ROWS), listing)
}

/// Values of a filter with the number of rows of each, most frequent first.
fn facet<'a>(key: &'static str, values: impl Iterator<Item = Option<&'a str>>) -> Facet {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for value in values {
        *counts.entry(value.unwrap_or(super::query::NONE)).or_default() += 1;
    }
    let mut choices: Vec<Choice> = counts
        .into_iter()
        .map(|(value, count)| Choice { value: value.to_owned(), text: value.to_owned(), count: Some(count) })
        .collect();
    choices.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    choices.truncate(100);
    Facet { key, choices }
}

/// Whether a row's value is the one a filter asks for; no filter takes all.
fn fits(query: &ListQuery, key: &str, value: Option<&str>) -> bool {
    let wanted = query.filter(key);
    wanted.is_empty() || wanted == value.unwrap_or(super::query::NONE)
}

/// Whether one of some texts holds what was typed, case aside.
fn holds(query: &ListQuery, texts: &[&str]) -> bool {
    if query.text.is_empty() {
        return true;
    }
    let wanted = query.text.to_lowercase();
    texts.iter().any(|text| text.to_lowercase().contains(&wanted))
}

/// Turns the order round where the query asks for it.
fn turned<Row>(query: &ListQuery, mut rows: Vec<Row>) -> Vec<Row> {
    if query.descending {
        rows.reverse();
    }
    rows
}
