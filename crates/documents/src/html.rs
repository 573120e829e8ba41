//! HTML: one file that stands alone, without script, light and dark, and
//! prints with its heading rows on every page; or a document's parts for
//! another page. The templates escape every word, and pictures need no style of
//! their own, so that a page which forbids such styles can show them.

use crate::model::{Align, Bar, Bars, Block, Document, Kind, Table};
use crate::text::{Style, Text};
use askama::Template;

/// The look that Plimsoll's own pages on paper share: colours, light and
/// dark, tables, notes, bars, print.
pub const STYLE: &str = concat!(include_str!("style.css"), include_str!("parts.css"));

/// What only documents have.
const BLOCKS: &str = include_str!("blocks.css");

/// The look of [`Parts`] within another page, in an element of class `paper`;
/// the page names the colours: `--soft`, `--line`, `--panel`, `--overdue`,
/// `--soon`, `--intime`, `--link`.
pub const PAPER: &str = concat!(".paper{", include_str!("parts.css"), include_str!("blocks.css"), "}\n");

/// Least width of what is drawn, tenths of a percent: a few among many are seen.
const SEEN: u64 = 4;

#[derive(Template)]
#[template(path = "document.html")]
struct Page<'a> {
    document: &'a Document,
    parts: Parts<'a>,
    style: &'static str,
    blocks: &'static str,
}

/// All of a document below its title, for a page that shows more than it.
#[derive(Template)]
#[template(path = "parts.html")]
pub struct Parts<'a> {
    document: &'a Document,
}

/// Its template escapes every word of others.
impl askama::filters::HtmlSafe for Parts<'_> {}

/// A part of a bar as it is drawn, in percent of the width.
struct Drawn {
    colour: usize,
    from: String,
    width: String,
    title: String,
}

/// Writes a document as HTML.
pub fn write(document: &Document) -> String {
    let page = Page { document, parts: Parts { document }, style: STYLE, blocks: BLOCKS };
    // Writing to a string fails only by a value whose own formatter refuses,
    // and none of those shown does.
    page.render().unwrap_or_default()
}

impl<'a> Parts<'a> {
    /// Takes a document.
    pub fn of(document: &'a Document) -> Self {
        Self { document }
    }
}

impl Parts<'_> {
    fn align(&self, align: &Align) -> &'static str {
        match align {
            Align::Left => "",
            Align::Center => " class=\"center\"",
            Align::Right => " class=\"right\"",
        }
    }

    fn note(&self, kind: &Kind) -> &'static str {
        match kind {
            Kind::Information => "note plain",
            Kind::Warning => "note",
            Kind::Danger => "note bad",
        }
    }

    fn cells<'a>(&self, table: &'a Table, row: &'a [Text]) -> Vec<(&'static str, &'a str, Option<&'a Text>)> {
        table.cells(row).map(|(column, cell)| (self.align(&column.align), column.name.as_str(), cell)).collect()
    }

    fn drawn(&self, bars: &Bars, bar: &Bar) -> Vec<Drawn> {
        let mut from = 0;
        let parts = bar.amounts.iter().enumerate().filter(|(_, amount)| **amount > 0).map(|(place, amount)| {
            let (start, width) = (from, bars.share(*amount).max(SEEN));
            from += width;
            Drawn { colour: bars.colour(place), from: percent(start), width: percent(width), title: self.title(bars, bar, place) }
        });
        parts.collect()
    }

    /// Where a bar ends and its total stands.
    fn end(&self, bars: &Bars, bar: &Bar) -> String {
        percent(bar.amounts.iter().filter(|amount| **amount > 0).map(|amount| bars.share(*amount).max(SEEN)).sum())
    }

    /// The picture in words, for those who do not see it.
    fn label(&self, bars: &Bars) -> String {
        let parts = |bar: &Bar| -> Vec<String> {
            bars.key.iter().zip(&bar.told).map(|(name, told)| format!("{name} {told}")).collect()
        };
        let told: Vec<String> =
            bars.bars.iter().map(|bar| format!("{}: {}", bar.name, parts(bar).join(", "))).collect();
        format!("{}. {}", bars.caption, told.join("; "))
    }

    fn title(&self, bars: &Bars, bar: &Bar, place: usize) -> String {
        let name = bars.key.get(place).map_or("", String::as_str);
        let told = bar.told.get(place).map_or("", String::as_str);
        format!("{}, {name}: {told}", bar.name)
    }
}

/// Tenths of a percent as percent.
fn percent(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}
