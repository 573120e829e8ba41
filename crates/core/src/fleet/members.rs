//! Sets of host numbers that are mostly small.
//!
//! Drift spreads a component over a few hundred hosts anywhere in the fleet.
//! A roaring bitmap pays some forty bytes for every 65,536 numbers it touches,
//! ten times what such a set holds; differences between neighbours in one to
//! three bytes pay for themselves. A set that grows becomes a bitmap.

use roaring::RoaringBitmap;

/// Bytes of differences from which on a set is kept as a bitmap: an insertion
/// walks over all of them, which stays below some microseconds.
const FEW_BYTES: usize = 2048;

/// Members below which a bitmap becomes a list of differences again; well
/// below [`FEW_BYTES`], so that a set at the edge does not change its form
/// with every host.
const MANY_MEMBERS: u64 = 400;

/// A set of numbers.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Members {
    /// Differences between neighbours, see [`write_number`].
    Few(Box<[u8]>),
    /// A bitmap.
    Many(Box<RoaringBitmap>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Few(Box::default())
    }
}

impl Members {
    /// A set of ascending numbers.
    pub(super) fn of_ascending(numbers: &[u32]) -> Self {
        let mut out = Vec::with_capacity(numbers.len());
        write_deltas(&mut out, numbers.iter().copied());
        if out.len() > FEW_BYTES {
            Self::Many(Box::new(numbers.iter().copied().collect()))
        } else {
            Self::Few(out.into_boxed_slice())
        }
    }

    /// Adds a number that is not in the set; one that is changes nothing.
    pub(super) fn insert(&mut self, number: u32) {
        match self {
            Self::Many(bitmap) => {
                bitmap.insert(number);
            }
            Self::Few(bytes) => {
                let place = Place::find(bytes, number);
                if place.found {
                    return;
                }
                let mut out = Vec::with_capacity(bytes.len() + 5);
                out.extend_from_slice(bytes.get(..place.start).unwrap_or_default());
                write_number(&mut out, number - place.before);
                if let Some(after) = place.after {
                    write_number(&mut out, after - number);
                }
                out.extend_from_slice(bytes.get(place.end..).unwrap_or_default());
                *self = if out.len() > FEW_BYTES {
                    Self::Many(Box::new(Deltas::new(&out).collect()))
                } else {
                    Self::Few(out.into_boxed_slice())
                };
            }
        }
    }

    /// Takes a number out.
    pub(super) fn remove(&mut self, number: u32) {
        match self {
            Self::Many(bitmap) => {
                bitmap.remove(number);
                if bitmap.len() < MANY_MEMBERS {
                    let mut out = Vec::with_capacity(FEW_BYTES);
                    write_deltas(&mut out, bitmap.iter());
                    *self = Self::Few(out.into_boxed_slice());
                }
            }
            Self::Few(bytes) => {
                let place = Place::find(bytes, number);
                if !place.found {
                    return;
                }
                // The member after the removed one now counts from the one before it.
                let mut rest = Deltas::new(bytes.get(place.end..).unwrap_or_default());
                let mut out = Vec::with_capacity(bytes.len());
                out.extend_from_slice(bytes.get(..place.start).unwrap_or_default());
                if let Some(step) = rest.next() {
                    write_number(&mut out, number - place.before + step);
                    out.extend_from_slice(rest.bytes);
                }
                *self = Self::Few(out.into_boxed_slice());
            }
        }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(bytes) => bytes.is_empty(),
            Self::Many(bitmap) => bitmap.is_empty(),
        }
    }

    /// Passes the members, ascending.
    pub(super) fn each(&self, each: &mut impl FnMut(u32)) {
        match self {
            Self::Few(bytes) => Deltas::new(bytes).for_each(each),
            Self::Many(bitmap) => bitmap.iter().for_each(each),
        }
    }

    /// Appends the members to a list, ascending.
    pub(super) fn list(&self, out: &mut Vec<u32>) {
        // A difference takes one byte at least.
        out.reserve(match self {
            Self::Few(bytes) => bytes.len(),
            Self::Many(bitmap) => usize::try_from(bitmap.len()).unwrap_or(0),
        });
        self.each(&mut |number| out.push(number));
    }

    /// Number of members.
    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Few(bytes) => Deltas::new(bytes).count() as u64,
            Self::Many(bitmap) => bitmap.len(),
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        match self {
            Self::Few(bytes) => super::size::block(bytes.len()),
            Self::Many(bitmap) => super::size::block(size_of::<RoaringBitmap>()) + super::size::bitmap(bitmap),
        }
    }
}

/// Where a number is or belongs in a list of differences.
struct Place {
    /// Byte at which its difference begins, or would.
    start: usize,
    /// Byte after the difference that an insertion or removal replaces.
    end: usize,
    /// The member before it, or zero.
    before: u32,
    /// The member after it, when it is not in the list itself.
    after: Option<u32>,
    /// Whether it is in the list.
    found: bool,
}

impl Place {
    fn find(bytes: &[u8], number: u32) -> Self {
        let mut deltas = Deltas::new(bytes);
        let mut before = 0;
        loop {
            let start = bytes.len() - deltas.bytes.len();
            let Some(value) = deltas.next() else {
                return Self { start, end: start, before, after: None, found: false };
            };
            if value >= number {
                let end = bytes.len() - deltas.bytes.len();
                let found = value == number;
                return Self { start, end, before, after: (!found).then_some(value), found };
            }
            before = value;
        }
    }
}

/// Reads numbers written as differences, ascending.
pub(super) struct Deltas<'a> {
    bytes: &'a [u8],
    last: u32,
}

impl<'a> Deltas<'a> {
    /// Reads until the bytes end.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, last: 0 }
    }
}

impl Iterator for Deltas<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let step = read_number(&mut self.bytes)?;
        self.last = self.last.wrapping_add(step);
        Some(self.last)
    }
}

/// Writes ascending numbers as differences, the first from zero.
pub(super) fn write_deltas(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>) {
    let mut last = 0;
    for number in numbers {
        write_number(out, number.wrapping_sub(last));
        last = number;
    }
}

/// Writes a number in one to five bytes, seven bits each, low bits first.
pub(super) fn write_number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what [`write_number`] wrote and moves on; none at the end.
pub(super) fn read_number(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    let mut shift = 0;
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(first & 0x7f) << shift;
        shift += 7;
        if first & 0x80 == 0 || shift > 28 {
            return Some(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn behaves_as_a_set(steps in proptest::collection::vec((any::<bool>(), prop_oneof![0u32..2000, any::<u32>()]), 0..3000)) {
            let mut set = BTreeSet::new();
            let mut members = Members::default();
            for (add, number) in steps {
                if add {
                    set.insert(number);
                    members.insert(number);
                } else {
                    set.remove(&number);
                    members.remove(number);
                }
            }
            let mut list = Vec::new();
            members.list(&mut list);
            prop_assert_eq!(members.len(), set.len() as u64);
            prop_assert_eq!(members.is_empty(), set.is_empty());
            prop_assert_eq!(list, set.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn changes_its_form_both_ways() {
        let mut members = Members::default();
        (0..3000u32).for_each(|number| members.insert(number * 1000));
        assert!(matches!(members, Members::Many(_)));
        (200..3000u32).for_each(|number| members.remove(number * 1000));
        assert!(matches!(members, Members::Few(_)));
        assert_eq!(members.len(), 200);
    }
}
