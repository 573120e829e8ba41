//! The dotted numbers at the beginning of a version in a shorthand, which may be fewer than usual or end in a wildcard.

/// Holds the numbers of a version, whether a wildcard ended them, and what follows.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    pub(super) given: Vec<&'a str>,
    pub(super) wildcard: bool,
    /// What follows the numbers, with what separates it (`-rc.1`, `+build`).
    pub(super) rest: &'a str,
}

impl<'a> Numbers<'a> {
    /// Reads as many numbers between dots as there are; `*`, `x` and `X` end them.
    pub(super) fn read(version: &'a str) -> Self {
        let mut given = Vec::new();
        let mut rest = version;
        loop {
            let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = rest.get(..rest.len() - behind.len()).unwrap_or_default();
            if digits.is_empty() {
                return Self::ended(given, rest, version);
            }
            given.push(digits);
            match behind.strip_prefix('.') {
                Some(behind) => rest = behind,
                None => {
                    return Numbers {
                        given,
                        wildcard: false,
                        rest: behind,
                    };
                }
            }
        }
    }

    /// Ends the numbers where none follows: at a wildcard, which may be repeated, or at something else.
    fn ended(given: Vec<&'a str>, rest: &'a str, version: &'a str) -> Self {
        let is_wildcard = |part: &str| matches!(part, "*" | "x" | "X");
        let end = rest.find(['-', '+', '@']).unwrap_or(rest.len());
        let (wildcards, behind) = rest.split_at(end);
        if wildcards.split('.').all(is_wildcard) {
            return Numbers {
                given,
                wildcard: true,
                rest: behind,
            };
        }
        // The dot before what follows belongs to it.
        let dot = usize::from(!given.is_empty());
        let start = version.len() - rest.len() - dot;
        Numbers {
            given,
            wildcard: false,
            rest: version.get(start..).unwrap_or_default(),
        }
    }

    /// Joins the numbers given, filled up with zeros to `count`.
    pub(super) fn filled(&self, count: usize) -> String {
        let missing = count.saturating_sub(self.given.len());
        let numbers: Vec<&str> = self
            .given
            .iter()
            .copied()
            .chain(std::iter::repeat_n("0", missing))
            .collect();
        numbers.join(".")
    }

    /// Joins the numbers up to `index`, the last of them one higher, filled up with zeros to `count`.
    pub(super) fn raised(&self, index: usize, count: usize) -> String {
        let mut numbers: Vec<String> = self
            .given
            .iter()
            .take(index)
            .map(|&digits| digits.to_owned())
            .collect();
        numbers.push(increment(self.given.get(index).copied().unwrap_or("0")));
        while numbers.len() < count {
            numbers.push("0".to_owned());
        }
        numbers.join(".")
    }

    /// Finds the number a caret requirement leaves as it is: the first that is not zero, else the last.
    pub(super) fn leading(&self) -> usize {
        let nonzero = self
            .given
            .iter()
            .position(|digits| digits.bytes().any(|digit| digit != b'0'));
        nonzero.unwrap_or(self.given.len().saturating_sub(1))
    }
}

/// Adds one to a number of any size.
fn increment(digits: &str) -> String {
    let mut raised: Vec<u8> = digits.bytes().collect();
    for digit in raised.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            return raised.into_iter().map(char::from).collect();
        }
    }
    std::iter::once('1')
        .chain(raised.into_iter().map(char::from))
        .collect()
}
