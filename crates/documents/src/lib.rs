//! Documents that people read, sign and keep: a policy, a change record,
//! release notes, reports.
//!
//! One [`Document`] goes out by four writers. They lay out and decide
//! nothing; the same document has the same bytes wherever and whenever it is
//! written, because no writer reads a clock, draws a number or asks for a
//! font of the machine. Words of others are data in all four: they can be
//! long, odd or hostile, and neither become markup nor turn what stands
//! beside them.
#![forbid(unsafe_code)]

mod cost;
mod docx;
mod form;
mod html;
mod markdown;
mod model;
mod pdf;
pub mod policy;
mod record;
mod report;
mod samm;
mod status;
mod text;
mod words;
#[cfg(test)]
mod tests;

pub use cost::document as cost;
pub use docx::write as docx;
pub use form::document as form;
pub use html::{PAPER, Parts, STYLE, write as html};
pub use markdown::write as markdown;
pub use model::{Align, Bar, Bars, Block, Column, Document, Kind, Signature, Table};
pub use pdf::write as pdf;
pub use record::{change_record, release_notes};
pub use report::document as report;
pub use samm::document as samm;
pub use status::document as application;
pub use text::{Span, Style, Text};

/// A written form of a document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Format {
    /// One file that stands alone, without script; prints well.
    Html,
    /// CommonMark with tables, as GitHub writes them.
    Markdown,
    /// PDF/A-2a, with its fonts inside.
    Pdf,
    /// Office Open XML, for those who edit.
    Docx,
}

impl Format {
    /// What a file of this form is called at the end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
        }
    }

    /// The media type that HTTP names.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        }
    }
}

/// Writes a document in the form asked for.
///
/// # Errors
/// `E-DOCUMENT` where a layout library refuses what it was given; HTML and
/// Markdown cannot fail.
pub fn write(document: &Document, format: Format) -> Result<Vec<u8>, plimsoll_core::model::problem::Problem> {
    match format {
        Format::Html => Ok(html(document).into_bytes()),
        Format::Markdown => Ok(markdown(document).into_bytes()),
        Format::Pdf => pdf(document),
        Format::Docx => docx(document),
    }
}
