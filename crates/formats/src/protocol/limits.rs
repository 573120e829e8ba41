//! What one message or report may hold at most.

/// Caps on what a host may send.
///
/// The figures leave room above anything real: the largest host measured has
/// 9,000 components and a report of 4 MiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a body as sent.
    pub compressed: usize,
    /// Bytes of a body after decompression.
    pub decompressed: usize,
    /// Components of a report; also the most entries of any other list.
    pub components: usize,
    /// Pending updates of a report.
    pub updates: usize,
    /// Problems of a report.
    pub problems: usize,
    /// Bytes of one string.
    pub string: usize,
    /// Nesting of lists and objects.
    pub depth: usize,
    /// Values in all: bounds memory, because an empty string costs three bytes
    /// on the wire and two dozen here.
    pub values: usize,
}

impl Limits {
    /// For a report or a delta.
    pub const REPORT: Self = Self {
        compressed: 8 << 20,
        decompressed: 64 << 20,
        components: 100_000,
        updates: 20_000,
        problems: 1_000,
        string: 4096,
        depth: 12,
        values: 3_000_000,
    };
    /// For every other message; the longest string is an evidence checkpoint or
    /// a root document.
    pub const MESSAGE: Self = Self {
        compressed: 256 << 10,
        decompressed: 256 << 10,
        components: 1_000,
        updates: 0,
        problems: 100,
        string: 64 << 10,
        depth: 6,
        values: 10_000,
    };
    /// For a deployment package inside a message: 8 MiB of JSON whose quotes are
    /// escaped once more.
    pub const PACKAGE: Self = Self { compressed: 20 << 20, decompressed: 20 << 20, string: 10 << 20, ..Self::MESSAGE };
    /// For the outcome of an attempt: a release upgrade touches 1,500 packages.
    pub const OUTCOME: Self = Self { components: 2_000, values: 20_000, ..Self::MESSAGE };
}
