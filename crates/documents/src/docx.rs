//! DOCX by `docx-rs`, with headings, lists and tables that an editor knows
//! as such. Paragraph ids are counted here, because the library counts them
//! on from the document before.

use crate::markdown::signature_table;
use crate::model::{Align, Block, Document, Kind, Table};
use crate::text::{Style, Text, visible};
use docx_rs as office;
use docx_rs::{
    AbstractNumbering, AlignmentType, Docx, IndentLevel, Level, LevelJc, LevelText, LineSpacing, NumPages, NumberFormat,
    Numbering, NumberingId, PageMargin, PageNum, Paragraph, Run, RunFonts, Shading, SpecialIndentType, Start, StyleType,
    TableBorder, TableBorderPosition, TableBorders, TableCell, TableCellMargins, TableLayoutType, TableRow, WidthType,
};
use plimsoll_core::model::problem::Problem;
use std::io::Cursor;

/// Width between the margins of an A4 page, in twentieths of a point.
const WIDTH: usize = 9_638;
const QUIET: &str = "52606C";
const LINE: &str = "C9D1D8";
/// Numberings of bulleted lists; numbered ones count on from here, one each,
/// because a shared one would go on counting.
const BULLETS: usize = 1;

/// Writes a document as DOCX.
///
/// # Errors
/// `E-DOCUMENT` where the archive cannot be written.
pub fn write(document: &Document) -> Result<Vec<u8>, Problem> {
    let mut pen = Pen { docx: base(document), paragraphs: 0, lists: BULLETS };
    pen.title(document);
    for block in &document.blocks {
        pen.block(block);
    }
    let mut bytes = Cursor::new(Vec::new());
    pen.docx.build().pack(&mut bytes).map_err(|error| {
        Problem::new("E-DOCUMENT", &document.title, format!("the DOCX could not be written: {error}"), "take the HTML form")
    })?;
    Ok(bytes.into_inner())
}

fn base(document: &Document) -> Docx {
    let serif = RunFonts::new().ascii("Calibri").hi_ansi("Calibri").cs("Calibri");
    let heading = |level: usize, size: usize| {
        office::Style::new(format!("Heading{level}"), StyleType::Paragraph)
            .name(format!("heading {level}"))
            .based_on("Normal")
            .next("Normal")
            .bold()
            .size(size)
            .outline_lvl(level - 1)
            .line_spacing(LineSpacing::new().before(280).after(100))
    };
    let dated = format!("{}T00:00:00Z", document.dated);
    let margin = PageMargin { top: 1134, left: 1134, bottom: 1247, right: 1134, header: 567, footer: 567, gutter: 0 };
    let footer = Paragraph::new()
        .id("70000001")
        .add_run(Run::new().size(15).color(QUIET).add_text(format!("{}   ", document.footer)))
        .add_page_num(PageNum::new())
        .add_run(Run::new().size(15).color(QUIET).add_text(" / "))
        .add_num_pages(NumPages::new());
    Docx::new()
        .created_at(&dated)
        .updated_at(&dated)
        .page_size(11_906, 16_838)
        .page_margin(margin)
        .default_size(21)
        .default_fonts(serif)
        .default_line_spacing(LineSpacing::new().after(110))
        .add_style(office::Style::new("Title", StyleType::Paragraph).name("Title").based_on("Normal").bold().size(38))
        .add_style(heading(1, 28))
        .add_style(heading(2, 24))
        .add_style(heading(3, 21))
        .add_abstract_numbering(numbering(BULLETS, "bullet", "•"))
        .add_numbering(Numbering::new(BULLETS, BULLETS))
        .footer(office::Footer::new().add_paragraph(footer))
}

fn numbering(id: usize, format: &str, text: &str) -> AbstractNumbering {
    let level = Level::new(0, Start::new(1), NumberFormat::new(format), LevelText::new(text), LevelJc::new("left"));
    AbstractNumbering::new(id).add_level(level.indent(Some(500), Some(SpecialIndentType::Hanging(300)), None, None))
}

struct Pen {
    docx: Docx,
    paragraphs: usize,
    lists: usize,
}

impl Pen {
    fn title(&mut self, document: &Document) {
        let subtitle = self.paragraph(&Text::styled(Style::Soft, &document.subtitle));
        self.add(subtitle);
        let title = self.paragraph(&Text::from(&document.title)).style("Title");
        self.add(title);
        self.facts(&document.facts);
    }

    fn add(&mut self, paragraph: Paragraph) {
        self.with(|docx| docx.add_paragraph(paragraph));
    }

    /// The library's document is consumed by every step.
    fn with(&mut self, step: impl FnOnce(Docx) -> Docx) {
        self.docx = step(std::mem::take(&mut self.docx));
    }

    fn bare(&mut self) -> Paragraph {
        self.paragraphs += 1;
        Paragraph::new().id(format!("{:08x}", self.paragraphs))
    }

    fn paragraph(&mut self, text: &Text) -> Paragraph {
        text.spans().iter().fold(self.bare(), |paragraph, span| paragraph.add_run(run(span.style, &span.text)))
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading { level, text } => {
                let heading = self.paragraph(text).style(&format!("Heading{level}")).keep_next(true);
                self.add(heading);
            }
            Block::Paragraph { text } => {
                let paragraph = self.paragraph(text);
                self.add(paragraph);
            }
            Block::List { numbered, items } => self.list(*numbered, items),
            Block::Facts { facts } => self.facts(facts),
            Block::Table(table) => self.table(table, None),
            Block::Bars(bars) => self.table(&bars.table(), None),
            Block::Note { kind, text } => self.note(*kind, text),
            Block::Lines { lines } => {
                for line in lines {
                    let line = self.paragraph(&Text::code(line)).line_spacing(LineSpacing::new().after(0)).keep_lines(true);
                    self.add(line);
                }
                self.gap();
            }
            Block::Signatures { signatures } => self.table(&signature_table(signatures), Some(800.0)),
            Block::PageBreak => {
                let page = self.bare().add_run(Run::new().add_break(office::BreakType::Page));
                self.add(page);
            }
        }
    }

    fn list(&mut self, numbered: bool, items: &[Text]) {
        let id = if numbered {
            self.lists += 1;
            let id = self.lists;
            self.with(|docx| docx.add_abstract_numbering(numbering(id, "decimal", "%1.")).add_numbering(Numbering::new(id, id)));
            id
        } else {
            BULLETS
        };
        for item in items {
            let item = self.paragraph(item).numbering(NumberingId::new(id), IndentLevel::new(0));
            self.add(item);
        }
    }

    fn note(&mut self, kind: Kind, text: &Text) {
        let colour = match kind {
            Kind::Information => "0B5CAD",
            Kind::Warning => "8A4A00",
            Kind::Danger => "B01C1C",
        };
        let label = Run::new().bold().color(colour).add_text(format!("{}: ", kind.word()));
        let paragraph = text.spans().iter().fold(self.bare().add_run(label), |paragraph, span| {
            paragraph.add_run(run(span.style, &span.text))
        });
        let cell = TableCell::new()
            .add_paragraph(paragraph.line_spacing(LineSpacing::new().after(0)))
            .shading(Shading::new().fill("F4F6F8"))
            .width(WIDTH, WidthType::Dxa);
        let border = TableBorder::new(TableBorderPosition::Left).size(24).color(colour);
        self.put(office::Table::new(vec![TableRow::new(vec![cell])]), vec![WIDTH], TableBorders::with_empty().set(border));
    }

    fn facts(&mut self, facts: &[(String, Text)]) {
        if facts.is_empty() {
            return;
        }
        let widths = vec![2_500, WIDTH - 2_500];
        let rows = facts
            .iter()
            .map(|(name, value)| {
                let name = Text::styled(Style::Soft, visible(name));
                TableRow::new(vec![self.cell(&name, 2_500, Align::Left), self.cell(value, WIDTH - 2_500, Align::Left)])
            })
            .collect();
        self.put(office::Table::new(rows), widths, TableBorders::with_empty());
    }

    fn cell(&mut self, text: &Text, width: usize, align: Align) -> TableCell {
        let side = match align {
            Align::Left => AlignmentType::Left,
            Align::Center => AlignmentType::Center,
            Align::Right => AlignmentType::Right,
        };
        let paragraph = self.paragraph(text).align(side).line_spacing(LineSpacing::new().after(0));
        TableCell::new().add_paragraph(paragraph).width(width, WidthType::Dxa)
    }

    fn table(&mut self, table: &Table, height: Option<f32>) {
        if table.columns.is_empty() {
            return;
        }
        let sum: usize = table.columns.iter().map(|column| usize::from(column.weight)).sum();
        let widths: Vec<usize> =
            table.columns.iter().map(|column| WIDTH * usize::from(column.weight) / sum.max(1)).collect();
        let head = table.columns.iter().zip(&widths).map(|(column, width)| {
            self.cell(&Text::styled(Style::Strong, &column.name), *width, column.align).shading(Shading::new().fill("F4F6F8"))
        });
        let mut rows = vec![TableRow::new(head.collect()).cant_split()];
        for row in &table.rows {
            let cells = table.cells(row).zip(&widths).map(|((column, cell), width)| {
                self.cell(cell.unwrap_or(&Text::new()), *width, column.align)
            });
            let row = TableRow::new(cells.collect()).cant_split();
            rows.push(match height {
                Some(height) => row.row_height(height).height_rule(office::HeightRule::AtLeast),
                None => row,
            });
        }
        let line = |position| TableBorder::new(position).size(4).color(LINE);
        let borders = TableBorders::with_empty()
            .set(line(TableBorderPosition::Bottom))
            .set(line(TableBorderPosition::InsideH));
        self.put(office::Table::new(rows), widths, borders);
    }

    fn put(&mut self, table: office::Table, widths: Vec<usize>, borders: TableBorders) {
        let table = table
            .set_grid(widths)
            .width(WIDTH, WidthType::Dxa)
            .layout(TableLayoutType::Fixed)
            .margins(TableCellMargins::new().margin(50, 70, 50, 70))
            .set_borders(borders);
        self.with(|docx| docx.add_table(table));
        self.gap();
    }

    /// Two tables without a paragraph between them become one.
    fn gap(&mut self) {
        let gap = self.bare().line_spacing(LineSpacing::new().after(0)).size(10);
        self.add(gap);
    }
}

fn run(style: Style, text: &str) -> Run {
    let run = Run::new().add_text(text);
    match style {
        Style::Plain => run,
        Style::Strong => run.bold(),
        Style::Emphasis => run.italic(),
        Style::Code => run.size(18).fonts(RunFonts::new().ascii("Consolas").hi_ansi("Consolas").cs("Consolas")),
        Style::Soft => run.color(QUIET),
        Style::Good => run.bold().color("1C7A43"),
        Style::Warning => run.bold().color("8A4A00"),
        Style::Bad => run.bold().color("B01C1C"),
    }
}
