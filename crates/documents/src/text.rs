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
            '\u{2028}' | '\u{2029}' => '\u{fffd}',
            // Marks, private use and no characters at all: every reader would show
            // something else, and PDF/A forbids them.
            '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => '\u{fffd}',
            sign if u32::from(sign) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&sign) => '\u{fffd}',
            sign if acts(sign) => '\u{fffd}',
            sign => sign,
        })
        .collect()
}

/// Characters of a word that fit into the narrowest column of a table.
const NARROW: usize = 14;
/// Characters between two places to cut at, where a longer word has no signs
/// of its own to be cut after.
const PIECE: usize = 12;

/// Pieces that may stand on lines of their own: a word that would run out of
/// its column is cut after its own signs, and where it has none for long, in
/// the middle. A reader on paper cannot scroll.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in text.split_inclusive(char::is_whitespace) {
        let long = word.trim_end().chars().count() > NARROW;
        let mut run = 0usize;
        for sign in word.chars() {
            if let Some(piece) = pieces.last_mut() {
                piece.push(sign);
            }
            run += 1;
            if long && (run == PIECE || run > 1 && matches!(sign, '.' | '-' | '/' | '_' | ':' | '+' | '~' | '@' | ',' | '=')) {
                pieces.push(String::new());
                run = 0;
            }
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
