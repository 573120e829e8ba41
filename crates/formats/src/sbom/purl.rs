//! Package URLs to components.
//!
//! The one place that knows which stream a package URL belongs to; SBOM and
//! VEX readers all come here. Source: purl-spec type definitions, and the
//! qualifiers that syft, Trivy and Red Hat write.

use packageurl::PackageUrl;
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::host::OperatingSystem;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use std::str::FromStr;

/// Longest package URL read, in bytes; the longest in real documents (OCI
/// images with several qualifiers) have a few hundred.
const LIMIT: usize = 4096;

/// Makes a component from a package URL.
///
/// The name keeps the spelling of the URL even where the canonical form folds
/// case: Go module paths and old npm names differ by case from one another,
/// and advisories are stored under the true spelling. A type without
/// advisories (`generic`, `oci`, `github`) yields a component without stream.
/// An error names the URL and what it lacks.
pub fn component_of_purl(purl: &str) -> Result<Component, Problem> {
    let parts = Parts::of(purl)?;
    let stream = parts.stream();
    let name = parts.name(stream.as_ref());
    let kind = parts.kind(&name);
    let (source, source_version) = parts.source(&name);
    Ok(Component {
        purl: parts.canonical.clone(),
        version: parts.version(),
        arch: parts.qualifier("arch").map(str::to_owned),
        source,
        source_version,
        kind,
        module: parts.qualifier("rpmmod").map(str::to_owned),
        origin: None,
        stream,
        name,
        ..Component::default()
    })
}

/// Makes a package URL of type `generic` for something that states none, so
/// that it still has an identity in documents.
pub(crate) fn generic(group: Option<&str>, name: &str, version: &str) -> String {
    let Ok(mut purl) = PackageUrl::new("generic", if name.is_empty() { "unnamed" } else { name }) else {
        return String::new();
    };
    if let Some(group) = group.filter(|group| !group.trim_matches('/').is_empty()) {
        let _ = purl.with_namespace(group.trim_matches('/').to_owned());
    }
    if !version.is_empty() {
        let _ = purl.with_version(version);
    }
    purl.to_string()
}

/// Whether the type of a package URL is a distribution's.
pub(crate) fn is_distribution(purl: &str) -> bool {
    ["pkg:deb/", "pkg:rpm/", "pkg:apk/", "pkg:alpm/"].iter().any(|start| purl.starts_with(start))
}

struct Parts {
    /// As written, parsed without the rules of its type (which fold case).
    raw: PackageUrl<'static>,
    kind: String,
    canonical: String,
}

impl Parts {
    fn of(purl: &str) -> Result<Self, Problem> {
        let bad = |what: String| {
            Problem::new(
                "E-PURL",
                purl,
                format!("is not a package URL: {what}"),
                "correct the document; the form is pkg:type/namespace/name@version?qualifiers",
            )
        };
        if purl.len() > LIMIT {
            return Err(bad(format!("{} bytes long, the limit is {LIMIT}", purl.len())));
        }
        let rest = purl.strip_prefix("pkg:").ok_or_else(|| bad("does not start with pkg:".into()))?;
        let rest = rest.trim_start_matches('/');
        let (kind, path) = rest.split_once('/').ok_or_else(|| bad("has no name".into()))?;
        let raw = PackageUrl::from_str(&format!("pkg:x-raw/{path}")).map_err(|error| bad(error.to_string()))?;
        let canonical = PackageUrl::from_str(purl).map_or_else(|_| purl.to_owned(), |parsed| parsed.to_string());
        Ok(Self { raw, kind: kind.to_ascii_lowercase(), canonical })
    }

    fn qualifier(&self, key: &str) -> Option<&str> {
        self.raw.qualifiers().get(key).map(AsRef::as_ref).filter(|value| !value.is_empty())
    }

    fn namespace(&self) -> Option<&str> {
        self.raw.namespace().filter(|namespace| !namespace.is_empty())
    }

    fn version(&self) -> String {
        let version = self.raw.version().unwrap_or("");
        match self.qualifier("epoch") {
            Some(epoch) if self.kind == "rpm" && !version.is_empty() && !version.contains(':') => {
                format!("{epoch}:{version}")
            }
            _ => version.to_owned(),
        }
    }

    fn name(&self, stream: Option<&Stream>) -> String {
        let name = self.raw.name();
        let joined = match (self.kind.as_str(), self.namespace()) {
            ("deb" | "rpm" | "apk" | "alpm" | "bitnami" | "oci" | "docker", _) | (_, None) => name.to_owned(),
            ("maven", Some(group)) => format!("{group}:{name}"),
            (_, Some(namespace)) => format!("{namespace}/{name}"),
        };
        stream.map_or(joined.clone(), |stream| stream.normalise_name(&joined))
    }

    fn kind(&self, name: &str) -> ComponentKind {
        match self.kind.as_str() {
            "deb" | "rpm" | "apk" | "alpm" => package_kind(name),
            "oci" | "docker" => ComponentKind::Container,
            "generic" | "github" | "bitnami" => ComponentKind::Application,
            _ => ComponentKind::Library,
        }
    }

    fn stream(&self) -> Option<Stream> {
        let language = |family: &str| Some(Stream::language(family));
        match self.kind.as_str() {
            "deb" | "rpm" | "apk" | "alpm" => self.distribution(),
            "cargo" => language("crates.io"),
            "npm" => language("npm"),
            "pypi" => language("pypi"),
            "golang" => language("go"),
            "maven" => language("maven"),
            "gem" => language("rubygems"),
            "composer" => language("packagist"),
            "nuget" => language("nuget"),
            "hex" => language("hex"),
            "pub" => language("pub"),
            "bitnami" => language("bitnami"),
            "hackage" => language("hackage"),
            "cran" => language("cran"),
            _ => None,
        }
    }

    /// The stream of a distribution's package: its `distro` qualifier, else
    /// the release tag inside an rpm version (Red Hat writes no `distro`).
    fn distribution(&self) -> Option<Stream> {
        let namespace = self.namespace().unwrap_or("").to_ascii_lowercase();
        let family = match (self.kind.as_str(), namespace.as_str()) {
            ("deb", "") => "debian",
            ("apk", "") => "alpine",
            ("alpm", "" | "archlinux") => "arch",
            (_, other) => other,
        };
        if let Some(distro) = self.qualifier("distro") {
            return stream_of_distro(family, distro);
        }
        match self.kind.as_str() {
            "alpm" => OperatingSystem::stream_of(family, "", None),
            "apk" => OperatingSystem::stream_of(os_id(family)?, "", None),
            "rpm" => stream_of_release(os_id(family)?, self.raw.version()?),
            _ => None,
        }
    }

    /// Source name and version, from `upstream` or the package's own.
    fn source(&self, name: &str) -> (Option<String>, Option<String>) {
        let version = self.version();
        let own = || (!version.is_empty()).then(|| without_binary_rebuild(&self.kind, &version).to_owned());
        match (self.kind.as_str(), self.qualifier("upstream").or_else(|| self.qualifier("source"))) {
            ("rpm", Some(file)) => match source_of_rpm(file) {
                Some((source, version)) => (Some(source), Some(version)),
                None => (Some(file.to_owned()), own()),
            },
            ("deb" | "apk" | "alpm", Some(upstream)) => match upstream.split_once('@') {
                Some((source, version)) => (Some(source.to_owned()), Some(version.to_owned())),
                None => (Some(upstream.to_owned()), own()),
            },
            ("deb" | "apk" | "alpm", None) => (Some(name.to_owned()), own()),
            ("rpm", None) if self.qualifier("arch") == Some("src") => (Some(name.to_owned()), own()),
            _ => (None, None),
        }
    }
}

/// Splits the file name of a source rpm, `openssl-3.0.7-18.el9.src.rpm`, into
/// name and version; none when it is not one.
pub(crate) fn source_of_rpm(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some((name.to_owned(), format!("{version}-{release}")))
}

/// Takes Debian's binary-only rebuild suffix (`+b1`) off a version, which its
/// source version does not carry.
pub(crate) fn without_binary_rebuild<'a>(kind: &str, version: &'a str) -> &'a str {
    if kind != "deb" {
        return version;
    }
    match version.rsplit_once("+b") {
        Some((rest, count)) if !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => version,
    }
}

/// Tells kernels and their build material from other packages by name.
fn package_kind(name: &str) -> ComponentKind {
    let headers = ["linux-headers-", "linux-kbuild-", "linux-libc-dev", "kernel-headers", "kernel-devel"];
    let images = ["linux-image-", "kernel-core", "kernel-rt-core", "kernel-default", "linux-lts", "linux-virt"];
    if headers.iter().any(|start| name.starts_with(start)) {
        ComponentKind::KernelHeaders
    } else if matches!(name, "kernel" | "kernel-rt") || images.iter().any(|start| name.starts_with(start)) {
        ComponentKind::Kernel
    } else {
        ComponentKind::Package
    }
}

/// `ID` of os-release for the names that package URLs use for a distribution.
fn os_id(family: &str) -> Option<&str> {
    Some(match family {
        "redhat" | "rhel" | "redhat-linux" => "rhel",
        "rocky" | "rocky-linux" | "rockylinux" => "rocky",
        "alma" | "almalinux" => "almalinux",
        "oracle" | "oraclelinux" | "ol" => "ol",
        "amazon" | "amazonlinux" | "amzn" => "amzn",
        "suse" | "sles" | "suse linux enterprise server" | "sle" => "sles",
        "opensuse" | "opensuse-leap" | "opensuse.leap" => "opensuse-leap",
        "opensuse-tumbleweed" | "opensuse.tumbleweed" => "opensuse-tumbleweed",
        "arch" | "archlinux" => "arch",
        "azurelinux" | "mariner" | "cbl-mariner" => "azurelinux",
        "debian" | "ubuntu" | "raspbian" | "kali" | "centos" | "fedora" | "alpine" | "wolfi" | "chainguard"
        | "openeuler" | "mageia" | "photon" | "sled" | "sles_sap" | "manjaro" => family,
        _ => return None,
    })
}

/// Works out the stream from a `distro` qualifier: `debian-12`, `12`,
/// `bookworm`, `alpine-v3.18.4`, `esm-infra/xenial`.
///
/// The family in the qualifier wins over the namespace, because rebuilds keep
/// the namespace of what they rebuild.
fn stream_of_distro(family: &str, distro: &str) -> Option<Stream> {
    let distro = distro.to_ascii_lowercase();
    // Ubuntu's Pro archives stand before the codename.
    let distro = distro.rsplit('/').next().unwrap_or(&distro);
    if let Some((id, release)) = release_of_codename(distro) {
        return OperatingSystem::stream_of(id, release, Some(distro));
    }
    if let Some(id) = os_id(distro) {
        return OperatingSystem::stream_of(id, "", None);
    }
    if let Some((name, version)) = distro.rsplit_once('-') {
        if let Some((id, release)) = release_of_codename(version) {
            return OperatingSystem::stream_of(id, release, Some(version));
        }
        if let Some(id) = os_id(name) {
            return OperatingSystem::stream_of(id, version.trim_start_matches('v'), Some(version));
        }
    }
    let version = distro.trim_start_matches('v');
    if version.starts_with(|first: char| first.is_ascii_digit()) {
        return OperatingSystem::stream_of(os_id(family)?, version, None);
    }
    None
}

/// Works out the stream from the release tag of an rpm version: `.el9_2`,
/// `.fc38`, `.amzn2023`.
fn stream_of_release(id: &str, version: &str) -> Option<Stream> {
    let tag = match id {
        "rhel" | "almalinux" | "rocky" | "centos" | "ol" => "el",
        "fedora" => "fc",
        "amzn" => "amzn",
        "mageia" => "mga",
        _ => return None,
    };
    let release = version.rsplit_once('-').map_or(version, |(_, release)| release);
    release.split(['.', '+', '_']).find_map(|part| {
        let digits: String = part.strip_prefix(tag)?.chars().take_while(char::is_ascii_digit).collect();
        OperatingSystem::stream_of(id, &digits, None)
    })
}

/// Releases by codename: (`ID`, `VERSION_ID`); empty version for a rolling one.
///
/// Sources: distro-info-data of Debian and Ubuntu, November 2026.
fn release_of_codename(codename: &str) -> Option<(&'static str, &'static str)> {
    Some(match codename {
        "wheezy" => ("debian", "7"),
        "jessie" => ("debian", "8"),
        "stretch" => ("debian", "9"),
        "buster" => ("debian", "10"),
        "bullseye" => ("debian", "11"),
        "bookworm" => ("debian", "12"),
        "trixie" => ("debian", "13"),
        "forky" => ("debian", "14"),
        "sid" => ("debian", ""),
        "precise" => ("ubuntu", "12.04"),
        "trusty" => ("ubuntu", "14.04"),
        "xenial" => ("ubuntu", "16.04"),
        "bionic" => ("ubuntu", "18.04"),
        "focal" => ("ubuntu", "20.04"),
        "groovy" => ("ubuntu", "20.10"),
        "hirsute" => ("ubuntu", "21.04"),
        "impish" => ("ubuntu", "21.10"),
        "jammy" => ("ubuntu", "22.04"),
        "kinetic" => ("ubuntu", "22.10"),
        "lunar" => ("ubuntu", "23.04"),
        "mantic" => ("ubuntu", "23.10"),
        "noble" => ("ubuntu", "24.04"),
        "oracular" => ("ubuntu", "24.10"),
        "plucky" => ("ubuntu", "25.04"),
        "questing" => ("ubuntu", "25.10"),
        "resolute" => ("ubuntu", "26.04"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(purl: &str) -> String {
        match component_of_purl(purl) {
            Err(problem) => format!("{} {}", problem.code, problem.text),
            Ok(component) => format!(
                "{} | {} | {} | {} | {}@{} | {:?}",
                component.stream.as_ref().map_or("-", Stream::as_str),
                component.name,
                component.version,
                component.arch.as_deref().unwrap_or("-"),
                component.source.as_deref().unwrap_or("-"),
                component.source_version.as_deref().unwrap_or("-"),
                component.kind
            ),
        }
    }

    /// Package URLs as real tools write them, one a line.
    #[test]
    fn every_kind_of_purl_gets_its_stream_name_and_source() {
        let purls = [
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4%2Bb1?arch=amd64&distro=bookworm",
            "pkg:deb/debian/linux-image-6.1.0-13-amd64@6.1.55-1?distro=debian-12.5&upstream=linux-signed-amd64%406.1.55%2B1",
            "pkg:deb/debian/x@1?distro=sid",
            "pkg:deb/debian/x@1",
            "pkg:deb/ubuntu/curl@7.35.0-1ubuntu2.20+esm19?arch=source&distro=esm-infra-legacy/trusty",
            "pkg:deb/ubuntu/curl@8.5.0-2ubuntu10?distro=ubuntu-24.04",
            "pkg:rpm/redhat/openssl@3.0.7-18.el9_2?arch=src",
            "pkg:rpm/redhat/openssl-libs@3.0.7-18.el9_2?arch=x86_64&epoch=1&repository_id=rhel-9-for-x86_64-baseos-rpms",
            "pkg:rpm/almalinux/nodejs@16.1-1.module_el8.5.0+2618+8d46dafd?distro=almalinux-8.5&upstream=nodejs-16.1-1.module_el8.5.0+2618+8d46dafd.src.rpm",
            "pkg:rpm/rocky/bash@5.1.8-6.el9?distro=rocky-9.3",
            "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25",
            "pkg:rpm/opensuse/curl@7.56.1-1.1.?arch=i386&distro=opensuse-tumbleweed",
            "pkg:rpm/opensuse/curl@7.56.1?distro=opensuse-leap-15.5",
            "pkg:rpm/suse/curl@7.56.1?distro=sles-15.5",
            "pkg:rpm/amzn/curl@8.3.0-1.amzn2023.0.2?arch=x86_64",
            "pkg:apk/alpine/libcrypto3@3.1.4-r1?arch=x86_64&distro=alpine-3.18.4&upstream=openssl",
            "pkg:apk/alpine/musl@1.2.4-r2?distro=3.18.4",
            "pkg:apk/wolfi/curl@8.4.0-r0?distro=wolfi",
            "pkg:alpm/arch/pacman@6.0.1-1?arch=x86_64",
            "pkg:npm/%40angular/animation@12.3.1",
            "pkg:npm/@babel/core@7.1.0",
            "pkg:npm/JSONStream@1.3.5",
            "pkg:pypi/Django_Thing.x@1.11.1",
            "pkg:golang/github.com/0xAX/notificator@v0.0.0-2019#sub",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1?type=jar",
            "pkg:gem/rails@7.0.0",
            "pkg:composer/Laravel/Framework@7.12.0",
            "pkg:nuget/Newtonsoft.Json@13.0.1",
            "pkg:cargo/rand@0.7.2",
            "pkg:hex/phoenix@1.7",
            "pkg:pub/http@0.13",
            "pkg:bitnami/wordpress@6.2.0?arch=arm64",
            "pkg:hackage/3d-graphics-examples@0.0.0.2",
            "pkg:cran/A3@1.0.0",
            "pkg:generic/openssl@1.1.10g",
            "pkg:oci/ubi9-container@sha256:2f16?repository_url=registry.redhat.io/ubi9",
            "pkg:github/package-url/purl-spec@244fd47e07d1004",
            "cpe:/a:x",
            "pkg:npm",
            "pkg:npm/%ff@1",
        ];
        let lines: Vec<String> = purls.iter().map(|purl| line(purl)).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_canonical_purl_is_written_and_a_long_one_refused() {
        let component = component_of_purl("pkg:deb/Debian/Curl@7+b1?distro=debian-12&arch=amd64").unwrap();
        assert_eq!(component.purl, "pkg:deb/debian/curl@7%2Bb1?arch=amd64&distro=debian-12");
        let long = format!("pkg:npm/{}", "a".repeat(5000));
        assert_eq!(component_of_purl(&long).unwrap_err().code, "E-PURL");
    }
}
