//! **Terms**: what the policy says of prices, budgets and estimates, in whole
//! numbers, as it was noted when it came into force.

use super::money::{Price, decimals};
use super::steps::Step;
use crate::model::policy::governance::{Cost, Friction, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Role whose price stands for all that have none.
pub const DEFAULT: &str = "default";
/// Hours of a day where the policy says nothing.
const DAY_HOURS: i64 = 8;

/// Prices, budgets and estimates.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// ISO 4217 code.
    pub currency: String,
    /// An hour, by role.
    pub rate: BTreeMap<String, Price>,
    /// A minute out of service, by tier.
    pub downtime: BTreeMap<String, Price>,
    /// A year's fixed costs.
    pub fixed: BTreeMap<String, Price>,
    /// Days of a year, in millionths, by role.
    pub budget: BTreeMap<String, Price>,
    /// Seconds that are a day of work.
    pub day_seconds: u64,
    /// Estimates by step.
    pub estimates: BTreeMap<Step, Estimated>,
    /// What stretches them, in ten-thousandths of the whole.
    pub stretch: u64,
}

/// An estimate of a step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Estimated {
    /// Seconds for each patch.
    pub fixed: u64,
    /// Seconds for each unit.
    pub per_unit: u64,
    /// What is counted.
    pub unit: Option<Unit>,
    /// Whose hours they are.
    pub role: String,
}

impl Terms {
    /// Takes them out of a policy. Steps that do not exist are passed over;
    /// the policy's check refuses them.
    pub fn of(cost: &Cost) -> Self {
        let prices = |all: &BTreeMap<String, crate::model::policy::governance::Amount>| all.iter().map(|(name, amount)| (name.clone(), Price::of(*amount))).collect();
        let estimate = |(number, estimate): (&String, &crate::model::policy::governance::Estimate)| {
            let estimated = Estimated {
                fixed: u64::from(estimate.minutes) * 60,
                per_unit: u64::from(estimate.per_unit) * 60,
                unit: estimate.unit,
                role: estimate.role.clone().unwrap_or_else(|| DEFAULT.to_owned()),
            };
            Some((Step::parse(number)?, estimated))
        };
        let day = cost.hours_per_day.map_or(DAY_HOURS * 1_000_000, |hours| Price::of(hours).0);
        Self {
            currency: cost.currency.clone(),
            rate: prices(&cost.rate),
            downtime: prices(&cost.downtime_per_min),
            fixed: prices(&cost.fixed_per_year),
            budget: prices(&cost.budget_days),
            day_seconds: u64::try_from(i128::from(day) * 3600 / 1_000_000).unwrap_or(0).clamp(1, 86_400),
            estimates: cost.estimate.iter().filter_map(estimate).collect(),
            stretch: 10_000 + cost.friction.values().map(|Friction { weight_pct, complete_pct }| u64::from(*weight_pct) * u64::from(100 - complete_pct.0.min(100))).sum::<u64>(),
        }
    }

    /// Decimals of its currency.
    pub fn decimals(&self) -> u32 {
        decimals(&self.currency)
    }

    /// An hour of a role; none where the policy has no price for it.
    pub fn hour(&self, role: &str) -> Option<Price> {
        self.rate.get(role).or_else(|| self.rate.get(DEFAULT)).copied()
    }

    /// A minute out of service of a tier.
    pub fn minute(&self, tier: &str) -> Option<Price> {
        self.downtime.get(tier).or_else(|| self.downtime.get(DEFAULT)).copied()
    }

    /// Seconds that a step takes of so many units, stretched by what is
    /// incomplete: `h · (1 + Σ k · (1 − completeness))`.
    pub fn estimated(&self, estimate: &Estimated, units: u64) -> u64 {
        let plain = u128::from(estimate.fixed) + u128::from(estimate.per_unit) * u128::from(units);
        u64::try_from((plain * u128::from(self.stretch.max(10_000)) + 5_000) / 10_000).unwrap_or(u64::MAX / 4)
    }
}
