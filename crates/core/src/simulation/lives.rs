//! A host's journal taken apart into the lives of its findings.

use crate::assessment::UPDATE;
use crate::measures::HostStory;
use crate::model::transition::{FindingKey, Obliged};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One finding on one host, from when it was there to when it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Life {
    /// Which.
    pub key: FindingKey,
    /// When it was first there; one that went and came back keeps its clock.
    pub first: Timestamp,
    /// When it opened this time.
    pub opened: Timestamp,
    /// How it ended.
    pub end: End,
    /// What it obliged to last; what an older version of this program opened
    /// may have nothing.
    pub obliged: Option<Obliged>,
}

/// How a finding ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It closed.
    Closed(Timestamp),
    /// Its host was retired.
    Gone(Timestamp),
    /// It is open.
    Open,
    /// It is over, nobody saw since when.
    Unknown,
}

/// The lives that a journal tells, in the order of their ends, then of their
/// keys. Pending updates that no advisory names are none.
pub fn lives(story: &HostStory<'_>) -> Vec<Life> {
    let mut first: BTreeMap<&FindingKey, Timestamp> = BTreeMap::new();
    let mut running: BTreeMap<&FindingKey, (Timestamp, Option<&Obliged>)> = BTreeMap::new();
    let mut lives = Vec::new();
    let life = |key: &FindingKey, first: &BTreeMap<&FindingKey, Timestamp>, (opened, obliged): (Timestamp, Option<&Obliged>), end| Life {
        key: key.clone(),
        first: first.get(key).copied().unwrap_or(opened),
        opened,
        end,
        obliged: obliged.cloned(),
    };
    for transition in story.transitions {
        for key in &transition.closed {
            if let Some(one) = running.remove(key) {
                lives.push(life(key, &first, one, End::Closed(transition.at)));
            }
        }
        for key in transition.opened.iter().filter(|key| key.advisory != UPDATE) {
            first.entry(key).or_insert(transition.at);
            running.entry(key).or_insert((transition.at, None));
        }
        for (key, obliged) in &transition.obliged {
            if let Some(one) = running.get_mut(key) {
                one.1 = Some(obliged);
            }
        }
    }
    let end = story.retired.map_or(End::Open, End::Gone);
    lives.extend(running.into_iter().map(|(key, one)| life(key, &first, one, end)));
    lives
}
