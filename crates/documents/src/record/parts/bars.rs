//! Two pictures: how the hosts stand, and where the time went.

use crate::words::{count, length};
use crate::model::{Bars, Block, Document};
use plimsoll_core::phases::document::{Record, Times};

/// How the hosts of each ring stand.
pub fn hosts(record: &Record, document: &mut Document) {
    let totals = &record.totals;
    let mut bars = Bars::new("Hosts", ["in effect", "carried out", "failed", "silent", "at work", "not begun"]);
    // The colours of the key go from good to grey; failures are the warm ones.
    let parts = [totals.confirmed, totals.succeeded, totals.failed, totals.silent, totals.at_work, totals.waiting];
    bars.bar("all", parts.map(|number| (number, number.to_string())).into(), count(totals.hosts, "host", "hosts"));
    bars.colours = vec![4, 0, 5, 2, 1, 7];
    document.push(Block::Bars(bars));
}

/// Where the time went: a bar for each of them.
pub fn times(all: &[Times], document: &mut Document) {
    let Some(first) = all.first() else { return };
    let mut bars = Bars::new("Where the time went: means over hosts that were seen with the change", first.phases().map(|(name, _)| name));
    for times in all {
        let parts = times.phases().map(|(_, seconds)| (seconds.unwrap_or(0), seconds.map_or_else(|| "not known".to_owned(), length)));
        bars.bar(&times.of, parts.into(), length(times.total()));
    }
    document.push(Block::Bars(bars));
    let unknown: Vec<&str> = first.phases().iter().filter(|(_, seconds)| seconds.is_none()).map(|(name, _)| *name).collect();
    if !unknown.is_empty() {
        document.paragraph(crate::text::Text::styled(crate::text::Style::Soft, format!("Not in the picture, because an end of it is not known: {}.", unknown.join(", "))));
    }
}
