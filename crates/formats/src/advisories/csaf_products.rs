//! From a product of a CSAF document to the stream, name and version that
//! inventories use.

use super::csaf_document::Product;
use super::distributions::{self, Scope};
use packageurl::PackageUrl;
use plimsoll_core::model::advisory::{AffectedRange, NamesWhat, Only, RangeEnd};
use plimsoll_core::model::stream::Stream;
use std::str::FromStr;

/// A package as an advisory can speak of it.
#[derive(Clone, Debug)]
pub(super) struct Package {
    pub scope: Scope,
    pub name: String,
    /// Version of this very product; none where it has none.
    pub version: Option<String>,
    /// Affected ranges stated in words.
    pub ranges: Vec<AffectedRange>,
    pub arch: Option<String>,
    /// Whether the stream is a distribution's release, which a bare package
    /// URL does not tell.
    pub on_platform: bool,
}

/// Finds out what package a component on its platforms is.
///
/// None where it is nothing that an inventory could hold under this stream:
/// container images on a platform, platforms themselves.
pub(super) fn package(component: &Product<'_>, platforms: &[&Product<'_>]) -> Option<Package> {
    let scope = platforms.iter().find_map(|platform| {
        distributions::platform(platform.cpe).or_else(|| {
            let scope = distributions::suse(platform.name)?;
            Some(Scope { names: NamesWhat::Binary, ..scope })
        })
    });
    match scope {
        Some(scope) => on_platform(component, platforms, scope),
        None if component.purls.is_empty() => vendor_product(component),
        None => component.purls.iter().find_map(|purl| of_purl(purl, component)),
    }
}

fn on_platform(component: &Product<'_>, platforms: &[&Product<'_>], mut scope: Scope) -> Option<Package> {
    let module = platforms
        .iter()
        .flat_map(|platform| &platform.purls)
        .find_map(|purl| PackageUrl::from_str(purl).ok().filter(|purl| purl.ty() == "rpmmod"))
        .map(|purl| format!("{}:{}", purl.name(), purl.version().unwrap_or("").split(':').next().unwrap_or("")));
    let mut name = component.name;
    let mut of_name = None;
    if let Some((before, after)) = name.split_once('/') {
        // `log4j:2/log4j`: package of a module.
        if before.contains(':') && !after.contains('/') {
            of_name = Some(before.to_owned());
            name = after;
        }
    }
    let purl = component.purls.iter().find_map(|purl| PackageUrl::from_str(purl).ok());
    let mut package = match purl {
        Some(purl) if purl.ty() == "rpm" => of_rpm_purl(&purl, &mut scope),
        Some(_) => return None,
        None => of_nevra(name.split("::").next().unwrap_or(name))?,
    };
    scope.only.module = scope.only.module.or(module).or(of_name);
    if package.2.as_deref() == Some("src") || package.1.is_none() {
        scope.names = NamesWhat::Source;
    }
    if package.2.as_deref() == Some("noarch") {
        package.2 = None;
    }
    let name = scope.stream.normalise_name(&package.0);
    Some(Package { scope, name, version: package.1, ranges: Vec::new(), arch: package.2, on_platform: true })
}

type NameVersionArch = (String, Option<String>, Option<String>);

fn of_rpm_purl(purl: &PackageUrl<'_>, scope: &mut Scope) -> NameVersionArch {
    let qualifier = |name: &str| purl.qualifiers().get(name).map(|value| value.as_ref().to_owned());
    if let Some(module) = qualifier("rpmmod") {
        let mut parts = module.split(':');
        if let (Some(name), Some(stream)) = (parts.next(), parts.next()) {
            scope.only.module = Some(format!("{name}:{stream}"));
        }
    }
    let version = purl.version().filter(|version| !version.is_empty()).map(|version| match qualifier("epoch") {
        Some(epoch) if epoch != "0" && !epoch.is_empty() => format!("{epoch}:{version}"),
        _ => version.to_owned(),
    });
    (purl.name().to_owned(), version, qualifier("arch"))
}

/// Reads `sudo-0:1.9.5p2-1.el8_6.x86_64`, or a bare name.
fn of_nevra(text: &str) -> Option<NameVersionArch> {
    const ARCHES: [&str; 14] = [
        "x86_64", "aarch64", "ppc64le", "s390x", "noarch", "src", "i586", "i686", "i386", "ppc64", "s390", "ia64",
        "armv7hl", "nosrc",
    ];
    if text.contains('@') || text.contains('/') || text.contains(' ') || text.is_empty() {
        return None;
    }
    let (rest, arch) = match text.rsplit_once('.') {
        Some((rest, arch)) if ARCHES.contains(&arch) => (rest, Some(arch.to_owned())),
        _ => (text, None),
    };
    let parts = rest
        .rsplit_once('-')
        .and_then(|(rest, release)| rest.rsplit_once('-').map(|(name, version)| (name, version, release)))
        .filter(|(_, version, _)| version.starts_with(|first: char| first.is_ascii_digit()));
    match parts {
        Some((name, version, release)) if arch.is_some() => {
            let version = version.strip_prefix("0:").unwrap_or(version);
            Some((name.to_owned(), Some(format!("{version}-{release}")), arch))
        }
        _ => Some((rest.to_owned(), None, arch)),
    }
}

fn of_purl(text: &str, component: &Product<'_>) -> Option<Package> {
    let purl = PackageUrl::from_str(text).ok()?;
    let namespace = purl.namespace().unwrap_or("");
    let joined = |separator: &str| {
        if namespace.is_empty() { purl.name().to_owned() } else { format!("{namespace}{separator}{}", purl.name()) }
    };
    let (family, name) = match purl.ty() {
        "cargo" => ("crates.io", joined("/")),
        "npm" => ("npm", joined("/")),
        "pypi" => ("pypi", joined("/")),
        "golang" => ("go", joined("/")),
        "maven" => ("maven", joined(":")),
        "gem" => ("rubygems", joined("/")),
        "composer" => ("packagist", joined("/")),
        "nuget" => ("nuget", joined("/")),
        "hex" => ("hex", joined("/")),
        "pub" => ("pub", joined("/")),
        "bitnami" => ("bitnami", joined("/")),
        _ => return None,
    };
    let stream = Stream::language(family);
    let version = purl.version().map(str::to_owned).or_else(|| own_version(component.version));
    Some(Package {
        name: stream.normalise_name(&name),
        scope: Scope { stream, only: Only::default(), names: NamesWhat::Binary },
        ranges: version_ranges(component.range),
        version,
        arch: None,
        on_platform: false,
    })
}

fn own_version(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A product without package URL: stream `vendor`, name `vendor/product`, so
/// that a component entered by hand can be judged.
fn vendor_product(component: &Product<'_>) -> Option<Package> {
    let (vendor, product) = (component.vendor.trim(), component.product.trim());
    if vendor.is_empty() || product.is_empty() {
        return None;
    }
    let ranges = version_ranges(component.range);
    let version = own_version(component.version)
        .or_else(|| if ranges.is_empty() { own_version(component.range) } else { None });
    Some(Package {
        scope: Scope { stream: Stream::language("vendor"), only: Only::default(), names: NamesWhat::Binary },
        name: format!("{}/{}", vendor.to_lowercase(), product.to_lowercase()),
        version,
        ranges,
        arch: None,
        on_platform: false,
    })
}

/// Reads a version range in the spellings that vendors use: `vers:all/*`,
/// `vers:all/>=V3.0.1<V3.0.3`, `>=12.0.1|<=12.0.15`, `< 4.21`, `All versions
/// < V1.0`, `2.00 | 2.03`.
///
/// Text that is not understood gives no range; the caller then keeps it as a
/// version, so that it is shown and never read as "everything is fine". A
/// strict lower bound (`>`) is taken as inclusive: one version too many is
/// shown rather than one too few.
pub(super) fn version_ranges(text: &str) -> Vec<AffectedRange> {
    let text = text.trim();
    let text = match text.strip_prefix("vers:") {
        Some(rest) => rest.split_once('/').map_or("", |(_, rest)| rest),
        None => text,
    };
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "*" | "all" | "all versions" | "all_versions" | "any") {
        return vec![AffectedRange { introduced: None, end: RangeEnd::Open }];
    }
    let text = if lower.starts_with("all versions ") { text.get("all versions ".len()..).unwrap_or("").trim() } else { text };
    if !text.starts_with(['<', '>']) {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut introduced: Option<String> = None;
    for (operator, version) in comparisons(text) {
        // A remark behind a version (`(build 317)`, `with …`) means that the
        // text says more than a range.
        if version.is_empty() || version.contains('(') || version.split_whitespace().count() > 3 {
            return Vec::new();
        }
        let version = version.to_owned();
        match operator {
            "<" => out.push(AffectedRange { introduced: introduced.take(), end: RangeEnd::Fixed(version) }),
            "<=" => out.push(AffectedRange { introduced: introduced.take(), end: RangeEnd::LastAffected(version) }),
            _ => {
                if let Some(open) = introduced.replace(version) {
                    out.push(AffectedRange { introduced: Some(open), end: RangeEnd::Open });
                }
            }
        }
    }
    if let Some(open) = introduced {
        out.push(AffectedRange { introduced: Some(open), end: RangeEnd::Open });
    }
    out
}

/// Splits `>=V3.0.1<V3.0.3` or `>= 1 | < 2` into operators and versions.
fn comparisons(text: &str) -> Vec<(&str, &str)> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['<', '>']) {
        let tail = rest.get(start..).unwrap_or("");
        let length = if tail.get(1..2) == Some("=") { 2 } else { 1 };
        let (operator, behind) = tail.split_at(length);
        let end = behind.find(['<', '>']).unwrap_or(behind.len());
        let (version, further) = behind.split_at(end);
        out.push((operator, version.trim_matches(|c: char| c.is_whitespace() || c == '|' || c == ',')));
        rest = further;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_in_the_spellings_of_real_documents() {
        let shown = |text: &str| {
            version_ranges(text)
                .into_iter()
                .map(|range| match range.end {
                    RangeEnd::Fixed(v) => format!("{}..<{v}", range.introduced.unwrap_or_default()),
                    RangeEnd::LastAffected(v) => format!("{}..={v}", range.introduced.unwrap_or_default()),
                    RangeEnd::Open => format!("{}..", range.introduced.unwrap_or_default()),
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        for (text, expected) in [
            ("vers:all/*", ".."),
            ("vers:all/<V5.5.2", "..<V5.5.2"),
            ("vers:all/>=V3.0.1<V3.0.3", "V3.0.1..<V3.0.3"),
            ("<= 2.2.3", "..=2.2.3"),
            (">=12.0.1|<=12.0.15", "12.0.1..=12.0.15"),
            (">= V7.80 < V9.30", "V7.80..<V9.30"),
            (">=V8.3", "V8.3.."),
            ("All versions < V15.1 Update 8", "..<V15.1 Update 8"),
            ("vers:generic/>=1|<2|>=3|<4", "1..<2 3..<4"),
            ("8.40", ""),
            ("<= 3.3-006 (with <= bacnetstac 4.2.1)", ""),
            ("All versions with maxView Storage Manager < 4.09.00.25611 on Windows", ""),
            ("<", ""),
            ("é<ü", ""),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn rpm_names_split() {
        let parts = |text: &str| of_nevra(text).map(|(name, version, arch)| format!("{name}|{}|{}", version.unwrap_or_default(), arch.unwrap_or_default()));
        assert_eq!(parts("sudo-0:1.9.5p2-1.el8_6.x86_64").as_deref(), Some("sudo|1.9.5p2-1.el8_6|x86_64"));
        assert_eq!(parts("openssl-1:3.0.7-2.el9.src").as_deref(), Some("openssl|1:3.0.7-2.el9|src"));
        assert_eq!(parts("java-11-openjdk").as_deref(), Some("java-11-openjdk||"));
        assert_eq!(parts("libopenssl1_1-1.1.1l-150500.17.25.1.x86_64").as_deref(), Some("libopenssl1_1|1.1.1l-150500.17.25.1|x86_64"));
        assert_eq!(parts("a@sha256:00_amd64"), None);
    }
}
