//! Where things stand in a file: offsets and lines by path of keys.

use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Deepest path that is written down: `deadline.critical.on_no_fix.review_every`.
const DEPTH: usize = 5;

/// Offsets of a file by path of keys; elements of lists of sections go by
/// their `id`.
#[derive(Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// Finds every path of a table.
    pub(super) fn of(table: &DeTable<'_>) -> Self {
        let mut lines = Self::default();
        lines.walk(table, "", 0);
        lines
    }

    fn walk(&mut self, table: &DeTable<'_>, path: &str, depth: usize) {
        for (key, value) in table {
            let name = key.get_ref();
            let own = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            self.value(value, &own, key.span().start, depth);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str, offset: usize, depth: usize) {
        if depth >= DEPTH {
            return;
        }
        self.0.entry(path.to_owned()).or_insert(offset);
        match value.get_ref() {
            DeValue::Table(table) => self.walk(table, path, depth + 1),
            DeValue::Array(values) => {
                for element in values.iter() {
                    let DeValue::Table(table) = element.get_ref() else { continue };
                    let id = table.iter().find(|(key, _)| key.get_ref() == "id");
                    let Some((key, DeValue::String(id))) = id.map(|(key, id)| (key, id.get_ref())) else {
                        self.walk(table, path, depth + 1);
                        continue;
                    };
                    self.0.entry(format!("{path}.{id}")).or_insert(key.span().start);
                    self.walk(table, &format!("{path}.{id}"), depth + 1);
                }
            }
            _ => {}
        }
    }

    /// The offset of a path, or of the closest part of it that is written.
    pub(super) fn offset(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(offset) = self.0.get(path) {
                return *offset..*offset;
            }
            match path.rsplit_once('.') {
                Some((closest, _)) => path = closest,
                None => return 0..0,
            }
        }
    }

    /// Line numbers by path.
    pub(super) fn numbers(&self, text: &str) -> BTreeMap<String, u32> {
        let ends: Vec<usize> = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        let line = |offset: usize| u32::try_from(1 + ends.partition_point(|end| *end < offset)).unwrap_or(u32::MAX);
        self.0.iter().map(|(path, offset)| (path.clone(), line(*offset))).collect()
    }
}
