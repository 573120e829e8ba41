//! Markdown: CommonMark with tables. Words of others are escaped sign by
//! sign, so that a name cannot become a heading, a link or a cell.

use crate::model::{Align, Block, Document, Signature, Table};
use crate::text::{Span, Style, Text};
use std::fmt::Write as _;

/// Writes a document as Markdown.
pub fn write(document: &Document) -> String {
    let mut out = format!("# {}\n\n", escape(&document.title));
    if !document.subtitle.is_empty() {
        let _ = write!(out, "{}\n\n", start(escape(&document.subtitle)));
    }
    facts(&mut out, &document.facts);
    for part in &document.blocks {
        block(&mut out, part);
    }
    if !document.footer.is_empty() {
        let _ = write!(out, "---\n\n{}\n", start(escape(&document.footer)));
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

fn block(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Heading { level, text } => {
            write!(out, "{} {}\n\n", "#".repeat(usize::from(*level) + 1), line(text, false))
        }
        Block::Paragraph { text } => write!(out, "{}\n\n", start(line(text, false))),
        Block::List { numbered, items } => {
            for (number, item) in items.iter().enumerate() {
                let mark = if *numbered { format!("{}.", number + 1) } else { "-".to_owned() };
                let _ = writeln!(out, "{mark} {}", start(line(item, false)));
            }
            writeln!(out)
        }
        Block::Facts { facts: pairs } => {
            facts(out, pairs);
            Ok(())
        }
        Block::Table(shown) => {
            table(out, shown);
            Ok(())
        }
        Block::Bars(bars) => {
            table(out, &bars.table());
            Ok(())
        }
        Block::Note { kind, text } => write!(out, "> **{}:** {}\n\n", kind.word(), line(text, false)),
        Block::Lines { lines } => {
            let longest = lines.iter().map(|line| ticks(line)).max().unwrap_or(0);
            let fence = "`".repeat(longest.max(2) + 1);
            let _ = writeln!(out, "{fence}text");
            for line in lines {
                let _ = writeln!(out, "{line}");
            }
            write!(out, "{fence}\n\n")
        }
        Block::Signatures { signatures } => {
            table(out, &signature_table(signatures));
            Ok(())
        }
        Block::PageBreak => Ok(()),
    };
}

fn facts(out: &mut String, facts: &[(String, Text)]) {
    for (name, value) in facts {
        let _ = writeln!(out, "- **{}:** {}", escape(name), line(value, false));
    }
    if !facts.is_empty() {
        out.push('\n');
    }
}

/// Places to sign as a table; an empty cell is where ink goes.
pub(crate) fn signature_table(signatures: &[Signature]) -> Table {
    let mut table = Table::new()
        .column("", Align::Left, 2)
        .column("Name", Align::Left, 3)
        .column("Date and signature", Align::Left, 4);
    for signature in signatures {
        table.row(vec![Text::from(&signature.role), Text::from(&signature.name), Text::from(&signature.signed)]);
    }
    table
}

fn table(out: &mut String, table: &Table) {
    if table.columns.is_empty() {
        return;
    }
    for column in &table.columns {
        let _ = write!(out, "| {} ", escape(&column.name));
    }
    out.push_str("|\n");
    for column in &table.columns {
        out.push_str(match column.align {
            Align::Left => "| --- ",
            Align::Center => "| :---: ",
            Align::Right => "| ---: ",
        });
    }
    out.push_str("|\n");
    for row in &table.rows {
        for (_, cell) in table.cells(row) {
            let _ = write!(out, "| {} ", cell.map_or_else(String::new, |cell| line(cell, true)));
        }
        out.push_str("|\n");
    }
    out.push('\n');
}

fn line(text: &Text, cell: bool) -> String {
    text.spans().iter().map(|span| styled(span, cell)).collect()
}

/// A span with its emphasis. The marks must touch a letter to count as
/// marks, so white space at the edges goes outside.
fn styled(span: &Span, cell: bool) -> String {
    let mark = match span.style {
        Style::Plain | Style::Soft => return escape(&span.text),
        Style::Code => return code(&span.text, cell),
        Style::Strong | Style::Good | Style::Warning | Style::Bad => "**",
        Style::Emphasis => "*",
    };
    let inner = span.text.trim();
    if inner.is_empty() {
        return span.text.clone();
    }
    let before = span.text.len() - span.text.trim_start().len();
    let after = span.text.trim_end().len();
    let edge = |part: Option<&str>| part.unwrap_or_default().to_owned();
    format!("{}{mark}{}{mark}{}", edge(span.text.get(..before)), escape(inner), edge(span.text.get(after..)))
}

/// A code span: fenced by more ticks than it holds, since nothing can be
/// escaped inside; a table would still cut it at a bar.
fn code(text: &str, cell: bool) -> String {
    if text.trim().is_empty() {
        return escape(text);
    }
    let fence = "`".repeat(ticks(text) + 1);
    let room = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    let text = if cell { text.replace('|', "\\|") } else { text.to_owned() };
    format!("{fence}{room}{text}{room}{fence}")
}

/// The longest run of ticks.
fn ticks(text: &str) -> usize {
    text.split(|sign| sign != '`').map(str::len).max().unwrap_or(0)
}

/// Takes its power from every sign that Markdown reads as markup inside a
/// line, links that GitHub makes of bare addresses among them.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let signs: Vec<char> = text.chars().collect();
    for (place, sign) in signs.iter().enumerate() {
        let beside = |at: Option<usize>| at.and_then(|at| signs.get(at)).is_some_and(|sign| sign.is_alphanumeric());
        let inside_word = beside(place.checked_sub(1)) && beside(place.checked_add(1));
        let after = signs.get(..place).unwrap_or_default();
        let escaped = match sign {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' => true,
            '_' => !inside_word,
            ':' => signs.get(place + 1) == Some(&'/'),
            '.' => after.len() >= 3 && after.iter().rev().take(3).all(|sign| matches!(sign, 'w' | 'W')),
            _ => false,
        };
        if escaped {
            out.push('\\');
        }
        out.push(*sign);
    }
    out
}

/// Takes their power from signs that mean something only where a line
/// starts: a list, a heading's underline, a rule.
fn start(line: String) -> String {
    let line = line.trim_start().to_owned();
    let digits = line.len() - line.trim_start_matches(|sign: char| sign.is_ascii_digit()).len();
    match line.get(digits..).and_then(|rest| rest.chars().next()) {
        Some('-' | '+' | '=') if digits == 0 => format!("\\{line}"),
        Some('.' | ')') if digits > 0 => {
            let (number, rest) = line.split_at(digits);
            format!("{number}\\{rest}")
        }
        _ => line,
    }
}
