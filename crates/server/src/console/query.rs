//! **List queries**: what a list was asked for, read from the address and
//! written back into links.
//!
//! A list knows its columns and filters ([`ListForm`]); whatever else stands in
//! the address is left out, so that an address can never carry unknown words
//! into SQL or into a page. Values are bounded here and escaped by templates.

use std::collections::BTreeMap;

/// Longest value taken from an address, in bytes.
const VALUE_LIMIT: usize = 200;

/// Most pairs read from an address.
const PAIR_LIMIT: usize = 64;

/// A column of a list.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Key in the address.
    pub key: &'static str,
    /// Title.
    pub title: &'static str,
    /// Whether rows can be put in its order.
    pub sortable: bool,
    /// Whether it holds figures, which stand to the right.
    pub numeric: bool,
}

/// A filter of a list.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Key in the address.
    pub key: &'static str,
    /// Title.
    pub title: &'static str,
    /// Values and their texts; empty where the server looks them up
    /// ([`Facet`](super::views::Facet)).
    pub choices: &'static [(&'static str, &'static str)],
}

/// What a list offers: columns, filters, exports.
#[derive(Clone, Copy, Debug)]
pub struct ListForm {
    /// Path of the page.
    pub path: &'static str,
    /// Name of what is listed, plural, for captions and empty states.
    pub nouns: &'static str,
    /// Columns in their order.
    pub columns: &'static [Column],
    /// Column in whose order rows stand when nothing is asked, and whether
    /// downwards.
    pub order: (&'static str, bool),
    /// Filters.
    pub filters: &'static [Filter],
    /// What rows can be summed by: value and text; empty where they cannot.
    pub tallies: &'static [(&'static str, &'static str)],
    /// What the text filter looks at; empty where there is none.
    pub text: &'static str,
    /// Whether the list can be fetched as CSV and JSON.
    pub exports: bool,
}

/// What a list was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListQuery {
    /// Path of the page, which may name one object (`/console/packages/…`).
    pub path: String,
    /// Text typed into the filter.
    pub text: String,
    /// Column asked for; always one of the form's sortable columns.
    pub sort: String,
    /// Whether downwards.
    pub descending: bool,
    /// Filters with their values; keys are the form's.
    pub filters: BTreeMap<&'static str, String>,
    /// What rows are summed by; one of the form's.
    pub by: Option<&'static str>,
    /// Rows after this cursor.
    pub after: Option<String>,
    /// Rows before this cursor.
    pub before: Option<String>,
    /// Whether the path names one object, whose rows are a part of its page.
    part: bool,
    /// What the form's own order is, so that links leave it out.
    usual: (&'static str, bool),
}

impl ListQuery {
    /// Reads the query part of an address; what the form does not know is left
    /// out, values are cut at 200 bytes.
    pub fn read(form: &ListForm, path: &str, query: &str) -> Self {
        let mut read = Self {
            path: path.to_owned(),
            sort: form.order.0.to_owned(),
            descending: form.order.1,
            usual: form.order,
            part: path != form.path,
            ..Self::default()
        };
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()).take(PAIR_LIMIT) {
            read.take(form, &key, bounded(&value));
        }
        read
    }

    fn take(&mut self, form: &ListForm, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        match key {
            "q" => self.text = value,
            "after" => self.after = Some(value),
            "before" => self.before = Some(value),
            "sort" => {
                let (name, descending) = match value.strip_prefix('-') {
                    Some(name) => (name, true),
                    None => (value.as_str(), false),
                };
                if form.columns.iter().any(|column| column.sortable && column.key == name) {
                    self.sort = name.to_owned();
                    self.descending = descending;
                }
            }
            "by" => self.by = form.tallies.iter().map(|(name, _)| *name).find(|name| *name == value),
            other => {
                if let Some(filter) = form.filters.iter().find(|filter| filter.key == other) {
                    self.filters.insert(filter.key, value);
                }
            }
        }
    }

    /// Value of a filter; empty when it is not set.
    pub fn filter(&self, key: &str) -> &str {
        self.filters.get(key).map_or("", String::as_str)
    }

    /// Whether a value of a filter is the one chosen.
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.filter(key) == value
    }

    /// Whether anything narrows the list.
    pub fn narrowed(&self) -> bool {
        !self.text.is_empty() || !self.filters.is_empty()
    }

    /// Whether this is the page's own order.
    fn usual_order(&self) -> bool {
        self.sort == self.usual.0 && self.descending == self.usual.1
    }

    /// Sort as it stands in an address, `-due`.
    pub fn sort_word(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.sort)
    }

    /// Address of the same list.
    pub fn address(&self) -> String {
        self.write(&self.path)
    }

    fn write(&self, path: &str) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        if !self.text.is_empty() {
            pairs.append_pair("q", &self.text);
        }
        for (key, value) in &self.filters {
            pairs.append_pair(key, value);
        }
        if let Some(by) = self.by {
            pairs.append_pair("by", by);
        }
        if !self.usual_order() {
            pairs.append_pair("sort", &self.sort_word());
        }
        for (key, cursor) in [("after", &self.after), ("before", &self.before)] {
            if let Some(cursor) = cursor {
                pairs.append_pair(key, cursor);
            }
        }
        let query = pairs.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    fn first_page(&self) -> Self {
        Self { after: None, before: None, ..self.clone() }
    }

    /// Address of the list in the order of a column; downwards when it stands
    /// in that order already.
    pub fn sorted_by(&self, key: &str) -> String {
        let descending = self.sort == key && !self.descending;
        Self { sort: key.to_owned(), descending, ..self.first_page() }.address()
    }

    /// How a column is sorted, in the words of `aria-sort`.
    pub fn sorted(&self, key: &str) -> &'static str {
        match (self.sort == key, self.descending) {
            (false, _) => "none",
            (true, false) => "ascending",
            (true, true) => "descending",
        }
    }

    /// Address of the list without one filter (`q` for the text).
    pub fn without(&self, key: &str) -> String {
        let mut less = self.first_page();
        if key == "q" {
            less.text.clear();
        }
        less.filters.retain(|known, _| *known != key);
        less.address()
    }

    /// Address of the list with nothing narrowing it.
    pub fn widened(&self) -> String {
        Self { text: String::new(), filters: BTreeMap::new(), ..self.first_page() }.address()
    }

    /// Address of the rows behind one value of a sum.
    pub fn within(&self, form: &ListForm, value: &str) -> String {
        let mut narrower = self.first_page();
        if let Some(key) = narrower.by.take()
            && let Some(filter) = form.filters.iter().find(|filter| filter.key == key)
        {
            narrower.filters.insert(filter.key, if value.is_empty() { NONE.to_owned() } else { value.to_owned() });
        }
        narrower.address()
    }

    /// Address of the page after a cursor.
    pub fn page_after(&self, cursor: &str) -> String {
        Self { after: Some(cursor.to_owned()), ..self.first_page() }.address()
    }

    /// Address of the page before a cursor.
    pub fn page_before(&self, cursor: &str) -> String {
        Self { before: Some(cursor.to_owned()), ..self.first_page() }.address()
    }

    /// Address of the whole list in another form, `csv` or `json`; of one
    /// object's rows it is a page below the object's own, because an object's
    /// name may end in anything.
    pub fn export(&self, form: &str) -> String {
        let whole = self.first_page();
        let rows = if whole.part { "/hosts" } else { "" };
        whole.write(&format!("{}{rows}.{form}", whole.path))
    }
}

/// Value of a filter that asks for rows without one.
pub const NONE: &str = "(none)";

fn bounded(value: &str) -> String {
    let mut end = value.len().min(VALUE_LIMIT);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default().to_owned()
}

/// Writes one segment of a path, so that a name with `/`, `?` or `#` stays one.
pub fn segment(name: &str) -> String {
    const KEPT: &[u8] = b"-._~:+@";
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || KEPT.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    // A segment of dots alone would be taken for a step upwards.
    if matches!(out.as_str(), "." | "..") { out.replace('.', "%2E") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::lists::HOSTS;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let asked = "q=a%26b&condition=overdue&sort=-name&by=os&after=c1&evil=1&condition=&sort=nonsense";
        let query = ListQuery::read(&HOSTS, HOSTS.path, asked);
        assert_eq!(query.address(), "/console/hosts?q=a%26b&condition=overdue&by=os&sort=-name&after=c1");
        assert_eq!(query, ListQuery::read(&HOSTS, HOSTS.path, query.address().split_once('?').unwrap().1));
        assert_eq!(query.sorted_by("name"), "/console/hosts?q=a%26b&condition=overdue&by=os&sort=name");
        assert_eq!(query.export("csv"), "/console/hosts.csv?q=a%26b&condition=overdue&by=os&sort=-name");
        assert_eq!(query.without("q"), "/console/hosts?condition=overdue&by=os&sort=-name");
        assert_eq!(query.within(&HOSTS, ""), "/console/hosts?q=a%26b&condition=overdue&os=%28none%29&sort=-name");
    }

    #[test]
    fn bounds_what_it_reads() {
        let long = format!("q={}&{}", "é".repeat(400), "x=1&".repeat(1000));
        let query = ListQuery::read(&HOSTS, HOSTS.path, &long);
        assert_eq!(query.text, "é".repeat(100));
    }

    #[test]
    fn a_segment_stays_one_segment() {
        assert_eq!(segment("a/b?c#d<e>"), "a%2Fb%3Fc%23d%3Ce%3E");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("debian:12"), "debian:12");
    }
}
