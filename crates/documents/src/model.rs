//! What a document is made of.

use crate::text::{Text, visible};
use serde::Serialize;

/// One document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Document {
    /// What the title page, the window and the file's properties say.
    pub title: String,
    /// A line under the title: kind of document, version.
    pub subtitle: String,
    /// Day on which its content was settled, `2026-11-22`: the file's own
    /// date, since no writer reads a clock.
    pub dated: jiff::civil::Date,
    /// Names and values beside the title: number, state, digest.
    pub facts: Vec<(String, Text)>,
    /// The rest, in order.
    pub blocks: Vec<Block>,
    /// Small print on every page, where the form has pages.
    pub footer: String,
}

impl Document {
    /// A document with a title and nothing else yet.
    pub fn new(title: impl AsRef<str>, subtitle: impl AsRef<str>, dated: jiff::civil::Date) -> Self {
        Self {
            title: visible(title.as_ref()),
            subtitle: visible(subtitle.as_ref()),
            dated,
            facts: Vec::new(),
            blocks: Vec::new(),
            footer: String::new(),
        }
    }

    /// Puts small print on every page.
    pub fn footer(&mut self, text: impl AsRef<str>) {
        self.footer = visible(text.as_ref());
    }

    /// Puts a name and its value beside the title.
    pub fn fact(&mut self, name: impl AsRef<str>, value: impl Into<Text>) {
        self.facts.push((visible(name.as_ref()), value.into()));
    }

    /// Goes on with a block.
    pub fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Goes on with a heading; `level` is 1 to 3 under the title.
    pub fn heading(&mut self, level: u8, text: impl Into<Text>) {
        self.push(Block::Heading { level: level.clamp(1, 3), text: text.into() });
    }

    /// Goes on with a paragraph.
    pub fn paragraph(&mut self, text: impl Into<Text>) {
        self.push(Block::Paragraph { text: text.into() });
    }

    /// Goes on with a note.
    pub fn note(&mut self, kind: Kind, text: impl Into<Text>) {
        self.push(Block::Note { kind, text: text.into() });
    }
}

/// A part of a document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "block", rename_all = "kebab-case")]
pub enum Block {
    /// A heading.
    Heading {
        /// 1 to 3 under the title.
        level: u8,
        /// Its words.
        text: Text,
    },
    /// A paragraph.
    Paragraph {
        /// Its words.
        text: Text,
    },
    /// A list.
    List {
        /// Whether items are counted.
        numbered: bool,
        /// The items.
        items: Vec<Text>,
    },
    /// Names with their values.
    Facts {
        /// Pairs, in order.
        facts: Vec<(String, Text)>,
    },
    /// A table.
    Table(Table),
    /// A picture of lying bars.
    Bars(Bars),
    /// Something to notice.
    Note {
        /// How much.
        kind: Kind,
        /// Its words.
        text: Text,
    },
    /// Lines as a machine wrote or reads them.
    Lines {
        /// One a line.
        lines: Vec<String>,
    },
    /// Where people sign.
    Signatures {
        /// Who.
        signatures: Vec<Signature>,
    },
    /// What follows starts a page, where the form has pages.
    PageBreak,
}

impl Block {
    /// Lines as a machine wrote or reads them; characters that act are shown.
    pub fn lines(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self::Lines { lines: lines.into_iter().map(|line| visible(line.as_ref())).collect() }
    }

    /// Names with their values.
    pub fn facts(facts: impl IntoIterator<Item = (impl AsRef<str>, Text)>) -> Self {
        Self::Facts { facts: facts.into_iter().map(|(name, value)| (visible(name.as_ref()), value)).collect() }
    }
}

/// How much a note matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Good to know.
    Information,
    /// To act on, or to keep in mind.
    Warning,
    /// Something is wrong.
    Danger,
}

impl Kind {
    /// The word that stands before it, since colour alone tells nobody who
    /// cannot see it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Information => "Note",
            Self::Warning => "Warning",
            Self::Danger => "Attention",
        }
    }
}

/// Where a column's words stand.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// At the left.
    #[default]
    Left,
    /// In the middle.
    Center,
    /// At the right: numbers.
    Right,
}

/// A column of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// Where its words stand.
    pub align: Align,
    /// Its share of the width against the other columns'.
    pub weight: u16,
}

/// A table; its heading is repeated on every page.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows: a missing cell is empty, one too many is not shown.
    pub rows: Vec<Vec<Text>>,
}

impl Table {
    /// A table without columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column with its share of the width.
    #[must_use]
    pub fn column(mut self, name: impl AsRef<str>, align: Align, weight: u16) -> Self {
        self.columns.push(Column { name: visible(name.as_ref()), align, weight: weight.max(1) });
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Text>) {
        self.rows.push(cells);
    }

    /// A row's cell, or nothing where the row is short.
    pub(crate) fn cells<'a>(&'a self, row: &'a [Text]) -> impl Iterator<Item = (&'a Column, Option<&'a Text>)> {
        self.columns.iter().enumerate().map(|(place, column)| (column, row.get(place)))
    }
}

/// A picture of lying bars made of coloured parts; forms that draw nothing
/// show it as a table.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Bars {
    /// What the picture shows.
    pub caption: String,
    /// What the parts are called: at most eight, told apart by colour.
    pub key: Vec<String>,
    /// The bars, top down.
    pub bars: Vec<Bar>,
    /// Colour of each part, by its place in the palette; a part beyond the
    /// list has the colour of its own place.
    pub colours: Vec<u8>,
}

/// One bar.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Bar {
    /// What stands before it.
    pub name: String,
    /// Size of each part, in the order of the key; the longest bar fills the
    /// width.
    pub amounts: Vec<u64>,
    /// The same in words, one a part: "3 h".
    pub told: Vec<String>,
    /// The whole in words, behind it.
    pub total: String,
}

impl Bars {
    /// A picture without bars yet.
    pub fn new(caption: impl AsRef<str>, key: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let key = key.into_iter().map(|name| visible(name.as_ref())).collect();
        Self { caption: visible(caption.as_ref()), key, bars: Vec::new(), colours: Vec::new() }
    }

    /// Adds a bar: name, parts with their words, the whole in words.
    pub fn bar(&mut self, name: impl AsRef<str>, parts: Vec<(u64, String)>, total: impl AsRef<str>) {
        let (amounts, told): (Vec<u64>, Vec<String>) =
            parts.into_iter().map(|(amount, told)| (amount, visible(&told))).unzip();
        self.bars.push(Bar { name: visible(name.as_ref()), amounts, told, total: visible(total.as_ref()) });
    }

    /// Place of a part's colour in the palette of eight.
    pub(crate) fn colour(&self, part: usize) -> usize {
        self.colours.get(part).map_or(part, |colour| usize::from(*colour)) % 8
    }

    /// Tenths of a percent that a part takes of the width.
    pub(crate) fn share(&self, amount: u64) -> u64 {
        let longest = self.bars.iter().map(Bar::sum).max().unwrap_or(0).max(1);
        u64::try_from(u128::from(amount) * 1000 / longest).unwrap_or(1000)
    }

    /// The same as a table, for forms that draw nothing.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new().column(&self.caption, Align::Left, 2);
        for name in &self.key {
            table = table.column(name, Align::Right, 1);
        }
        if self.key.len() > 1 {
            table = table.column("Total", Align::Right, 1);
        }
        for bar in &self.bars {
            let mut row = vec![Text::from(&bar.name)];
            row.extend((0..self.key.len()).map(|place| bar.told.get(place).map_or_else(Text::new, Text::from)));
            row.push(Text::from(&bar.total));
            table.row(row);
        }
        table
    }
}

impl Bar {
    fn sum(&self) -> u128 {
        self.amounts.iter().map(|amount| u128::from(*amount)).sum()
    }
}

/// A place to sign.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Signature {
    /// As what: "Approved by".
    pub role: String,
    /// Who, where it is known; else a line is left.
    pub name: String,
    /// When and by what it is signed already; else lines are left.
    pub signed: String,
}

impl Signature {
    /// A place to sign; `name` may be empty.
    pub fn line(role: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        Self { role: visible(role.as_ref()), name: visible(name.as_ref()), signed: String::new() }
    }

    /// A signature that stands already.
    pub fn given(role: impl AsRef<str>, name: impl AsRef<str>, signed: impl AsRef<str>) -> Self {
        Self { role: visible(role.as_ref()), name: visible(name.as_ref()), signed: visible(signed.as_ref()) }
    }
}
