//! `plimsoll policy simulate`: a policy played through the past of a server's
//! hosts.

use crate::arguments::{PlainFormat, Remote};
use crate::client::Client;
use crate::commands::basis;
use crate::printer::{Failure, Outcome, Printer};
use crate::progress::Step;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use jiff::Timestamp;
use plimsoll_core::model::problem::printable;
use plimsoll_core::simulation::{Side, Simulation, WeekPlayed};
use plimsoll_formats::policy;
use std::path::Path;
use std::time::Duration;

/// How long a server may play: it reads the journals of all hosts.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Findings that the text names; JSON has more.
const ROWS: usize = 20;
/// Greatest length of a week's bar.
const BAR: u64 = 24;

/// What is to be played.
pub struct Wish<'a> {
    pub policy: &'a str,
    pub remote: &'a Remote,
    pub days: u16,
    pub client: Option<&'a str>,
    pub format: PlainFormat,
}

/// Plays a policy: 1 when findings that were in time would be missed.
pub fn run(wish: &Wish<'_>, printer: &Printer) -> Result<Outcome, Failure> {
    let text = match policy::preset(wish.policy) {
        Some(preset) => preset.to_owned(),
        None => basis::read_policy(Path::new(wish.policy))?,
    };
    let asked = serde_json::json!({ "text": text, "days": wish.days, "client": wish.client });
    let step = Step::start(printer, "playing the journals of all hosts");
    let answer = Client::patient(wish.remote, PATIENCE)?.change("POST", "/api/v1/policy/simulate", &[], &asked)?;
    drop(step);
    let played: Simulation = super::read(answer)?;
    match wish.format {
        PlainFormat::Json => super::super::json(printer, &played)?,
        PlainFormat::Text => printer.data(&told(&played, wish.days))?,
    }
    Ok(if played.newly_missed > 0 { Outcome::No } else { Outcome::Clean })
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn share(share: Option<f64>) -> String {
    share.map_or_else(String::new, |share| format!(" ({share} %)"))
}

fn told(played: &Simulation, days: u16) -> String {
    let Simulation { from, to, days_real, real_share, hosts, findings, before, after, moved, newly_missed, no_longer_missed, rows, assumed, .. } = played;
    let mut text = format!(
        "{days} days from {} to {}: journals tell {days_real} of them{}, dated sources the rest\n{hosts} hosts, {findings} findings\n\n",
        day(*from),
        day(*to),
        real_share.map_or_else(String::new, |share| format!(" ({share} % of the hosts' days)")),
    );
    text.push_str(&beside(before, after));
    text.push_str(&format!(
        "\ndue dates: {} sooner, {} later, {} where there was none, {} lost, {} as before\n",
        moved.sooner, moved.later, moved.dated, moved.undated, moved.unchanged
    ));
    text.push_str(&format!("{newly_missed} findings that were in time would have been missed; {no_longer_missed} that were missed would not\n"));
    text.push_str("\ncoming due week by week: █ closed in time, ░ not\n");
    text.push_str(&weeks(before, after));
    let missed: Vec<String> = after.rules.iter().filter(|rule| rule.late + rule.open + rule.unreachable > 0).map(|rule| {
        let mut line = format!("  {}: {} of {} missed", printable(&rule.rule), rule.late + rule.open, rule.came_due);
        if rule.unreachable > 0 {
            line.push_str(&format!(", {} without time left by its windows, soak and tests", rule.unreachable));
        }
        line + "\n"
    }).collect();
    if !missed.is_empty() {
        text.push_str("\nrules of the simulated policy\n");
        text.push_str(&missed.concat());
    }
    if !rows.is_empty() {
        text.push_str("\nin time as it was, missed under the simulated policy\n");
    }
    for row in rows.iter().take(ROWS) {
        let end = row.closed.map_or_else(|| "open".to_owned(), |at| format!("closed {}", day(at)));
        let due = row.after.map_or_else(|| "none".to_owned(), day);
        text.push_str(&format!(
            "  {} {} {} ({}): due {due}, {end}, {} days late\n",
            printable(&row.host),
            printable(&row.advisory),
            printable(&row.component),
            row.rating.as_str(),
            (row.seconds + 86_399) / 86_400
        ));
    }
    if *newly_missed > ROWS as u64 {
        text.push_str(&format!("  and {} more (--format json lists up to {})\n", newly_missed - ROWS as u64, plimsoll_core::simulation::LISTED));
    }
    text.push_str("\ntaken as given\n");
    for assumed in assumed {
        text.push_str(&format!("  {assumed}\n"));
    }
    text
}

/// Both policies' counts side by side.
fn beside(before: &Side, after: &Side) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["", "in force", "simulated"]);
    let names = |side: &Side| side.policies.iter().map(|policy| format!("{} {}", policy.id, policy.version)).collect::<Vec<_>>().join(", ");
    table.add_row(["policies".to_owned(), names(before), names(after)]);
    let mut row = |name: &str, of: &dyn Fn(&Side) -> String| {
        table.add_row([name.to_owned(), of(before), of(after)]);
    };
    row("findings with a due date", &|side| side.dated.to_string());
    row("without one", &|side| side.undated.to_string());
    row("came due", &|side| side.came_due.to_string());
    row("  closed in time", &|side| format!("{}{}", side.met, share(side.share)));
    row("  closed late", &|side| side.late.to_string());
    row("  still open", &|side| side.open.to_string());
    row("  nobody knows", &|side| side.unknown.to_string());
    row("  windows, soak and tests left no time", &|side| side.unreachable.to_string());
    row("emergency changes", &|side| side.emergencies.to_string());
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn weeks(before: &Side, after: &Side) -> String {
    let most = before.weeks.iter().chain(&after.weeks).map(|week| week.came_due).max().unwrap_or(0).max(1);
    let width = most.min(BAR);
    let cell = |week: &WeekPlayed| {
        let long = (week.came_due * width).div_ceil(most);
        let met = (long * week.met).checked_div(week.came_due).unwrap_or(0);
        let bar = "█".repeat(met as usize) + &"░".repeat((long - met) as usize);
        let padding = " ".repeat((width - long) as usize);
        format!("{bar}{padding} {:>6} on {:>5} hosts", week.came_due, week.hosts)
    };
    let mut text = format!("{:<10}  {:<pad$}  simulated\n", "", "in force", pad = width as usize + 22);
    for (old, new) in before.weeks.iter().zip(&after.weeks) {
        text.push_str(&format!("{}  {}  {}\n", day(old.from), cell(old), cell(new)));
    }
    text
}
