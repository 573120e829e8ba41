//! **Reports** for operators, teams, management, clients and auditors: what
//! [`plimsoll_core::measures`] counted, laid out for people. Nothing is counted
//! here.

use crate::model::{Align, Bars, Block, Document, Kind, Table};
use crate::words::{count, day, instant_utc};
use crate::text::{Style, Text};
use jiff::Timestamp;
use plimsoll_core::measures::targets::Trend;
use plimsoll_core::measures::{Audience, LEAST, LISTED, Listed, Measures, Report, Rollouts, Survival, Window};
use plimsoll_core::model::advisory::Rating;

/// What the columns of the ageing table say.
const AGES: [&str; 7] = ["to 7 d", "to 14 d", "to 30 d", "to 60 d", "to 90 d", "to 180 d", "more"];

/// Lays a report out.
pub fn document(report: &Report) -> Document {
    let measures = &report.measures;
    let title = match (report.report, &report.client) {
        (Audience::Operator, _) => "The operator's day".to_owned(),
        (Audience::Weekly, _) => "The week's review".to_owned(),
        (Audience::Management, _) => "Patching, for management".to_owned(),
        (Audience::Client, Some(client)) => format!("Patching for {client}"),
        (Audience::Client, None) => "Patching, for a client".to_owned(),
        (Audience::Auditor, _) => "Patching, for auditors".to_owned(),
    };
    let mut document = Document::new(title, format!("Plimsoll · report · {}", report.report.word()), day(measures.window.to));
    document.footer(format!("Report {} as of {}", report.report.word(), instant_utc(measures.window.to)));
    head(report, &mut document);
    verdict(measures, &mut document);
    targets(report, &mut document);
    open(measures, &mut document);
    let listed = match report.report {
        Audience::Operator | Audience::Auditor => LISTED,
        Audience::Weekly | Audience::Client => 50,
        Audience::Management => 10,
    };
    if report.report != Audience::Operator {
        on_time(measures, &mut document);
        time_to_patch(measures, &mut document);
        ageing(measures, &mut document);
    }
    flow(measures, &mut document);
    rollouts(measures, &mut document);
    cycles(report, &mut document);
    let late: u64 = measures.open.iter().map(|count| count.exceeded).sum();
    list("Past due", late, &measures.late, listed, measures.window.to, &mut document);
    if matches!(report.report, Audience::Operator | Audience::Weekly | Audience::Auditor) {
        let soon: u64 = measures.open.iter().map(|count| count.approaching).sum();
        list("Due within seven days", soon, &measures.approaching, listed, measures.window.to, &mut document);
    }
    moved(measures, listed, &mut document);
    how(report, &mut document);
    document
}

fn head(report: &Report, document: &mut Document) {
    let measures = &report.measures;
    document.fact("As of", instant_utc(measures.window.to));
    document.fact("Since", instant_utc(measures.window.from));
    document.fact("Hosts", measures.hosts.to_string());
    if let Some(client) = &report.client {
        document.fact("Client", client.as_str());
    }
    let policies = if measures.policies.is_empty() { "no due date was decided in this time".to_owned() } else { measures.policies.join(", ") };
    document.fact("Policies", policies);
}

/// The answer in one sentence.
fn verdict(measures: &Measures, document: &mut Document) {
    let late: u64 = measures.open.iter().map(|count| count.exceeded).sum();
    if measures.hosts == 0 {
        document.note(Kind::Information, "No host was managed then.");
    } else if late > 0 {
        let told = format!("{} past due on {} of {}.", count(late, "finding is", "findings are"), measures.hosts_overdue, count(measures.hosts, "host", "hosts"));
        document.note(Kind::Danger, told);
    } else {
        document.note(Kind::Information, format!("Nothing is past due on {}.", count(measures.hosts, "host", "hosts")));
    }
    if measures.exploited.open > 0 {
        let told = format!("{} known to be exploited and open, {} of them past due.", count(measures.exploited.open, "finding is", "findings are"), measures.exploited.overdue);
        document.note(Kind::Warning, told);
    }
}

fn targets(report: &Report, document: &mut Document) {
    if report.targets.is_empty() {
        return;
    }
    document.heading(1, "Targets of the policy");
    let mut table = Table::new().column("Target", Align::Left, 5).column("Counted", Align::Left, 6);
    for name in ["Wanted", "Figure", "Share", "Before"] {
        table = table.column(name, Align::Right, 2);
    }
    table = table.column("Trend", Align::Left, 2).column("Met", Align::Left, 2);
    for one in &report.targets {
        let percent = |share: Option<f64>| share.map_or_else(dash, |share| format!("{share:.1} %").into());
        let trend = match one.trend {
            Some(Trend::Better) => "better".into(),
            Some(Trend::Same) => "the same".into(),
            Some(Trend::Worse) => "worse".into(),
            None => dash(),
        };
        table.row(vec![
            Text::code(&one.name),
            one.what.into(),
            format!("{} {} %", if one.at_most { "at most" } else { "at least" }, one.target).into(),
            format!("{} of {}", one.part, one.whole).into(),
            percent(one.share),
            percent(one.before),
            trend,
            crate::samm::met(one.met),
        ]);
    }
    document.push(Block::Table(table));
    document.paragraph(Text::styled(Style::Soft, "Before is the time of equal length before this one. What nothing was counted of is unknown, not met."));
}

/// Rounds of routine patching.
fn cycles(report: &Report, document: &mut Document) {
    if report.cycles.is_empty() {
        return;
    }
    document.heading(1, "Cycles of routine patching");
    let missed = report.cycles.iter().filter(|round| round.missed == Some(true)).count() as u64;
    let over = report.cycles.iter().filter(|round| round.missed.is_some()).count() as u64;
    document.paragraph(format!("{} of {} missed: no routine change began from its day to the next.", missed, count(over, "round was", "rounds were")));
    let mut table = Table::new().column("Cycle", Align::Left, 5).column("Day", Align::Left, 3).column("Next", Align::Left, 3).column("Change began (UTC)", Align::Left, 4).column("Round", Align::Left, 3);
    for round in &report.cycles {
        let state = match round.missed {
            Some(true) => Text::styled(Style::Bad, "missed"),
            Some(false) => Text::styled(Style::Good, "kept"),
            None => Text::styled(Style::Soft, "goes on"),
        };
        let began = round.began.map_or_else(dash, |at| instant_utc(at).into());
        table.row(vec![Text::from(round.cycle.as_str()), round.day.to_string().into(), round.next.to_string().into(), began, state]);
    }
    document.push(Block::Table(table));
}

fn open(measures: &Measures, document: &mut Document) {
    let mut bars = Bars::new("Open findings by priority", ["in time", "due within seven days", "past due", "without a due date"]);
    for line in &measures.open {
        let parts = [line.within, line.approaching, line.exceeded, line.undated];
        bars.bar(line.priority.as_str(), parts.map(|number| (number, number.to_string())).into(), count(line.open, "finding", "findings"));
    }
    bars.colours = vec![4, 1, 5, 7];
    if measures.open.is_empty() {
        document.paragraph("Nothing is open.");
    } else {
        document.push(Block::Bars(bars));
    }
}

fn on_time(measures: &Measures, document: &mut Document) {
    document.heading(1, "In time");
    if measures.on_time.is_empty() {
        return document.paragraph("Nothing was due in this time.");
    }
    let mut table = Table::new().column("Rule", Align::Left, 6);
    for name in ["Due", "In time", "Too late", "Still open", "Share"] {
        table = table.column(name, Align::Right, 2);
    }
    for rule in &measures.on_time {
        let counts = [rule.due, rule.met, rule.late, rule.open].map(|number| Text::from(number.to_string()));
        let mut row = vec![Text::styled(Style::Strong, &rule.rule)];
        row.extend(counts);
        row.push(rule.share.map_or_else(dash, |share| format!("{share:.1} %").into()));
        table.row(row);
    }
    document.push(Block::Table(table));
    document.paragraph(Text::styled(Style::Soft, format!("What was due in this time, whenever it was closed; what is still open counts as missed. Below {LEAST} only counts are told.")));
}

fn dash() -> Text {
    Text::styled(Style::Soft, "–")
}

fn maybe(days: Option<f64>) -> Text {
    days.map_or_else(dash, |days| format!("{days:.1}").into())
}

fn of(survival: &Survival) -> &'static str {
    survival.priority.map_or("all", Rating::as_str)
}

fn time_to_patch(measures: &Measures, document: &mut Document) {
    document.heading(1, "Time to patch, in days");
    if measures.time_to_patch.iter().all(|line| line.started == 0) {
        return document.paragraph("No clock started in this time.");
    }
    let mut table = Table::new().column("Priority", Align::Left, 3);
    for name in ["Started", "Closed", "Half", "9 of 10", "95 %", "Mean closed", "Mean age open"] {
        table = table.column(name, Align::Right, 2);
    }
    for line in &measures.time_to_patch {
        let mut row = vec![Text::styled(Style::Strong, of(line)), line.started.to_string().into(), line.closed.to_string().into()];
        row.extend([line.median_days, line.p90_days, line.p95_days, line.mean_days, line.mean_open_days].map(maybe));
        table.row(row);
    }
    document.push(Block::Table(table));
    let mut told = format!("After Kaplan and Meier: what is open counts for as long as it was watched, and the mean of what was closed never stands alone. {} whose clock had started before this time {} not in it.", count(measures.started_before, "finding", "findings"), if measures.started_before == 1 { "is" } else { "are" });
    if let Some(first) = measures.time_to_patch.first().filter(|first| !first.patched.is_empty()) {
        let shares: Vec<String> = first.patched.iter().map(|point| format!("{:.1} % after {} d", point.share, point.days)).collect();
        told = format!("Closed: {}. {told}", shares.join(", "));
    }
    document.paragraph(Text::styled(Style::Soft, told));
}

fn ageing(measures: &Measures, document: &mut Document) {
    if measures.ageing.is_empty() {
        return;
    }
    document.heading(1, "Age of what is open");
    let mut table = Table::new().column("Priority", Align::Left, 3);
    for name in AGES {
        table = table.column(name, Align::Right, 2);
    }
    for line in &measures.ageing {
        let mut row = vec![Text::styled(Style::Strong, line.priority.as_str())];
        row.extend(line.counts.map(|number| if number == 0 { dash() } else { number.to_string().into() }));
        table.row(row);
    }
    document.push(Block::Table(table));
}

fn flow(measures: &Measures, document: &mut Document) {
    document.heading(1, "What came and went");
    let (flow, exposure) = (measures.flow, measures.exposure);
    document.push(Block::facts([
        ("Opened", Text::from(format!("{}, {} of them again", flow.opened, flow.opened_again))),
        ("Closed", Text::from(format!("{}, {} of them known to be exploited", flow.closed, measures.exploited.closed))),
        ("Days of exposure", Text::from(format!("{:.1} finding-days, {:.1} of them past due", exposure.finding_days, exposure.overdue_days))),
        ("For each day of a host", maybe(exposure.per_host_day)),
    ]));
}

fn rollouts(measures: &Measures, document: &mut Document) {
    let Rollouts { attempts, succeeded, rolled_back, refused, failed, failed_share, rolled_back_share, first_attempts, first_succeeded, first_share, confirmed, scanner_agrees, scanner_disagrees, scanner_agrees_share } = measures.rollouts;
    if attempts == 0 && confirmed == 0 {
        return;
    }
    document.heading(1, "Rollouts");
    let share = |share: Option<f64>| share.map_or_else(String::new, |share| format!(" ({share:.1} %)"));
    document.push(Block::facts([
        ("Attempts that ended", Text::from(format!("{attempts}, {succeeded} of them with the targets in place"))),
        ("Did not succeed", Text::from(format!("{}{}: {failed} failed, {rolled_back} rolled back, {refused} refused", attempts - succeeded, share(failed_share)))),
        ("Rolled back of what was installed", Text::from(format!("{rolled_back} of {}{}", succeeded + rolled_back, share(rolled_back_share)))),
        ("At the first attempt", Text::from(format!("{first_succeeded} of {first_attempts}{}", share(first_share)))),
        ("Seen with the change", Text::from(count(confirmed, "host", "hosts"))),
        ("Agent and scanner agree", Text::from(format!("on {scanner_agrees} of {} hosts{}", scanner_agrees + scanner_disagrees, share(scanner_agrees_share)))),
    ]));
    crate::record::times(measures.time_spent.as_slice(), document);
}

fn list(heading: &str, all: u64, listed: &[Listed], most: usize, now: Timestamp, document: &mut Document) {
    if all == 0 {
        return;
    }
    document.heading(1, heading);
    let mut table = Table::new()
        .column("Host", Align::Left, 4)
        .column("Advisory", Align::Left, 5)
        .column("Component", Align::Left, 5)
        .column("Priority", Align::Left, 3)
        .column("Rule", Align::Left, 4)
        .column("Due (UTC)", Align::Left, 4)
        .column(if listed.first().is_some_and(|first| first.due < now) { "Days late" } else { "Days left" }, Align::Right, 3);
    for line in listed.iter().take(most) {
        let apart = (now.as_second() - line.due.as_second()).unsigned_abs() as f64 / 86_400.0;
        let priority = if line.exploited { format!("{}, exploited", line.priority.as_str()) } else { line.priority.as_str().to_owned() };
        table.row(vec![
            Text::styled(Style::Strong, &line.name),
            Text::from(&line.advisory),
            Text::code(line.component.rsplit('/').next().unwrap_or_default()),
            priority.into(),
            Text::from(&line.rule),
            line.due.strftime("%Y-%m-%d %H:%M").to_string().into(),
            format!("{apart:.1}").into(),
        ]);
    }
    document.push(Block::Table(table));
    let shown = listed.len().min(most) as u64;
    if shown < all {
        document.paragraph(Text::styled(Style::Soft, format!("The first {shown} of {all}, by due date.")));
    }
}

fn moved(measures: &Measures, most: usize, document: &mut Document) {
    if measures.moved_later == 0 {
        return;
    }
    document.heading(1, "Due dates that were moved later");
    document.note(Kind::Warning, format!("{} moved to a later time or taken away: by another policy, other facts of the host, or other facts of the advisory.", count(measures.moved_later, "due date was", "due dates were")));
    let mut table = Table::new()
        .column("When (UTC)", Align::Left, 4)
        .column("Host", Align::Left, 4)
        .column("Advisory", Align::Left, 5)
        .column("Rule", Align::Left, 4)
        .column("From", Align::Left, 3)
        .column("To", Align::Left, 3)
        .column("Under", Align::Left, 5);
    let date = |at: Timestamp| Text::from(at.strftime("%Y-%m-%d").to_string());
    for line in measures.moved.iter().take(most) {
        table.row(vec![
            line.at.strftime("%Y-%m-%d %H:%M").to_string().into(),
            Text::styled(Style::Strong, &line.name),
            Text::from(&line.advisory),
            Text::from(&line.rule),
            date(line.from),
            line.to.map_or_else(dash, date),
            line.policies.join(", ").into(),
        ]);
    }
    document.push(Block::Table(table));
}

fn how(report: &Report, document: &mut Document) {
    let window = report.measures.window;
    document.heading(1, "How these figures are made");
    document.paragraph("Counted is the finding of a host: one advisory on one component of one host, from the moment it was seen until the moment it was seen to be gone. Due dates are those that the policy of each moment gave, the earliest first; where several rules bind, each is counted under its own name.");
    let since = report.measures.due_dates_since.map_or_else(|| "No due date is kept yet.".to_owned(), |since| format!("Due dates are kept since {}; what was closed before has none.", instant_utc(since)));
    document.paragraph(since);
    again(report.report.word(), window, report.client.as_deref(), document);
}

/// How to make the same report again.
pub(crate) fn again(name: &str, window: Window, client: Option<&str>, document: &mut Document) {
    let mut command = format!("plimsoll report {name} --as-of {} --days {}", window.to, (window.to.as_second() - window.from.as_second()) / 86_400);
    if let Some(client) = client {
        command.push_str(&format!(" --client '{}'", client.replace('\'', "'\\''")));
    }
    document.paragraph("The same moment gives the same figures, whatever happened since:");
    document.push(Block::lines([command]));
}
