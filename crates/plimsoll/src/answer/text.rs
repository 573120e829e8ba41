//! The answer on a terminal: what to do first, then everything else.

use super::actions::{self, Tally};
use super::rows::{archives, fold};
use super::words;
use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::host::Target;
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::problem::printable;
use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::update::Update;
use std::fmt::Write;

/// How to lay the text out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns.
    pub width: usize,
    /// Whether to colour.
    pub colored: bool,
    /// Every row instead of the first ones.
    pub all: bool,
}

/// Rows of a table unless everything is asked for: what fits on a screen or two.
const ROWS: usize = 25;
/// Actions named at the top.
const FIRST: usize = 5;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Writes the answer.
pub fn render(scan: &Scan, layout: Layout) -> String {
    let mut page = Page { scan, layout, out: String::new() };
    page.head();
    page.standing();
    page.first();
    page.findings();
    page.updates();
    page.held();
    page.reboot();
    page.coverage();
    page.problems();
    page.out
}

struct Page<'a> {
    scan: &'a Scan,
    layout: Layout,
    out: String,
}

impl Page<'_> {
    fn paint(&self, style: Style, text: &str) -> String {
        if self.layout.colored { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn title(&mut self, text: &str) {
        let title = self.paint(BOLD, text);
        let _ = write!(self.out, "\n{title}\n");
    }

    /// Writes a paragraph broken at the page's width, indented after its first line.
    fn paragraph(&mut self, text: &str, indent: usize) {
        let room = self.layout.width.saturating_sub(indent).max(20);
        let mut line = String::new();
        let mut first = true;
        let flush = |line: &mut String, first: &mut bool, out: &mut String| {
            if !*first {
                out.push_str(&" ".repeat(indent));
            }
            out.push_str(line);
            out.push('\n');
            *first = false;
            line.clear();
        };
        for word in text.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                flush(&mut line, &mut first, &mut self.out);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            flush(&mut line, &mut first, &mut self.out);
        }
    }

    fn head(&mut self) {
        let host = &self.scan.host;
        let what = match host.target {
            Target::Host => "host",
            Target::Root => "root",
            Target::Sbom => "SBOM",
            Target::Project => "project",
            Target::Lockfile => "lock file",
        };
        let name = self.paint(BOLD, &printable(&host.name));
        let os = host.os.as_ref().map_or(String::new(), |os| format!(" · {}", printable(&os.name)));
        let policies: Vec<String> =
            self.scan.policies.iter().map(|policy| format!("{} {}", policy.id, policy.version)).collect();
        self.line(&format!("{what} {name}{os}"));
        let line = format!("as of {} · policy {}", words::instant(self.scan.as_of), policies.join(", "));
        let line = self.paint(DIM, &line);
        self.line(&line);
    }

    /// The tally and its picture.
    fn standing(&mut self) {
        let tally = actions::tally(self.scan);
        self.out.push('\n');
        if tally.total() == 0 {
            self.nothing_due();
            return;
        }
        let mut parts = Vec::new();
        for (count, word, style) in shares(&tally) {
            if count > 0 {
                parts.push(self.paint(style.bold(), &format!("{count} {word}")));
            }
        }
        self.line(&parts.join("   "));
        let bar = self.bar(&tally);
        self.line(&bar);
        if self.scan.database.is_none() {
            self.paragraph("Updates only: findings are unknown without an advisory database. Get one with `plimsoll db update`.", 0);
        }
    }

    fn nothing_due(&mut self) {
        let evaluated = self.scan.coverage.evaluated;
        let text = if self.scan.database.is_none() {
            "Findings are unknown: there is no advisory database. Get one with `plimsoll db update`.".to_owned()
        } else if evaluated == 0 {
            "Nothing could be judged: no source covers what was found here (see Coverage).".to_owned()
        } else {
            format!(
                "Nothing is due under the policy among the {} of {} components that were judged.",
                words::thousands(evaluated as usize),
                words::thousands(self.scan.coverage.components as usize)
            )
        };
        self.paragraph(&text, 0);
    }

    /// Shares of the tally as a bar of the page's width.
    fn bar(&self, tally: &Tally) -> String {
        let width = self.layout.width.min(72);
        let total = tally.total();
        let mut out = String::new();
        let mut used = 0;
        let shares = shares(tally);
        let last = shares.iter().rposition(|(count, ..)| *count > 0);
        for (index, (count, _, style)) in shares.iter().enumerate() {
            if *count == 0 {
                continue;
            }
            // Everything present gets a cell, whatever its share.
            let cells = if Some(index) == last { width.saturating_sub(used).max(1) } else { (count * width / total).max(1) };
            let sign = ["█", "▓", "▒", "░", "·"][index];
            out.push_str(&self.paint(*style, &sign.repeat(cells)));
            used += cells;
        }
        out
    }

    fn first(&mut self) {
        let actions = actions::actions(self.scan);
        let due: Vec<_> = actions.iter().filter(|action| action.due.is_some()).collect();
        if due.is_empty() {
            return;
        }
        self.title("Do first");
        for (number, action) in due.iter().take(FIRST).enumerate() {
            let mut text = format!("{}. {}", number + 1, printable(&action.text));
            if let Some(due) = action.due {
                let _ = write!(text, ", due {} ({})", words::instant(due), words::left(self.scan.as_of, due));
            }
            if action.advisories.len() == 1 {
                let _ = write!(text, ", {}", action.advisories.iter().next().map_or("", String::as_str));
            } else if !action.advisories.is_empty() {
                let _ = write!(text, ", {}", words::count(action.advisories.len(), "advisory", "advisories"));
            }
            if action.exploited {
                text.push_str(", known to be exploited");
            }
            if action.reboot {
                text.push_str(", needs a reboot");
            }
            self.paragraph(&text, 3);
        }
        if due.len() > FIRST {
            let rest = words::count(due.len() - FIRST, "more action follows", "more actions follow");
            let rest = self.paint(DIM, &format!("   and {rest} below"));
            self.line(&rest);
        }
    }

    fn table(&self, headings: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(self.layout.width as u16);
        if self.layout.colored {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let header = headings.iter().map(|heading| self.cell(heading).add_attribute(comfy_table::Attribute::Dim));
        table.set_header(header);
        table
    }

    fn cell(&self, text: &str) -> Cell {
        Cell::new(printable(text))
    }

    fn print(&mut self, table: &mut Table) {
        keep_words_whole(table, self.layout.width);
        for line in table.lines() {
            let line = line.strip_prefix(' ').unwrap_or(&line).to_owned();
            self.line(&line);
        }
    }

    fn findings(&mut self) {
        if self.scan.database.is_none() {
            return;
        }
        let rows = fold(&self.scan.findings);
        if rows.is_empty() {
            return;
        }
        self.title(&format!("Findings ({})", self.scan.findings.len()));
        let room = Room::of(self.layout.width);
        let mut table = self.table(match room {
            Room::Narrow => &["due", "severity", "advisory", "package"],
            Room::Medium => &["due", "severity", "advisory", "package", "fixed in", "signs"],
            Room::Ample => &["due", "", "severity", "advisory", "package", "fixed in", "signs"],
            Room::Wide => &["due", "", "severity", "advisory", "package", "installed", "fixed in", "signs"],
        });
        let limit = if self.layout.all { usize::MAX } else { ROWS };
        for row in rows.iter().take(limit) {
            let finding = row.finding;
            let mut cells = vec![self.due_cell(finding.due, actions::worst(finding), finding.state)];
            if matches!(room, Room::Ample | Room::Wide) {
                let left = finding.due.map_or(String::new(), |due| words::left(self.scan.as_of, due));
                cells.push(self.cell(&left).set_alignment(CellAlignment::Right));
            }
            cells.push(self.severity_cell(finding));
            cells.push(self.cell(&finding.advisory));
            cells.push(self.cell(&row.packages(1)));
            if room == Room::Wide {
                cells.push(self.cell(&finding.component.version));
            }
            if room != Room::Narrow {
                cells.push(self.cell(finding.fixed_version.as_deref().unwrap_or("–")));
                cells.push(self.cell(&signs(finding)));
            }
            table.add_row(cells);
        }
        self.print(&mut table);
        if rows.len() > limit {
            let more = format!("… and {} more rows; `--all` shows them", rows.len() - limit);
            let more = self.paint(DIM, &more);
            self.line(&more);
        }
    }

    fn due_cell(&self, due: Option<Timestamp>, verdict: Option<Verdict>, state: State) -> Cell {
        let text = match (due, state) {
            (Some(due), _) => words::day(due),
            (None, State::NotAffected) => "not affected".to_owned(),
            (None, State::Unsupported) => "unsupported".to_owned(),
            (None, State::Unknown) => "unknown".to_owned(),
            (None, _) => "–".to_owned(),
        };
        let cell = self.cell(&text);
        match verdict {
            Some(Verdict::Overdue) => cell.fg(comfy_table::Color::Red),
            Some(Verdict::DueSoon) => cell.fg(comfy_table::Color::Yellow),
            _ => cell,
        }
    }

    fn severity_cell(&self, finding: &Finding) -> Cell {
        let severity = &finding.severity;
        let text = match severity.score {
            Some(score) => format!("{} {score:.1}", severity.rating.as_str()),
            None => severity.rating.as_str().to_owned(),
        };
        let cell = self.cell(&text);
        match severity.rating {
            Rating::Critical => cell.fg(comfy_table::Color::Red),
            Rating::High => cell.fg(comfy_table::Color::Yellow),
            _ => cell,
        }
    }

    fn updates(&mut self) {
        let Some(updates) = &self.scan.updates else {
            if self.scan.host.target == Target::Host || self.scan.host.target == Target::Root {
                self.title("Pending updates");
                self.paragraph("Unknown: no package manager's view could be had (see Problems).", 0);
            }
            return;
        };
        let security = updates.iter().filter(|update| update.security).count();
        self.title(&format!("Pending updates ({}, {security} security)", updates.len()));
        if updates.is_empty() {
            self.paragraph("The package manager has nothing to install.", 0);
            return;
        }
        self.update_rows(updates);
    }

    fn held(&mut self) {
        let held = &self.scan.held_updates;
        if held.is_empty() {
            return;
        }
        self.title(&format!("Held back ({})", held.len()));
        self.paragraph("On offer, but left out of the package manager's plan; their clocks run on.", 0);
        self.update_rows(held);
    }

    fn update_rows(&mut self, updates: &[Update]) {
        let room = Room::of(self.layout.width);
        let mut table = self.table(match room {
            Room::Narrow => &["due", "package", "candidate"],
            Room::Medium => &["due", "package", "candidate", "from", ""],
            Room::Ample => &["due", "", "package", "candidate", "from", ""],
            Room::Wide => &["due", "", "package", "installed", "candidate", "from", ""],
        });
        let limit = if self.layout.all { usize::MAX } else { ROWS };
        for update in updates.iter().take(limit) {
            let late = update.due.is_some_and(|due| due.as_second() < self.scan.as_of.as_second());
            let verdict = update.obligations.iter().map(|obligation| obligation.verdict).min();
            let verdict = if late { Some(Verdict::Overdue) } else { verdict };
            let mut cells = vec![self.due_cell(update.due, verdict, State::Affected)];
            if matches!(room, Room::Ample | Room::Wide) {
                let left = update.due.map_or(String::new(), |due| words::left(self.scan.as_of, due));
                cells.push(self.cell(&left).set_alignment(CellAlignment::Right));
            }
            cells.push(self.cell(&update.package));
            if room == Room::Wide {
                cells.push(self.cell(update.installed.as_deref().unwrap_or("(new)")));
            }
            cells.push(self.cell(&update.candidate));
            if room != Room::Narrow {
                cells.push(self.cell(&archives(&update.origin)));
                cells.push(self.cell(&remarks(update)));
            }
            table.add_row(cells);
        }
        let shown = updates.len().min(limit);
        let rest = updates.len() - shown;
        self.print(&mut table);
        if rest > 0 {
            let more = self.paint(DIM, &format!("… and {rest} more rows; `--all` shows them"));
            self.line(&more);
        }
    }

    fn reboot(&mut self) {
        let Some(reboot) = &self.scan.host.reboot else { return };
        if reboot.pending == Some(true) {
            let because = reboot.because.join("; ");
            self.title("Reboot pending");
            self.paragraph(&printable(&because), 0);
        }
    }

    fn coverage(&mut self) {
        let coverage = &self.scan.coverage;
        let number = |value: u64| words::thousands(value as usize);
        self.title("Coverage");
        let text = format!(
            "{} of {} components judged, {} by stale sources, {} in streams out of support, {} not covered.",
            number(coverage.evaluated),
            number(coverage.components),
            number(coverage.stale),
            number(coverage.unsupported),
            number(coverage.not_covered)
        );
        self.paragraph(&text, 0);
        let rows: Vec<String> = coverage
            .streams
            .iter()
            .map(|stream| {
                let judged = if stream.evaluated { "judged" } else { "not judged" };
                let support = match (&*stream.support, &stream.support_ends) {
                    ("unknown", _) => String::new(),
                    (word, Some(day)) => format!(", support: {word} (until {day})"),
                    (word, None) => format!(", support: {word}"),
                };
                format!("{}: {} {judged}{support}", stream.stream, stream.components)
            })
            .collect();
        for row in rows {
            self.paragraph(&format!("  {}", printable(&row)), 4);
        }
        if let Some(database) = &self.scan.database {
            let built = database.built.map_or_else(|| "an unknown date".to_owned(), words::instant);
            let text = format!("Database {} of {built}, {}.", database.path, words::count(database.sources.len(), "source", "sources"));
            self.paragraph(&text, 0);
        }
    }

    fn problems(&mut self) {
        if self.scan.problems.is_empty() {
            return;
        }
        self.title(&format!("Problems ({})", self.scan.problems.len()));
        let limit = if self.layout.all { usize::MAX } else { 12 };
        let mut shown = 0;
        for group in self.scan.problems.chunk_by(|a, b| a.code == b.code && a.next == b.next) {
            if shown == limit {
                break;
            }
            shown += 1;
            let Some(first) = group.first() else { continue };
            if self.layout.all || group.len() < 4 {
                for problem in group {
                    self.paragraph(&format!("{} {}: {}", problem.code, problem.place, printable(&problem.text)), 2);
                }
            } else {
                let places: Vec<&str> = group.iter().map(|problem| problem.place.as_str()).collect();
                self.paragraph(&format!("{} ({}): {}", first.code, group.len(), places.join(", ")), 2);
                self.paragraph(&format!("  such as {}", printable(&first.text)), 4);
            }
            self.paragraph(&format!("  → {}", printable(&first.next)), 4);
        }
        let groups = self.scan.problems.chunk_by(|a, b| a.code == b.code && a.next == b.next).count();
        if groups > shown {
            let more = self.paint(DIM, &format!("… and {} more; `--all` shows them", groups - shown));
            self.line(&more);
        }
    }
}

fn shares(tally: &Tally) -> [(usize, &'static str, Style); 5] {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    [
        (tally.overdue, "overdue", color(AnsiColor::Red)),
        (tally.due_soon, "due soon", color(AnsiColor::Yellow)),
        (tally.in_time, "in time", color(AnsiColor::Green)),
        (tally.unknown, "unknown", color(AnsiColor::Magenta)),
        (tally.without_date, "without a date", color(AnsiColor::BrightBlack)),
    ]
}

/// Sees to it that the last column wraps first: a package or a version that is
/// broken up cannot be copied. A narrow table has only columns that matter.
fn keep_words_whole(table: &mut Table, width: usize) {
    const LONGEST: u16 = 34;
    const LAST: usize = 10;
    if Room::of(width) == Room::Narrow {
        return;
    }
    let widths = table.column_max_content_widths();
    let Some((_, leading)) = widths.split_last() else { return };
    let whole: Vec<u16> = leading.iter().map(|content| (*content).min(LONGEST) + 2).collect();
    if whole.iter().map(|&whole| usize::from(whole)).sum::<usize>() + LAST > width {
        return;
    }
    for (column, whole) in table.column_iter_mut().zip(whole) {
        column.set_constraint(ColumnConstraint::LowerBoundary(comfy_table::Width::Fixed(whole)));
    }
}

/// How many columns a table may have: a broken-up version helps nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Narrow,
    Medium,
    Ample,
    Wide,
}

impl Room {
    fn of(width: usize) -> Self {
        match width {
            0..90 => Self::Narrow,
            90..115 => Self::Medium,
            115..140 => Self::Ample,
            _ => Self::Wide,
        }
    }
}

/// Short words on what makes a finding stand out.
fn signs(finding: &Finding) -> String {
    let mut out: Vec<String> = Vec::new();
    if finding.kev.as_ref().is_some_and(|kev| kev.ransomware) {
        out.push("KEV ransomware".to_owned());
    } else if finding.kev.is_some() {
        out.push("KEV".to_owned());
    }
    if let Some(epss) = finding.epss.as_ref().filter(|epss| epss.score >= 0.1) {
        out.push(format!("EPSS {:.0} %", epss.score * 100.0));
    }
    if let Some(detail) = &finding.detail {
        out.push(detail.replace('-', " "));
    }
    if finding.state == State::Affected && finding.fix.available == Some(false) && finding.fixed_version.is_some() {
        out.push("not offered here".to_owned());
    }
    if !finding.workarounds.is_empty() {
        out.push("workaround".to_owned());
    }
    out.join(", ")
}

fn remarks(update: &Update) -> String {
    let mut out = Vec::new();
    if update.security {
        out.push("security".to_owned());
    }
    if update.new {
        out.push("new".to_owned());
    }
    if update.reboot {
        out.push("reboot".to_owned());
    }
    if let Some(held) = &update.held_by {
        out.push(format!("held by {held}"));
    }
    out.join(", ")
}
