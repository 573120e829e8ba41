//! Where a rule holds: architecture, module, minor release, subscription,
//! origin; and advisories that are one vulnerability under two names.

use super::{Offered, Verdict};
use crate::knowledge::{Rule, RuleEnd};
use crate::model::because::{Because, BecauseKind};
use crate::model::component::Component;
use crate::model::finding::State;
use crate::model::host::Host;
use crate::model::stream::Stream;
use std::collections::BTreeSet;

/// Whether a rule holds for a component.
pub(super) enum Applies {
    Yes,
    No(Because),
}

/// The version of an offered package that the component's rules speak of.
pub(super) fn compared_version<'a>(component: &Component, stream: &Stream, offered: &Offered<'a>) -> &'a str {
    match offered.source_version {
        Some(version) if stream.advisories_name_sources() && component.source.is_some() => version,
        _ => offered.version,
    }
}

/// Tells packages that the stream's vendor did not build.
///
/// A distribution's advisories judge its own builds only: Remi's php carries
/// the same name and other fixes.
pub(super) fn third_party(component: &Component, stream: &Stream) -> Option<Because> {
    let vendors: &[&str] = match stream.family() {
        "almalinux" => &["almalinux"],
        "rocky" => &["rocky"],
        "rhel" => &["red hat"],
        "oracle" => &["oracle"],
        "amazon" => &["amazon"],
        "fedora" => &["fedora"],
        "sles" | "opensuse-leap" | "opensuse-tumbleweed" => &["suse"],
        "debian" => &["debian"],
        "ubuntu" => &["ubuntu", "debian", "canonical"],
        _ => return None,
    };
    let built_elsewhere = |who: &str| {
        let who = who.to_lowercase();
        !vendors.iter().any(|vendor| who.contains(vendor))
    };
    let by = component.vendor.as_deref().filter(|vendor| built_elsewhere(vendor)).or_else(|| {
        // A repository's id tells nothing about who built the package on
        // yum systems; apt's origins do.
        let apt = matches!(stream.family(), "debian" | "ubuntu");
        component.origin.as_deref().filter(|origin| apt && built_elsewhere(origin))
    })?;
    Some(Because::new(
        BecauseKind::Origin,
        format!("{} comes from “{by}”; the advisories of {stream} do not judge it", component.name),
    ))
}

/// Whether a rule's narrowing holds here.
pub(super) fn applies(component: &Component, host: &Host, stream: &Stream, rule: &Rule<'_>) -> Applies {
    if let Some(reason) = other_module(component, rule) {
        return Applies::No(reason);
    }
    let Some(only) = rule.only else { return Applies::Yes };
    let no = |text: String| Applies::No(Because::new(BecauseKind::Origin, text));
    if let (false, Some(arch)) = (only.arches.is_empty(), component.arch.as_deref()) {
        let everywhere = matches!(arch, "noarch" | "all" | "any" | "src");
        if !everywhere && !only.arches.iter().any(|one| one == arch) {
            return no(format!("it speaks of {}, this package is {arch}", only.arches.join(", ")));
        }
    }
    if let Some(minor) = only.minor.as_deref() {
        let (release, line) = minor.split_once('-').map_or((minor, None), |(release, line)| (release, Some(line)));
        let own = host.os.as_ref().map(|os| os.version.as_str());
        let attached = line.is_none_or(|line| {
            host.subscriptions.as_ref().is_some_and(|list| list.iter().any(|name| name.contains(line)))
        });
        if line.is_some() && !(own == Some(release) && attached) {
            let own = own.unwrap_or("unknown");
            return no(format!("its fix belongs to {stream} {minor}; this host follows {own}"));
        }
    }
    Applies::Yes
}

/// Tells rules for another module stream, by the module's name where it is
/// known and else by the mark that module builds carry in their release.
fn other_module(component: &Component, rule: &Rule<'_>) -> Option<Because> {
    let wanted = rule.only.and_then(|only| only.module.as_deref());
    let reason = |text: String| Some(Because::new(BecauseKind::Origin, text));
    if let (Some(wanted), Some(own)) = (wanted, component.module.as_deref()) {
        let own_stream: String = own.splitn(3, ':').take(2).collect::<Vec<_>>().join(":");
        if own_stream != wanted {
            return reason(format!("it speaks of module {wanted}, this package is from {own_stream}"));
        }
        return None;
    }
    let (RuleEnd::Fixed(end) | RuleEnd::LastAffected(end)) = rule.end else { return None };
    let built_as_module = |version: &[u8]| version.windows(7).any(|part| part == b".module");
    match (built_as_module(end.text), built_as_module(component.version.as_bytes())) {
        (true, false) => reason(format!("{} is a module build, this package is not", end.shown())),
        (false, true) => reason(format!("{} is no module build, this package is", end.shown())),
        _ => None,
    }
}

/// The `elX_Y` tag of an rpm release.
pub(super) fn minor_tag(version: &str) -> Option<&str> {
    let start = version.rfind(".el")? + 1;
    let tag = version[start..].split(['.', '+', '~']).next()?;
    tag.contains('_').then_some(tag)
}

/// Keeps a fix of one minor release from being asked of another.
///
/// RHEL and its rebuilds fix one CVE in several minor releases, each with an
/// advisory of its own: 5.14.0-611.54.1.el9_7 *is* the fix for 9.7 although
/// the one for 9.8 has a higher version.
pub(super) fn choose_minor_release(component: &Component, verdicts: &mut [Verdict]) {
    let Some(own) = minor_tag(&component.version) else { return };
    let mut satisfied: BTreeSet<String> = BTreeSet::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.state == State::Fixed) {
        let same = verdict.fixed_version.as_deref().and_then(minor_tag).is_some_and(|tag| tag == own);
        if same {
            satisfied.extend(verdict.advisory.cves.iter().cloned());
        }
    }
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.state == State::Affected) {
        let other = verdict.fixed_version.as_deref().and_then(minor_tag).filter(|tag| *tag != own);
        let Some(other) = other.map(str::to_owned) else { continue };
        let cves = &verdict.advisory.cves;
        if !cves.is_empty() && cves.iter().all(|cve| satisfied.contains(cve)) {
            verdict.state = State::Fixed;
            verdict.because.push(Because::new(
                BecauseKind::Version,
                format!("this fix is for {other}; {} is fixed for {own} already", component.version),
            ));
        }
    }
}

/// Makes one finding of advisories that name the same vulnerability.
///
/// A language advisory often exists as PYSEC, GHSA and CVE at once, a
/// distribution's CVE entry beside its DSA. The ecosystem's own id is kept,
/// the others become aliases.
pub(super) fn unite_aliases(verdicts: &mut Vec<Verdict>) {
    verdicts.sort_by(|a, b| rank(&a.advisory.id).cmp(&rank(&b.advisory.id)).then_with(|| a.advisory.id.cmp(&b.advisory.id)));
    let mut kept: Vec<Verdict> = Vec::with_capacity(verdicts.len());
    for verdict in verdicts.drain(..) {
        match kept.iter_mut().find(|known| known.state == verdict.state && same_vulnerability(known, &verdict)) {
            Some(known) => absorb(known, verdict),
            None => kept.push(verdict),
        }
    }
    *verdicts = kept;
}

/// Order of preference among names of one vulnerability.
fn rank(id: &str) -> u8 {
    match id.split('-').next().unwrap_or("") {
        "CVE" => 9,
        "UBUNTU" | "DEBIAN" | "ALPINE" => 8,
        "GHSA" | "BIT" => 7,
        "NPMWG" | "RETIREJS" => 6,
        _ => 0,
    }
}

fn same_vulnerability(known: &Verdict, other: &Verdict) -> bool {
    let names = |verdict: &Verdict, name: &str| {
        verdict.advisory.id == name || verdict.advisory.aliases.iter().any(|alias| alias == name)
    };
    if names(known, &other.advisory.id) || names(other, &known.advisory.id) {
        return true;
    }
    let shared = other.advisory.aliases.iter().any(|alias| names(known, alias));
    // A distribution advisory bundles many CVEs in `cves`; a record for one of
    // those CVEs alone adds nothing to it.
    let bundled = rank(&other.advisory.id) >= 8
        && !other.advisory.cves.is_empty()
        && other.advisory.cves.iter().all(|cve| known.advisory.cves.contains(cve));
    shared || bundled
}

fn absorb(known: &mut Verdict, other: Verdict) {
    let facts = &mut known.advisory;
    if other.advisory.id != facts.id && !facts.aliases.contains(&other.advisory.id) && !facts.cves.contains(&other.advisory.id) {
        facts.aliases.push(other.advisory.id.clone());
    }
    for alias in other.advisory.aliases {
        if alias != facts.id && !facts.aliases.contains(&alias) {
            facts.aliases.push(alias);
        }
    }
    for severity in other.advisory.severities {
        if !facts.severities.contains(&severity) {
            facts.severities.push(severity);
        }
    }
    for workaround in other.advisory.workarounds {
        if !facts.workarounds.contains(&workaround) {
            facts.workarounds.push(workaround);
        }
    }
    for source in other.advisory.sources {
        if !facts.sources.contains(&source) {
            facts.sources.push(source);
        }
    }
    facts.published = match (facts.published, other.advisory.published) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    if known.fixed_version.is_none() {
        known.fixed_version = other.fixed_version;
        known.fix = other.fix;
    }
    known.because.push(Because::new(BecauseKind::Source, format!("{} names the same vulnerability", other.advisory.id)));
}
