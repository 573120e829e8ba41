//! Names kept once: ids of advisories, packages and versions repeat on
//! thousands of hosts, and four bytes stand for each.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// A kept name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Name(u32);

impl Name {
    /// The name kept at a place, counted from zero.
    pub fn at(place: usize) -> Option<Self> {
        u32::try_from(place).ok().map(Self)
    }

    /// Its place.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// All kept names. They are never dropped: what a fleet has ever named is
/// bounded by what feeds and package databases name.
#[derive(Default)]
pub struct Names {
    texts: Vec<Arc<str>>,
    known: HashMap<Arc<str>, Name>,
}

impl Names {
    /// Keeps a name.
    pub fn keep(&mut self, text: &str) -> Name {
        if let Some(name) = self.known.get(text) {
            return *name;
        }
        let text: Arc<str> = text.into();
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(Arc::clone(&text));
        self.known.insert(text, name);
        name
    }

    /// Names that were kept before, in the order they were kept in.
    pub fn of(texts: Vec<Arc<str>>) -> Self {
        let known = texts.iter().cloned().zip((0..).map(Name)).collect();
        Self { texts, known }
    }

    /// All of them, by place.
    pub fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }

    /// Finds a name that was kept.
    pub fn find(&self, text: &str) -> Option<Name> {
        self.known.get(text).copied()
    }

    /// Its text.
    pub fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("", AsRef::as_ref)
    }
}
