//! What the hosts report: one real host's packages, a little different on each.

use plimsoll_core::model::component::Component;
use plimsoll_core::model::report::{OfferedPackage, Report};
use plimsoll_formats::protocol::{CanonicalReport, canonical};
use std::collections::BTreeSet;
use std::path::Path;

/// A report that others are made of.
#[derive(Debug)]
pub struct Template {
    report: Report,
    /// Components with a numbered update of the stable release
    /// (`+deb12u4`), of which earlier ones existed.
    numbered: Vec<usize>,
    drift: usize,
}

impl Template {
    /// Reads a root's packages and keeps `packages` of them, evenly.
    pub fn read(root: &Path, packages: usize, drift_in_thousand: usize) -> Result<Self, String> {
        let options = plimsoll_host::Options { root: Some(root), ..plimsoll_host::Options::default() };
        let inventory = plimsoll_host::read(&options).map_err(|problem| format!("{}: {}", problem.place, problem.text))?;
        if inventory.components.len() < packages {
            return Err(format!("{} holds {} packages, {packages} are wanted", root.display(), inventory.components.len()));
        }
        let all = inventory.components.len();
        let kept: Vec<Component> = (0..packages).filter_map(|number| inventory.components.get(number * all / packages).cloned()).collect();
        let names: BTreeSet<&str> = kept.iter().map(|component| component.name.as_str()).collect();
        let offered = inventory.candidates.into_iter().filter(|one| names.contains(one.package.as_str())).map(|one| OfferedPackage {
            package: one.package,
            arch: one.arch,
            version: one.version,
            source_version: one.source_version,
            origin: one.origin,
        });
        let report = Report {
            schema: Report::SCHEMA.to_owned(),
            agent: concat!("plimsoll-load ", env!("CARGO_PKG_VERSION")).to_owned(),
            host: inventory.host,
            held_updates: Vec::new(),
            offered: offered.collect(),
            updates: inventory.updates.map(|list| list.into_iter().filter(|one| names.contains(one.package.as_str())).collect()),
            components: kept.clone(),
            problems: Vec::new(),
        };
        let numbered = kept.iter().enumerate().filter(|(_, one)| update_number(&one.version).is_some_and(|(_, number)| number > 1));
        let numbered = numbered.map(|(at, _)| at).collect();
        Ok(Self { report, numbered, drift: packages * drift_in_thousand / 1000 })
    }

    /// The report of one host in one generation; the next generation differs
    /// in one package.
    pub fn of(&self, number: u32, generation: u32) -> Result<CanonicalReport, String> {
        let mut report = self.report.clone();
        report.host.name = host_name(number);
        for turn in 0..self.drift {
            self.move_back(&mut report, chance(number, turn as u32));
        }
        for turn in 0..generation {
            self.move_back(&mut report, chance(number, u32::MAX - turn));
        }
        canonical(report).map_err(|problem| problem.text)
    }

    /// Puts a package to an earlier update of its version.
    fn move_back(&self, report: &mut Report, chance: u64) {
        let Some(&at) = self.numbered.get((chance % self.numbered.len().max(1) as u64) as usize) else { return };
        let Some(component) = report.components.get_mut(at) else { return };
        let earlier = |version: &str| {
            let (stem, number) = update_number(version)?;
            Some(format!("{stem}{}", (chance >> 32) % number + 1))
        };
        let Some(version) = earlier(&component.version) else { return };
        component.purl = component.purl.replace(&component.version.replace('+', "%2B"), &version.replace('+', "%2B"));
        component.source_version = component.source_version.as_deref().map(|source| earlier(source).unwrap_or_else(|| source.to_owned()));
        component.version = version;
    }
}

/// Splits `1.2-3+deb12u4` before its last number.
fn update_number(version: &str) -> Option<(&str, u64)> {
    let at = version.rfind("deb12u")? + "deb12u".len();
    let (stem, number) = version.split_at_checked(at)?;
    Some((stem, number.parse().ok().filter(|number| *number < 100)?))
}

/// The name of a simulated host.
pub fn host_name(number: u32) -> String {
    format!("load-{number:06}")
}

/// The same for the same host and turn (SplitMix64's mixing).
pub fn chance(number: u32, turn: u32) -> u64 {
    let mut value = (u64::from(number) << 32 | u64::from(turn)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
