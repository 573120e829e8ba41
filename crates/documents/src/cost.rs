//! The report of **cost**: what [`plimsoll_core::measures::cost`] counted, laid
//! out for people. Nothing is counted here.

use crate::model::{Align, Bars, Block, Document, Kind, Table};
use crate::text::{Style, Text};
use crate::words::{count, day, instant_utc, length};
use plimsoll_core::measures::LISTED;
use plimsoll_core::measures::cost::money::written;
use plimsoll_core::measures::cost::{Cost, CostReport, StepLine};
use plimsoll_core::model::work::{Source, Subject};

/// Patches and hosts that are shown; the other forms have more.
const SHOWN: usize = 50;

/// Lays a report of cost out.
pub fn document(report: &CostReport) -> Document {
    let cost = &report.cost;
    let title = report.client.as_ref().map_or_else(|| "What patching cost".to_owned(), |client| format!("What patching cost {client}"));
    let mut document = Document::new(title, "Plimsoll · report · cost", day(cost.window.to));
    document.footer(format!("Report cost as of {}", instant_utc(cost.window.to)));
    document.fact("As of", instant_utc(cost.window.to));
    document.fact("Since", instant_utc(cost.window.from));
    if let Some(client) = &report.client {
        document.fact("Client", client.as_str());
    }
    let prices = match (&cost.prices_of, cost.prices_since) {
        (Some(policy), Some(since)) => format!("policy {policy}, noted {}", instant_utc(since)),
        _ => "no policy in force said prices".to_owned(),
    };
    document.fact("Prices", prices);
    verdict(cost, &mut document);
    picture(cost, &mut document);
    sums(cost, &mut document);
    crate::record::times(cost.time_spent.as_slice(), &mut document);
    steps(cost, &mut document);
    patches(cost, &mut document);
    hosts(cost, &mut document);
    budgets(cost, &mut document);
    how(report, &mut document);
    document
}

fn dash() -> Text {
    Text::styled(Style::Soft, "–")
}

fn money(cost: &Cost, minor: i64) -> String {
    match &cost.currency {
        Some(currency) => format!("{} {currency}", written(minor.into(), cost.decimals)),
        None => "no price".to_owned(),
    }
}

/// Money in a cell, where its column says the currency.
fn cell(cost: &Cost, minor: i64) -> Text {
    if cost.currency.is_none() || minor == 0 { dash() } else { written(minor.into(), cost.decimals).into() }
}

/// Hours with two decimals, cut and not rounded up: `1.25 h`.
fn hours(seconds: u64) -> String {
    format!("{}.{:02} h", seconds / 3600, seconds % 3600 * 100 / 3600)
}

fn some_hours(seconds: u64) -> Text {
    if seconds == 0 { dash() } else { hours(seconds).into() }
}

fn from(source: Source) -> &'static str {
    match source {
        Source::Timer => "timers",
        Source::Entered => "people's word",
        Source::Ticket => "tickets",
        Source::Estimate => "estimates of the policy",
    }
}

/// The answer in one sentence, and what takes from its weight.
fn verdict(cost: &Cost, document: &mut Document) {
    let totals = cost.totals;
    if totals.seconds == 0 && totals.downtime == 0 {
        document.note(Kind::Information, "Nobody said what was worked in this time, and no estimate counts.");
    } else {
        document.note(Kind::Information, format!("{} of work; {} and {} of fixed cost.", hours(totals.seconds), money(cost, totals.variable), money(cost, totals.fixed)));
    }
    if totals.mostly_estimated {
        document.note(Kind::Warning, "An estimate: more than half of the hours are the policy's estimates and nobody's word.");
    }
    let without = cost.without;
    if without.price_seconds > 0 || without.price_minutes > 0 {
        let text = format!("Counted without a price, because the policy has none for the role or tier: {} of work, {} out of service.", hours(without.price_seconds), count(without.price_minutes, "minute", "minutes"));
        document.note(Kind::Warning, text);
    }
    if cost.cut > 0 {
        let text = format!("{} nobody stopped counted for twelve hours and no longer: correct them.", count(cost.cut, "timer that", "timers that"));
        document.note(Kind::Warning, text);
    }
}

/// Where hours and money went, by phase.
fn picture(cost: &Cost, document: &mut Document) {
    let worked: u64 = cost.phases.iter().map(|line| line.seconds).sum();
    if worked > 0 {
        let mut bars = Bars::new("Where the hours went, by phase", ["hours"]);
        for line in cost.phases.iter().filter(|line| line.seconds > 0) {
            bars.bar(line.phase, vec![(line.seconds, hours(line.seconds))], hours(line.seconds));
        }
        document.push(Block::Bars(bars));
    }
    if cost.currency.is_some() && cost.totals.all > 0 {
        let mut bars = Bars::new("Where the money went", ["work", "out of service", "fixed"]);
        let size = |minor: i64| u64::try_from(minor).unwrap_or(0);
        let part = |minor: i64| (size(minor), money(cost, minor));
        for line in cost.phases.iter().filter(|line| line.cost + line.downtime > 0) {
            bars.bar(line.phase, vec![part(line.cost), part(line.downtime), part(0)], money(cost, line.cost + line.downtime));
        }
        let unnamed: i64 = cost.steps.iter().filter(|line| line.step.is_none()).map(|line| line.cost).sum();
        if unnamed > 0 {
            bars.bar("Of no step", vec![part(unnamed), part(0), part(0)], money(cost, unnamed));
        }
        if cost.totals.fixed > 0 {
            bars.bar("Fixed", vec![part(0), part(0), part(cost.totals.fixed)], money(cost, cost.totals.fixed));
        }
        bars.colours = vec![0, 5, 7];
        document.push(Block::Bars(bars));
    }
}

fn sums(cost: &Cost, document: &mut Document) {
    document.heading(1, "Sums");
    let totals = cost.totals;
    let unit = cost.currency.as_deref().unwrap_or("no price");
    let mut table = Table::new().column("What for", Align::Left, 6).column("Hours", Align::Right, 3).column(format!("Cost, {unit}"), Align::Right, 3);
    table.row(vec![Text::styled(Style::Strong, "Patches"), some_hours(totals.patch_seconds), cell(cost, totals.patches)]);
    for line in &cost.centres {
        table.row(vec![format!("Cost centre {}", line.centre).into(), some_hours(line.seconds), cell(cost, line.cost)]);
    }
    table.row(vec!["Out of service".into(), dash(), cell(cost, totals.downtime)]);
    table.row(vec![Text::styled(Style::Strong, "Variable"), some_hours(totals.seconds), cell(cost, totals.variable)]);
    for line in &cost.fixed {
        table.row(vec![format!("Fixed: {}", line.name).into(), dash(), cell(cost, line.cost)]);
    }
    table.row(vec![Text::styled(Style::Strong, "All"), some_hours(totals.seconds), cell(cost, totals.all)]);
    document.push(Block::Table(table));
    let mut table = Table::new().column("How the hours are known", Align::Left, 6).column("Hours", Align::Right, 3).column(format!("Cost, {unit}"), Align::Right, 3);
    for line in &cost.sources {
        table.row(vec![from(line.source).into(), some_hours(line.seconds), cell(cost, line.cost)]);
    }
    document.push(Block::Table(table));
}

fn steps(cost: &Cost, document: &mut Document) {
    document.heading(1, "The forty steps");
    let mut table = Table::new()
        .column("Step", Align::Left, 7)
        .column("Elapsed", Align::Right, 3)
        .column("Worked", Align::Right, 3)
        .column("Waited", Align::Right, 3)
        .column("Known from", Align::Left, 5)
        .column(format!("Cost, {}", cost.currency.as_deref().unwrap_or("no price")), Align::Right, 3);
    for line in &cost.steps {
        table.row(step(cost, line));
    }
    document.push(Block::Table(table));
    document.paragraph(Text::styled(Style::Soft, "A star marks what is looked at first. Elapsed is added up over the patches whose rollout started in this time; of the work on those, the rest is waiting. A dash is not zero: nobody says."));
}

fn step(cost: &Cost, line: &StepLine) -> Vec<Text> {
    let time = |seconds: Option<u64>| seconds.map_or_else(dash, |seconds| length(seconds).into());
    let name = match line.step {
        Some(step) => format!("{} {}{}", step.number(), line.name, if line.key { " ★" } else { "" }),
        None => line.name.to_owned(),
    };
    let mut known: Vec<String> = line.measured.map(|measured| format!("measured: {measured}, {}", count(line.measured_patches, "patch", "patches"))).into_iter().collect();
    known.extend(line.hours_from.iter().map(|source| from(*source).to_owned()));
    if line.downtime > 0 {
        known.push("time out of service".to_owned());
    }
    let known = if known.is_empty() { Text::styled(Style::Soft, "nobody says") } else { known.join("; ").into() };
    let name = if line.key { Text::styled(Style::Strong, name) } else { name.into() };
    vec![name, time(line.elapsed_seconds), line.touch_seconds.map_or_else(dash, some_hours), time(line.wait_seconds), known, cell(cost, line.cost + line.downtime)]
}

fn patches(cost: &Cost, document: &mut Document) {
    if cost.patches.is_empty() {
        return;
    }
    document.heading(1, "By patch");
    let unit = cost.currency.as_deref().unwrap_or("no price");
    let mut table = Table::new()
        .column("Patch", Align::Left, 7)
        .column("Hosts", Align::Right, 2)
        .column("Hours", Align::Right, 3)
        .column("Of them estimated", Align::Right, 3)
        .column(format!("Cost, {unit}"), Align::Right, 3)
        .column("For each host", Align::Right, 3);
    for line in cost.patches.iter().take(SHOWN) {
        let name = match (&line.title, &line.subject) {
            (Some(title), Subject::Package(digest)) => Text::styled(Style::Strong, title).plain(" ").and(Style::Code, digest.get(..12).unwrap_or(digest)),
            (_, subject) => Text::code(subject.to_string()),
        };
        table.row(vec![
            name,
            line.hosts.map_or_else(dash, |hosts| hosts.to_string().into()),
            some_hours(line.seconds),
            some_hours(line.estimated_seconds),
            cell(cost, line.cost + line.downtime),
            line.per_host.map_or_else(dash, |each| cell(cost, each)),
        ]);
    }
    document.push(Block::Table(table));
    rest(cost.patches.len(), SHOWN, document);
}

fn rest(all: usize, shown: usize, document: &mut Document) {
    if all > shown {
        document.paragraph(Text::styled(Style::Soft, format!("The {shown} dearest of {all}; the JSON form has more.")));
    }
}

fn hosts(cost: &Cost, document: &mut Document) {
    if cost.hosts.is_empty() || cost.currency.is_none() {
        return;
    }
    document.heading(1, "By host");
    let mut table = Table::new().column("Host", Align::Left, 7).column(format!("Cost, {}", cost.currency.as_deref().unwrap_or_default()), Align::Right, 3);
    for line in cost.hosts.iter().take(SHOWN) {
        let name = line.name.as_ref().map_or_else(|| Text::code(line.host.to_string()), |name| Text::styled(Style::Strong, name));
        table.row(vec![name, cell(cost, line.cost)]);
    }
    document.push(Block::Table(table));
    rest(cost.hosts.len(), SHOWN, document);
    if cost.without.host > 0 || cost.without.listed > 0 {
        let text = format!("{} falls to no host: work on advisories that no package answers, or on packages whose rollout is not seen. {} falls to hosts after the first {LISTED}.", money(cost, cost.without.host), money(cost, cost.without.listed));
        document.paragraph(Text::styled(Style::Soft, text));
    }
}

fn budgets(cost: &Cost, document: &mut Document) {
    if cost.budgets.is_empty() {
        return;
    }
    document.heading(1, format!("Days by role, {}", cost.year));
    let mut table = Table::new().column("Role", Align::Left, 5).column("Days worked", Align::Right, 3).column("Budget", Align::Right, 3).column("Stands", Align::Left, 3);
    for line in &cost.budgets {
        let stands = match line.budget_days {
            None => Text::styled(Style::Soft, "no budget"),
            Some(_) if line.over => Text::styled(Style::Bad, "used up"),
            Some(_) => Text::styled(Style::Good, "within"),
        };
        table.row(vec![Text::styled(Style::Strong, &line.role), format!("{:.2}", line.days).into(), line.budget_days.map_or_else(dash, |days| format!("{days}").into()), stands]);
    }
    document.push(Block::Table(table));
    document.paragraph(Text::styled(Style::Soft, "From the first of January, UTC, to the end of this report; estimates are nobody's days. The budgets are the policy's."));
}

fn how(report: &CostReport, document: &mut Document) {
    let cost = &report.cost;
    document.heading(1, "How these figures are made");
    document.paragraph("A model of ten phases and forty steps in the manner of Project Quant; it does not reproduce its report. Hours are taken from timers and people's word, else from tickets, else from the policy's estimates, for each step, patch and role. Seconds are added up first and priced once, so that steps, patches, hosts and sources add up to the same sum. Hours of a patch fall to its hosts in equal parts; fixed cost falls to none.");
    let mut told = vec![format!("Counted once although timers of one person ran side by side: {}.", hours(cost.shared_seconds))];
    told.push(format!("Passed over, because a timer or a person's word tells the same hours better than the ticket: {}.", hours(cost.passed_over_seconds)));
    document.push(Block::List { numbered: false, items: told.into_iter().map(Text::from).collect() });
    crate::report::again("cost", cost.window, report.client.as_deref(), document);
}
