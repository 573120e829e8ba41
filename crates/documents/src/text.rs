//! Words with their emphasis: what every paragraph, cell and item is made of.

use plimsoll_core::model::problem::acts;
use serde::Serialize;

/// How a span of words looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// As the words around it.
    Plain,
    /// What the eye should find.
    Strong,
    /// A term, or a title.
    Emphasis,
    /// What machines read: versions, digests, commands.
    Code,
    /// Beside the point.
    Soft,
    /// As it should be; the colour only repeats what the words say.
    Good,
    /// To look at.
    Warning,
    /// As it should not be.
    Bad,
}

/// Words of one style.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Span {
    /// How it looks.
    pub style: Style,
    /// The words, without characters that act.
    pub text: String,
}

/// A line of spans.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct Text(Vec<Span>);

impl Text {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Words that machines read.
    pub fn code(text: impl AsRef<str>) -> Self {
        Self::new().and(Style::Code, text)
    }

    /// Words in one style.
    pub fn styled(style: Style, text: impl AsRef<str>) -> Self {
        Self::new().and(style, text)
    }

    /// Goes on with words in a style.
    ///
    /// This is the only way in: white space becomes a space, and characters
    /// that [act](acts) become U+FFFD, so that no writer meets one.
    #[must_use]
    pub fn and(mut self, style: Style, text: impl AsRef<str>) -> Self {
        let text = visible(text.as_ref());
        if !text.is_empty() {
            self.0.push(Span { style, text });
        }
        self
    }

    /// Goes on with plain words.
    #[must_use]
    pub fn plain(self, text: impl AsRef<str>) -> Self {
        self.and(Style::Plain, text)
    }

    /// The spans, in order.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Whether nothing would be seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words alone.
    pub fn words(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new().plain(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new().plain(text)
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::new().plain(text)
    }
}

/// One line in which every character is seen: a name with a line break or a
/// turn of direction in it would say something else on paper than in the
/// evidence. Characters that XML cannot hold go the same way.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|sign| match sign {
            '\n' | '\r' | '\t' => ' ',
            '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}' => '\u{fffd}',
            sign if acts(sign) => '\u{fffd}',
            sign => sign,
        })
        .collect()
}

/// Pieces of at most `longest` characters, cut where a word without a break
/// would run out of its column: a reader on paper cannot scroll.
pub(crate) fn pieces(text: &str, longest: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let (mut piece, mut run) = (String::new(), 0usize);
    for sign in text.chars() {
        if run == longest {
            pieces.push(std::mem::take(&mut piece));
            run = 0;
        }
        piece.push(sign);
        run = if sign.is_whitespace() { 0 } else { run + 1 };
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}
