//! HTML: one file that stands alone, without script, light and dark, and
//! prints with its heading rows on every page. The template escapes every
//! word.

use crate::model::{Align, Bars, Block, Document, Kind, Table};
use crate::text::{Style, Text};
use askama::Template;

/// The look that Plimsoll's own pages on paper share: colours, light and
/// dark, tables, notes, bars, print.
pub const STYLE: &str = include_str!("style.css");

#[derive(Template)]
#[template(path = "document.html")]
struct Page<'a> {
    document: &'a Document,
    style: &'static str,
}

/// Writes a document as HTML.
pub fn write(document: &Document) -> String {
    let page = Page { document, style: STYLE };
    // Writing to a string fails only by a value whose own formatter refuses,
    // and none of those shown does.
    page.render().unwrap_or_default()
}

impl Page<'_> {
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

    fn share(&self, bars: &Bars, amount: &u64) -> String {
        let share = bars.share(*amount);
        format!("{}.{}", share / 10, share % 10)
    }

    /// The picture in words, for those who do not see it.
    fn label(&self, bars: &Bars) -> String {
        let parts = |bar: &crate::model::Bar| -> Vec<String> {
            bars.key.iter().zip(&bar.told).map(|(name, told)| format!("{name} {told}")).collect()
        };
        let told: Vec<String> =
            bars.bars.iter().map(|bar| format!("{}: {}", bar.name, parts(bar).join(", "))).collect();
        format!("{}. {}", bars.caption, told.join("; "))
    }

    fn title(&self, bars: &Bars, bar: &crate::model::Bar, place: &usize) -> String {
        let name = bars.key.get(*place).map_or("", String::as_str);
        let told = bar.told.get(*place).map_or("", String::as_str);
        format!("{}, {name}: {told}", bar.name)
    }
}
