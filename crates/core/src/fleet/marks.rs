//! A bit for every host: what a question about many hosts is worked out in.
//!
//! Sets are kept small ([`Members`](super::members::Members), roaring bitmaps)
//! and answered in roaring bitmaps; in between, putting in and taking out some
//! thousand single hosts costs a nanosecond each here, and a search in both.

use roaring::RoaringBitmap;

/// Marks on the numbers below a limit.
#[derive(Default)]
pub(super) struct Marks {
    bytes: Vec<u8>,
}

impl Marks {
    /// No marks yet.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: vec![0; limit.div_ceil(8)] }
    }

    /// Takes all marks away.
    pub(super) fn clear(&mut self, limit: usize) {
        self.bytes.clear();
        self.bytes.resize(limit.div_ceil(8), 0);
    }

    /// Marks a number; one beyond the limit is no host of the index.
    pub(super) fn set(&mut self, number: u32) {
        if let Some(byte) = self.bytes.get_mut(number as usize / 8) {
            *byte |= 1 << (number % 8);
        }
    }

    /// Takes a mark away.
    pub(super) fn unset(&mut self, number: u32) {
        if let Some(byte) = self.bytes.get_mut(number as usize / 8) {
            *byte &= !(1 << (number % 8));
        }
    }

    /// Adds the marks of another with the same limit.
    pub(super) fn unite(&mut self, other: &Self) {
        self.bytes.iter_mut().zip(&other.bytes).for_each(|(byte, more)| *byte |= more);
    }
}

impl From<Marks> for RoaringBitmap {
    fn from(marks: Marks) -> Self {
        Self::from_lsb0_bytes(0, &marks.bytes)
    }
}
