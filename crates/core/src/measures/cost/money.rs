//! **Money** in whole minor units (cents), never in floating point; prices
//! with six decimals, so that a cent a minute can be said exactly.

use crate::model::policy::governance::Amount;
use serde::{Deserialize, Serialize};

/// Minor units of a currency.
pub type Minor = i128;

/// A price in millionths of a currency's unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(pub i64);

const MILLION: i128 = 1_000_000;

impl Price {
    /// Greatest price: a thousand million a unit.
    const GREATEST: i64 = 1_000_000_000 * 1_000_000;

    /// Takes the decimal number that the policy's author wrote: the shortest
    /// text that reads back as the same number is that number, so that
    /// `80.35` stays 80.35. What is beyond six decimals is cut off.
    pub fn of(amount: Amount) -> Self {
        let text = format!("{}", amount.0);
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let part: String = part.chars().chain("000000".chars()).take(6).collect();
        let number = format!("{whole}{part}").parse::<i64>().unwrap_or(Self::GREATEST);
        Self(number.min(Self::GREATEST))
    }
}

/// Decimals of a currency's minor unit.
///
/// Source: ISO 4217, list one; all others have two.
pub fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// What `amount` of something costs of which `per` have the price; half a
/// minor unit is rounded up, once.
pub fn cost(price: Price, amount: u64, per: u64, decimals: u32) -> Minor {
    let parts = i128::from(price.0) * i128::from(amount) * 10_i128.pow(decimals);
    let unit = MILLION * i128::from(per.max(1));
    (parts * 2 + unit).div_euclid(unit * 2)
}

/// Splits a whole by weights so that the parts add up to it: each part is
/// rounded down, and what is left goes to the largest remainders, the first
/// of equal ones first.
pub fn split(whole: Minor, weights: &[u64]) -> Vec<Minor> {
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut parts: Vec<Minor> = weights.iter().map(|weight| (whole * i128::from(*weight)).div_euclid(sum)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|place| (std::cmp::Reverse((whole * i128::from(weights[*place])).rem_euclid(sum)), *place));
    let left = whole - parts.iter().sum::<Minor>();
    for place in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[place] += 1;
    }
    parts
}

/// Writes minor units as a decimal number, `1234.50`.
pub fn written(minor: Minor, decimals: u32) -> String {
    let (sign, value) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    if decimals == 0 {
        return format!("{sign}{value}");
    }
    let unit = 10_u128.pow(decimals);
    format!("{sign}{}.{:0width$}", value / unit, value % unit, width = decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prices_are_what_was_written() {
        assert_eq!([80.0, 80.35, 0.1, 0.005, 0.000_000_1, 1e12].map(|price| Price::of(Amount(price)).0), [80_000_000, 80_350_000, 100_000, 5_000, 0, Price::GREATEST]);
        // A third of an hour at 80.35 is 26.78333…; half a cent goes up.
        assert_eq!(cost(Price(80_350_000), 1200, 3600, 2), 2678);
        assert_eq!((cost(Price(10_000), 1, 2, 2), cost(Price(80_350_000), 1200, 3600, 0), cost(Price(80_350_000), 1200, 3600, 3)), (1, 27, 26_783));
        assert_eq!((written(123_450, 2), written(5, 2), written(-5, 2), written(7, 0), written(1, 3)), ("1234.50".into(), "0.05".into(), "-0.05".into(), "7".into(), "0.001".into()));
        assert_eq!((split(100, &[1, 1, 1]), split(5, &[0, 0]), split(1, &[1, 2])), (vec![34, 33, 33], vec![0, 0], vec![0, 1]));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_off_by_a_whole_unit(whole in 0..10_000_000_i128, weights in prop::collection::vec(0..1_000_000_u64, 1..40)) {
            let parts = split(whole, &weights);
            let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            prop_assert_eq!(parts.iter().sum::<i128>(), if sum == 0 { 0 } else { whole });
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(sum == 0 || (part * sum - whole * i128::from(*weight)).abs() < sum);
            }
        }
    }
}
