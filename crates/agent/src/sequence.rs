//! Sequence numbers that rise for the life of the key.
//!
//! A block of numbers is reserved on disk before the first of it is used, so
//! that a check-in needs no write; a killed agent leaves a gap, never a repeat.

use crate::log;
use crate::state::State;
use plimsoll_core::model::problem::Problem;

const FILE: &str = "sequence";
/// Numbers of one block: one write in sixteen hours at a check-in a minute.
const BLOCK: u64 = 1000;

/// The next number, and the end of the reserved block.
#[derive(Debug)]
pub(crate) struct Sequence {
    next: u64,
    reserved: u64,
}

impl Sequence {
    /// Goes on after everything that may have been used.
    ///
    /// A file that is missing begins at the milliseconds since 1970, so that an
    /// agent whose state was restored without it does not begin again at one.
    pub(crate) fn open(state: &State, now_milliseconds: u64) -> Result<Self, Problem> {
        let read = state.read(FILE, 64)?;
        let stored = read.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.trim().parse::<u64>().ok());
        let next = stored.unwrap_or(now_milliseconds);
        Ok(Self { next, reserved: next })
    }

    /// Takes the next number.
    ///
    /// Where a block cannot be reserved (a full disk) the agent goes on: after
    /// a restart the server refuses the numbers already used, and
    /// [`skip`](Self::skip) passes them.
    pub(crate) fn take(&mut self, state: &State) -> u64 {
        if self.next >= self.reserved {
            let reserved = self.next.saturating_add(BLOCK);
            match state.write(FILE, format!("{reserved}\n").as_bytes()) {
                Ok(()) => self.reserved = reserved,
                Err(problem) => log::problem(&problem),
            }
        }
        self.next = self.next.saturating_add(1);
        self.next
    }

    /// Leaves out a block, after the server said that it has seen these.
    pub(crate) fn skip(&mut self) {
        self.next = self.next.saturating_add(BLOCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_over_restarts_and_are_seldom_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut last = 0;
        for _ in 0..3 {
            let state = State::open(folder.path()).unwrap();
            let mut sequence = Sequence::open(&state, 5).unwrap();
            for _ in 0..BLOCK + 1 {
                let next = sequence.take(&state);
                assert!(next > last);
                last = next;
            }
        }
        assert!(last < 10 * BLOCK);
    }
}
