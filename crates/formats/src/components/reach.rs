//! Which locked packages are needed at run time, from the graph that a lock
//! file holds.
//!
//! Some formats mark development dependencies one by one, others only say
//! what the project itself asks for; there the graph has to be walked.

use plimsoll_core::model::component::Scope;

/// A dependency graph over entries numbered from zero.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// For each entry, what it always needs.
    pub(super) needs: Vec<Vec<usize>>,
    /// For each entry, what it can do without.
    pub(super) may_use: Vec<Vec<usize>>,
}

impl Graph {
    /// A graph of so many entries without edges.
    pub(super) fn new(entries: usize) -> Self {
        Self { needs: vec![Vec::new(); entries], may_use: vec![Vec::new(); entries] }
    }

    /// Finds when each entry is needed.
    ///
    /// An entry that nothing reaches counts as needed at run time: the graph
    /// is then damaged or of a newer format, and a missed finding is worse
    /// than one too many.
    pub(super) fn scopes(&self, runtime: &[usize], optional: &[usize], development: &[usize]) -> Vec<Scope> {
        let mut found: Vec<Option<Scope>> = vec![None; self.needs.len()];
        let later = self.spread(&mut found, runtime.to_vec(), Scope::Runtime);
        let start = optional.iter().copied().chain(later).collect();
        let later = self.spread(&mut found, start, Scope::Optional);
        let again = self.spread(&mut found, later, Scope::Optional);
        let start = development.iter().copied().chain(again).collect();
        let later = self.spread(&mut found, start, Scope::Development);
        self.spread(&mut found, later, Scope::Development);
        found.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Marks everything always needed from `start` on; returns what was only
    /// an option on the way.
    fn spread(&self, found: &mut [Option<Scope>], start: Vec<usize>, scope: Scope) -> Vec<usize> {
        let mut open = start;
        let mut later = Vec::new();
        while let Some(entry) = open.pop() {
            let Some(state) = found.get_mut(entry) else { continue };
            if state.is_some() {
                continue;
            }
            *state = Some(scope);
            open.extend(self.needs.get(entry).into_iter().flatten());
            let options = self.may_use.get(entry).into_iter().flatten();
            if scope == Scope::Runtime { later.extend(options) } else { open.extend(options) }
        }
        later
    }
}
