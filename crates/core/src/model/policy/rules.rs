//! A policy's rules in their order, with an index by what a host is: a fleet's
//! policy has rules for each kind of host, and a host is of one kind.

use super::{Attribute, Condition, Field, Rule};
use std::collections::HashMap;
use std::ops::Deref;

/// Rules in their order; they do not change, so that the index fits them.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Positions of rules that ask no word of the host, a bit each.
    of_any: Vec<u64>,
    /// Positions of the others, by the first word that they ask for.
    by_word: Vec<(Attribute, HashMap<String, Vec<usize>>)>,
    severities: u32,
}

impl Rules {
    /// Severities that any rule names, a bit a position.
    pub fn severities(&self) -> u32 {
        self.severities
    }

    /// Rules that a host with these words may fall under, in their order.
    /// Those left out do not match, and to find that out asks for no priority.
    pub fn within_reach<'r, 'a>(&'r self, word: &dyn Fn(&Attribute) -> Option<&'a str>) -> impl Iterator<Item = &'r Rule> + use<'r> {
        let mut reached = self.of_any.clone();
        for (attribute, by_word) in &self.by_word {
            for at in word(attribute).and_then(|word| by_word.get(word)).into_iter().flatten() {
                mark(&mut reached, *at);
            }
        }
        self.rules.chunks(BITS).zip(reached).flat_map(|(rules, mut left)| {
            std::iter::from_fn(move || {
                let rule = rules.get(left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(rule)
            })
        })
    }

    fn enter(&mut self, at: usize, attribute: &Attribute, words: &[String]) {
        let place = self.by_word.iter().position(|(known, _)| known == attribute).unwrap_or_else(|| {
            self.by_word.push((attribute.clone(), HashMap::new()));
            self.by_word.len() - 1
        });
        if let Some((_, by_word)) = self.by_word.get_mut(place) {
            for word in words {
                by_word.entry(word.clone()).or_default().push(at);
            }
        }
    }
}

const BITS: usize = u64::BITS as usize;

fn mark(bits: &mut [u64], at: usize) {
    if let Some(chunk) = bits.get_mut(at / BITS) {
        *chunk |= 1 << (at % BITS);
    }
}

/// The word of the host that a rule asks for before anything that shows in a
/// decision: which priority a finding has is told where a rule asked for it.
fn first_word(rule: &Rule) -> Option<(&Attribute, &[String])> {
    rule.when.iter().take_while(|condition| !matches!(condition, Condition::OneOf(Field::Priority, _))).find_map(|condition| match condition {
        Condition::Words(attribute, words) => Some((attribute, words.as_slice())),
        _ => None,
    })
}

impl From<Vec<Rule>> for Rules {
    fn from(rules: Vec<Rule>) -> Self {
        let mut own = Self { of_any: vec![0; rules.len().div_ceil(BITS)], ..Self::default() };
        for (at, rule) in rules.iter().enumerate() {
            match first_word(rule) {
                Some((attribute, words)) => own.enter(at, attribute, words),
                None => mark(&mut own.of_any, at),
            }
            for condition in &rule.when {
                if let Condition::OneOf(Field::Severity, named) = condition {
                    own.severities |= named;
                }
            }
        }
        own.rules = rules;
        own
    }
}

impl Deref for Rules {
    type Target = [Rule];

    fn deref(&self) -> &[Rule] {
        &self.rules
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.rules.iter()
    }
}

impl IntoIterator for Rules {
    type Item = Rule;
    type IntoIter = std::vec::IntoIter<Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.rules.into_iter()
    }
}
