//! PDF/A by typst. The words come to it as a JSON file beside a fixed
//! template, never as its own language; files, packages, clock and fonts of
//! the machine are out of its reach.

use crate::model::{Block, Document};
use crate::text::pieces;
use plimsoll_core::model::problem::Problem;
use serde_json::Value;
use std::sync::LazyLock;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

/// Members whose strings the template compares.
const WORDLESS: [&str; 5] = ["block", "kind", "style", "align", "dated"];

static FONTS: LazyLock<Vec<Font>> =
    LazyLock::new(|| typst_assets::fonts().flat_map(|bytes| Font::iter(Bytes::new(bytes))).collect());
static BOOK: LazyLock<LazyHash<FontBook>> = LazyLock::new(|| LazyHash::new(FontBook::from_fonts(FONTS.iter())));
static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

/// Writes a document as PDF.
///
/// # Errors
/// `E-DOCUMENT` with typst's words where it refuses.
pub fn write(document: &Document) -> Result<Vec<u8>, Problem> {
    let refused = |text: String| {
        Problem::new("E-DOCUMENT", &document.title, format!("the PDF could not be laid out: {text}"), "take the HTML form; it prints the same")
    };
    let desk = Desk::new(document).map_err(refused)?;
    let laid = typst::compile::<PagedDocument>(&desk).output.map_err(|errors| refused(told(&errors)));
    let written = laid.and_then(|laid| {
        let standards = PdfStandards::new(&[PdfStandard::A_2a]).map_err(|error| refused(error.message().to_string()))?;
        let options = PdfOptions { creator: Smart::Custom(Some("Plimsoll".to_owned())), standards, ..PdfOptions::default() };
        typst_pdf::pdf(&laid, &options).map_err(|errors| refused(told(&errors)))
    });
    // The layouter remembers parts of what it laid out; a server would keep
    // them for ever.
    typst::comemo::evict(0);
    written
}

fn told(errors: &[SourceDiagnostic]) -> String {
    errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// All that the layouter can see: the template, the words, the fonts.
struct Desk {
    template: Source,
    words: (FileId, Bytes),
}

impl Desk {
    fn new(document: &Document) -> Result<Self, String> {
        let mut value = serde_json::to_value(document).map_err(|error| error.to_string())?;
        name_notes(&mut value, document);
        printed(&mut value);
        let bytes = serde_json::to_vec(&value).map_err(|error| error.to_string())?;
        let template = Source::new(file("document.typ")?, include_str!("../templates/document.typ").to_owned());
        Ok(Self { template, words: (file("document.json")?, Bytes::new(bytes)) })
    }
}

fn file(name: &str) -> Result<FileId, String> {
    let path = VirtualPath::new(name).map_err(|error| error.to_string())?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

/// Puts the word of its kind beside each note.
fn name_notes(value: &mut Value, document: &Document) {
    let blocks = value.get_mut("blocks").and_then(Value::as_array_mut);
    for (block, shown) in document.blocks.iter().zip(blocks.into_iter().flatten()) {
        if let (Block::Note { kind, .. }, Some(shown)) = (block, shown.as_object_mut()) {
            shown.insert("word".to_owned(), kind.word().into());
        }
    }
}

/// Makes every string one that can be set: a character without a glyph is
/// spelt out (PDF/A refuses one without, and a box would tell nobody which),
/// and long words get a zero-width space wherever the template may cut them.
fn printed(value: &mut Value) {
    match value {
        Value::String(text) => {
            let mut spelt = String::with_capacity(text.len());
            for sign in text.chars() {
                if drawn(sign) {
                    spelt.push(sign);
                } else {
                    spelt.extend(sign.escape_unicode());
                }
            }
            *text = pieces(&spelt).join("\u{200b}");
        }
        Value::Array(values) => values.iter_mut().for_each(printed),
        // What the template compares and counts with is no word of anybody's.
        Value::Object(values) => values.iter_mut().filter(|(name, _)| !WORDLESS.contains(&name.as_str())).for_each(|(_, value)| printed(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn drawn(sign: char) -> bool {
    FONTS.iter().any(|font| font.info().coverage.contains(u32::from(sign)))
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &BOOK
    }

    fn main(&self) -> FileId {
        self.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.template.id() { Ok(self.template.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.words.0 { Ok(self.words.1.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.get(index).cloned()
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}
