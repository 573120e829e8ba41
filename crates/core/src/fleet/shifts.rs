//! Which hosts got findings and which lost them by a new database.

use super::affected::{Hits, Watched};
use super::index::Index;
use super::touched::Touched;
use crate::knowledge::Knowledge;
use crate::model::component::Component;
use crate::model::host::Host;
use crate::model::problem::Problem;
use crate::phases::evaluate;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

/// What a new database means for the hosts under one advisory.
#[derive(Clone, PartialEq, Debug)]
pub struct Shift {
    /// Id of the advisory, as findings name it.
    pub advisory: String,
    /// Hosts that it binds now and did not before.
    pub opened: RoaringBitmap,
    /// Hosts that it bound before and does not any more.
    pub closed: RoaringBitmap,
}

/// Components that an advisory binds, before and now.
#[derive(Default)]
struct Bound {
    before: Hits,
    now: Hits,
}

impl Index {
    /// Says whom a new database touches and how, without looking at a single
    /// host: the components of the touched names are judged by
    /// [`evaluate::decide`] under both databases, each once.
    ///
    /// Advisories come by id. Only findings that the policy binds count
    /// ([`evaluate::is_obliging`]), and only those through the names in
    /// `touched`: a host that has the advisory through another package already
    /// is among the opened ones too. Without an old database everything is
    /// opened.
    ///
    /// # Errors
    ///
    /// Those of the databases.
    pub fn shifts(
        &self,
        touched: &[Touched],
        old: Option<&dyn Knowledge>,
        new: &dyn Knowledge,
    ) -> Result<Vec<Shift>, Problem> {
        let names = touched.iter().filter(|one| one.verdicts).filter_map(|one| self.names.get(&one.stream, &one.name));
        let numbers: BTreeSet<u32> = names.flat_map(|entry| entry.components()).collect();
        let mut bound: BTreeMap<String, Bound> = BTreeMap::new();
        for number in numbers {
            let Some(component) = self.components.component(number) else { continue };
            if let Some(old) = old {
                for (advisory, circumstance) in self.binding(&component, old)? {
                    bound.entry(advisory).or_default().before.push(circumstance, number);
                }
            }
            for (advisory, circumstance) in self.binding(&component, new)? {
                bound.entry(advisory).or_default().now.push(circumstance, number);
            }
        }
        let shifts = bound.into_iter().filter_map(|(advisory, bound)| {
            if bound.before == bound.now {
                return None;
            }
            let (before, now) = (self.hit(bound.before), self.hit(bound.now));
            let shift = Shift { advisory, opened: &now - &before, closed: before - now };
            (!shift.opened.is_empty() || !shift.closed.is_empty()).then_some(shift)
        });
        Ok(shifts.collect())
    }

    /// Ids of the advisories that bind a component, each in which
    /// circumstance, none for all.
    fn binding(&self, component: &Component, knowledge: &dyn Knowledge) -> Result<Vec<(String, Option<u32>)>, Problem> {
        let watched = Watched::new(knowledge);
        let everywhere = ids(component, &Host::default(), &watched)?;
        if !watched.is_narrowed() {
            return Ok(everywhere.into_iter().map(|id| (id, None)).collect());
        }
        let mut out = Vec::new();
        for (circumstance, host, _) in self.circumstances.all() {
            out.extend(ids(component, &host, knowledge)?.into_iter().map(|id| (id, Some(circumstance))));
        }
        Ok(out)
    }
}

fn ids(component: &Component, host: &Host, knowledge: &dyn Knowledge) -> Result<BTreeSet<String>, Problem> {
    let input = evaluate::Input { component, host, knowledge, offered: None, repositories_known: false, include_fixed: false };
    let verdicts = evaluate::decide(&input)?.decision.verdicts;
    Ok(verdicts.into_iter().filter(evaluate::is_obliging).map(|verdict| verdict.advisory.id).collect())
}
