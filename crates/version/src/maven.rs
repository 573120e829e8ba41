//! Order of Maven versions, after `ComparableVersion` and the Maven POM reference.
//!
//! Source: maven.apache.org/pom.html, "Version Order Specification". A version is cut at dots, hyphens and wherever
//! digits meet letters, which counts as a hyphen. Tokens that say nothing (`0`, `final`, `ga`, `release`) are dropped at
//! the end and before every hyphen. Then, position by position: known qualifiers in their order < the end < `sp` < unknown
//! qualifiers by alphabet < a number behind a hyphen < a number behind a dot.
//!
//! # Traps
//!
//! - `1-1` is *after* `1` but before `1.1`; `1-alpha-1` is before `1`, and `1-foo` after it.
//! - `a`, `b` and `m` mean alpha, beta and milestone only directly before a digit: `1a` is after `1`, `1a1` before.
//! - Letters beyond ASCII keep their case.
//!
//! # Where Maven runs in a circle
//!
//! Maven compares nested lists: a hyphen, or a meeting of digits and letters, opens a list inside the list, and at one place
//! qualifier < list < number. What stands before a qualifier therefore matters, and the answers run in circles:
//!
//! - `2.9.0.RC1` < `2.9.0` < `2.9.0-1` < `2.9.0.RC1`. The prerelease is before its release; the list `[1]` is after it; but
//!   the list meets the zero that stands before `RC1`, which is a number.
//! - `9.3.21-alpha` < `9.3.21` < `9.3.21.v2017` < `9.3.21-alpha`. A qualifier with a dot is before any list, whatever is in it.
//!
//! [`compare`] answers as Maven 3.8.4 and before, circles included, since the public vectors come from there, and so it
//! agrees with all of them. One line, `1-1 = 1-ga-1`, is not Maven's but the specification's; for its sake a list around
//! nothing but a list is that list. Maven 3.8.7 and 3.9 treat dotted qualifiers otherwise: besides that line, they
//! contradict the vectors in `2.9.0-1 < 2.9.0.RC1`, `1.0.0-gradle-rework-beta3 < 1.0.0.RC7-3` and
//! `1.0.0-RC16 < 1.0.0.RC8-beta`.
//!
//! A key has one place, so [`read`] makes an order without a circle that agrees with all vectors but the two that close one
//! (`2.9.0-1 < 2.9.0.RC1` and `1.0.0-gradle-rework-beta3 < 1.0.0.RC7-3`): a prerelease with a dot behind zeros
//! (`2.9.0.RC1`) is before its release, as in every Maven, and after all prereleases with a hyphen (`2.9.0-RC16`), as in the
//! vectors.
//!
//! The two can differ only when one of the versions has a qualifier that opens no list: right behind a dot, or at the very
//! beginning. Whoever looks versions up by key and then asks [`crate::compare`] must know it.

use std::cmp::Ordering;

use crate::token::{self, Token, Value};
use crate::unreadable::Reason;

const ALPHA: u8 = 1;
const BETA: u8 = 2;
const MILESTONE: u8 = 3;
const RC: u8 = 4;
const SNAPSHOT: u8 = 5;
/// A prerelease with a dot behind zeros; their count follows, then the qualifier itself.
const PRERELEASE_BEHIND_ZEROS: u8 = 6;
/// The end, and a qualifier that says nothing. Both may stand at one position: behind such a qualifier more tokens follow,
/// so the stream that ends here is the lower one, as it must be.
const END_OR_NOTHING: u8 = 7;
const SERVICE_PACK: u8 = 8;
const UNKNOWN: u8 = 9;
const NUMBER_BEHIND_HYPHEN: u8 = 10;
const NUMBER_BEHIND_DOT: u8 = 11;

// What stood before an unknown qualifier; decides between two that are otherwise the same.
const WITH_DOT: u8 = 1;
const WITH_HYPHEN: u8 = 2;

/// Reads a version into the tokens of its key.
pub(crate) fn read(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    Ok(Tokens {
        pieces: Pieces::of(version),
        first_null: None,
        zeros: 0,
        held: [None, None],
        ended: false,
    })
}

#[derive(Clone, Copy)]
struct Piece<'a> {
    token: Token<'a>,
    hyphen: bool,
}

impl Piece<'_> {
    fn says_nothing(&self) -> bool {
        self.token.class == END_OR_NOTHING || matches!(self.token.value, Value::Number([]))
    }

    fn is_prerelease(&self) -> bool {
        (ALPHA..=SNAPSHOT).contains(&self.token.class)
    }
}

/// Yields the pieces between separators, those that say nothing included.
#[derive(Clone)]
struct Pieces<'a> {
    rest: &'a [u8],
    /// Whether a hyphen, or a meeting of digits and letters, stands before the next piece.
    hyphen: bool,
    finished: bool,
}

impl<'a> Pieces<'a> {
    fn of(version: &'a str) -> Self {
        Pieces {
            rest: version.as_bytes(),
            hyphen: false,
            finished: false,
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.finished {
            return None;
        }
        let (piece, behind) = match self.rest {
            [b'0'..=b'9', ..] => token::take_digits(self.rest),
            _ => token::take_while(self.rest, |byte| {
                !byte.is_ascii_digit() && !matches!(byte, b'.' | b'-')
            }),
        };
        let hyphen = self.hyphen;
        self.finished = behind.is_empty();
        self.hyphen = behind.first() != Some(&b'.');
        self.rest = match behind {
            [b'.' | b'-', rest @ ..] => rest,
            _ => behind,
        };
        let token = match piece {
            [] | [b'0'..=b'9', ..] => Token::number(
                if hyphen {
                    NUMBER_BEHIND_HYPHEN
                } else {
                    NUMBER_BEHIND_DOT
                },
                piece,
            ),
            word => qualifier(word, matches!(behind, [b'0'..=b'9', ..])),
        };
        Some(Piece { token, hyphen })
    }
}

fn qualifier(word: &[u8], directly_before_digit: bool) -> Token<'_> {
    const WORDS: &[(&[u8], u8)] = &[
        (b"alpha", ALPHA),
        (b"beta", BETA),
        (b"milestone", MILESTONE),
        (b"rc", RC),
        (b"cr", RC),
        (b"snapshot", SNAPSHOT),
        (b"ga", END_OR_NOTHING),
        (b"final", END_OR_NOTHING),
        (b"release", END_OR_NOTHING),
        (b"sp", SERVICE_PACK),
    ];
    let known = match word {
        [b'a' | b'A'] if directly_before_digit => Some(ALPHA),
        [b'b' | b'B'] if directly_before_digit => Some(BETA),
        [b'm' | b'M'] if directly_before_digit => Some(MILESTONE),
        _ => WORDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word))
            .map(|&(_, class)| class),
    };
    known.map_or_else(|| Token::folded(UNKNOWN, word), Token::mark)
}

/// Yields the tokens that count, then the end.
///
/// A run of pieces that say nothing is kept back until what follows is known: before a number or an unknown qualifier with
/// a dot it counts, before a prerelease with a dot its zeros are counted, before anything else it is dropped. Within a run,
/// a hyphen drops what precedes it, so that at most the first is no zero with a dot.
struct Tokens<'a> {
    pieces: Pieces<'a>,
    first_null: Option<Piece<'a>>,
    /// The zeros with a dot behind the first of the run.
    zeros: usize,
    /// What comes out once the run has.
    held: [Option<Token<'a>>; 2],
    ended: bool,
}

impl<'a> Tokens<'a> {
    fn released(&mut self) -> Option<Token<'a>> {
        if let Some(first) = self.first_null.take() {
            return Some(first.token);
        }
        if self.zeros > 0 {
            self.zeros -= 1;
            return Some(Token::number(NUMBER_BEHIND_DOT, b""));
        }
        let [first, second] = &mut self.held;
        first.take().or_else(|| second.take())
    }

    fn keep_back(&mut self, null: Piece<'a>) {
        if null.token.class == NUMBER_BEHIND_DOT && self.first_null.is_some() {
            self.zeros += 1;
        } else {
            self.first_null = Some(null);
            self.zeros = 0;
        }
    }

    /// Settles the run kept back, now that a piece that counts follows it.
    fn settle(&mut self, piece: Piece<'a>) -> Option<Token<'a>> {
        let run_counts = !piece.hyphen && self.first_null.is_some();
        if run_counts && piece.is_prerelease() {
            let count = 1 + token::saturating_count(self.zeros);
            let zeros_only = self
                .first_null
                .is_some_and(|first| first.token.class == NUMBER_BEHIND_DOT);
            self.drop_run();
            self.held = [Some(piece.token), None];
            if zeros_only {
                return Some(Token {
                    class: PRERELEASE_BEHIND_ZEROS,
                    value: Value::Ascending(count),
                });
            }
            return self.released();
        }
        if !run_counts {
            self.drop_run();
        }
        let mark = Token::mark(if piece.hyphen { WITH_HYPHEN } else { WITH_DOT });
        self.held = [
            Some(piece.token),
            (piece.token.class == UNKNOWN).then_some(mark),
        ];
        self.released()
    }

    fn drop_run(&mut self) {
        self.first_null = None;
        self.zeros = 0;
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.held.iter().any(Option::is_some) {
            return self.released();
        }
        if self.ended {
            return None;
        }
        loop {
            match self.pieces.next() {
                Some(piece) if piece.says_nothing() => self.keep_back(piece),
                Some(piece) => return self.settle(piece),
                None => {
                    self.ended = true;
                    return Some(Token::mark(END_OR_NOTHING));
                }
            }
        }
    }
}

/// Opens a version as the nested lists that Maven compares.
pub(crate) fn open(version: &str) -> Result<Items<'_>, Reason> {
    let pieces = Pieces::of(version);
    Ok(Items {
        ahead: pieces.clone(),
        behind: pieces,
        unread: 0,
        list_begins: false,
    })
}

/// Compares two versions list by list; not transitive, as the beginning of this file tells.
///
/// A list is always the last item of the one around it, so the lists of a version are one row of items with a mark where
/// each list begins, and one loop compares them however deep they are.
pub(crate) fn compare(mut a: Items<'_>, mut b: Items<'_>) -> Ordering {
    loop {
        let decided = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(item), None) => item.beside_nothing(),
            (None, Some(item)) => item.beside_nothing().reverse(),
            (Some(a), Some(b)) => a.compare(b),
        };
        if decided.is_ne() {
            return decided;
        }
    }
}

/// Holds one item of a list.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    /// A list, whose items follow.
    List,
    /// Digits without leading zeros; zero is the empty slice.
    Number(&'a [u8]),
    /// A qualifier, in its place among the qualifiers.
    Qualifier(Token<'a>),
}

impl<'a> Item<'a> {
    fn of(token: Token<'a>) -> Self {
        match token.value {
            Value::Number(digits) => Item::Number(digits),
            _ => Item::Qualifier(token),
        }
    }

    /// Compares two items at one place; of two lists, the items that follow decide.
    fn compare(self, other: Item<'_>) -> Ordering {
        match (self, other) {
            (Item::Number(a), Item::Number(b)) => token::compare_significant(a, b),
            (Item::Qualifier(a), Item::Qualifier(b)) => a.compare(&b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(self) -> u8 {
        match self {
            Item::Qualifier(_) => 0,
            Item::List => 1,
            Item::Number(_) => 2,
        }
    }

    /// Compares an item with the end of the other version; of a list, the items that follow decide.
    fn beside_nothing(self) -> Ordering {
        match self {
            Item::List | Item::Number([]) => Ordering::Equal,
            Item::Number(_) => Ordering::Greater,
            Item::Qualifier(token) => token.class.cmp(&END_OR_NOTHING),
        }
    }
}

/// Yields the items of the nested lists, without those that Maven drops: what says nothing at the end of a list, and a
/// list around nothing but a list.
///
/// A run of pieces that say nothing is read ahead until what follows is known, and read again if it counts.
pub(crate) struct Items<'a> {
    ahead: Pieces<'a>,
    behind: Pieces<'a>,
    /// How many pieces between `behind` and `ahead` are still to come out.
    unread: usize,
    /// Whether the mark of a list comes out before them.
    list_begins: bool,
}

impl<'a> Items<'a> {
    /// Reads ahead through the next piece that says something.
    fn read_ahead(&mut self) -> Option<()> {
        self.behind = self.ahead.clone();
        let mut run = 0;
        loop {
            let before = self.ahead.clone();
            let piece = self.ahead.next()?;
            if piece.hyphen {
                self.list_begins = true;
                self.behind = before;
                run = 0;
            }
            run += 1;
            if !piece.says_nothing() {
                self.unread = run;
                return Some(());
            }
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.unread == 0 {
            self.list_begins = false;
            self.read_ahead()?;
        }
        if self.list_begins {
            self.list_begins = false;
            return Some(Item::List);
        }
        self.unread -= 1;
        self.behind.next().map(|piece| Item::of(piece.token))
    }
}
