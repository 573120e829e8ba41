//! Time to patch after Kaplan and Meier: what is still open counts for as long
//! as it was watched, so that a few quick ones do not hide the many slow.

use super::{LEAST, days};
use crate::model::advisory::Rating;
use serde::Serialize;

/// Days at which the share that is patched is told.
const AT: [u32; 8] = [1, 2, 3, 7, 14, 30, 60, 90];

/// How long findings of one kind lived.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Survival {
    /// Priority; none for all.
    pub priority: Option<Rating>,
    /// Findings whose clock started in the window.
    pub started: u64,
    /// Of those, closed by its end.
    pub closed: u64,
    /// Mean days of those that were closed: the slow ones are missing in it.
    pub mean_days: Option<f64>,
    /// Days until half were closed; none where half are not yet.
    pub median_days: Option<f64>,
    /// Days until nine of ten were closed.
    pub p90_days: Option<f64>,
    /// Days until 95 of a hundred were closed.
    pub p95_days: Option<f64>,
    /// Mean age in days of those that are open.
    pub mean_open_days: Option<f64>,
    /// Share closed after so many days; none where fewer than [`LEAST`]
    /// started.
    pub patched: Vec<Patched>,
}

/// A point of the curve.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Patched {
    /// Days after the clock started.
    pub days: u32,
    /// Share closed by then, in percent.
    pub share: f64,
}

/// One life: seconds, and whether it ended or only the watching did.
pub(super) type Life = (i64, bool);

fn mean(lives: impl Iterator<Item = i64>) -> Option<f64> {
    let (count, sum) = lives.fold((0_u64, 0_i128), |(count, sum), life| (count + 1, sum + i128::from(life)));
    (count > 0).then(|| days(sum as f64 / count as f64))
}

/// Estimates the curve.
pub(super) fn survival(priority: Option<Rating>, mut lives: Vec<Life>) -> Survival {
    lives.sort_unstable();
    let closed = lives.iter().filter(|life| life.1).count() as u64;
    // Steps of the curve: after so many seconds, this share is still open.
    let (mut steps, mut open, mut place): (Vec<(i64, f64)>, f64, usize) = (Vec::new(), 1.0, 0);
    while place < lives.len() {
        let at = lives[place].0;
        let at_risk = (lives.len() - place) as f64;
        let same = lives[place..].iter().take_while(|life| life.0 == at).count();
        let ended = lives[place..place + same].iter().filter(|life| life.1).count() as f64;
        if ended > 0.0 {
            open *= 1.0 - ended / at_risk;
            steps.push((at, open));
        }
        place += same;
    }
    // A little more than the share, for what multiplications lose.
    let until = |share: f64| steps.iter().find(|step| step.1 <= share + 1e-9).map(|step| days(step.0 as f64));
    let longest = lives.last().map_or(0, |life| life.0);
    let point = |at: u32| {
        let open = steps.iter().rev().find(|step| step.0 <= i64::from(at) * 86_400).map_or(1.0, |step| step.1);
        Patched { days: at, share: ((1.0 - open) * 1000.0).round() / 10.0 }
    };
    let enough = lives.len() as u64 >= LEAST;
    // Nothing is known of days for which nobody was watched.
    let patched = if enough { AT.into_iter().filter(|at| i64::from(*at) * 86_400 <= longest).map(point).collect() } else { Vec::new() };
    Survival {
        priority,
        started: lives.len() as u64,
        closed,
        mean_days: mean(lives.iter().filter(|life| life.1).map(|life| life.0)),
        median_days: until(0.5),
        p90_days: until(0.1),
        p95_days: until(0.05),
        mean_open_days: mean(lives.iter().filter(|life| !life.1).map(|life| life.0)),
        patched,
    }
}
