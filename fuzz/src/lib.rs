//! What each fuzz target does with its bytes.
//!
//! The targets of libFuzzer in `fuzz_targets/` and the test that replays the
//! kept corpora on any toolchain call the same functions, so that an input
//! that once broke a parser turns `cargo test` red when it does so again.
#![forbid(unsafe_code)]

pub mod advisories;
pub mod components;
pub mod decisions;
pub mod packages;
pub mod protocol;
pub mod scanners;

/// Reads bytes in every way that a target holds; panics where one is wrong.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus and of its file
/// in `fuzz_targets/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("advisory_db", decisions::advisory_db),
    ("apk_installed", packages::apk_installed),
    ("apt_packages", packages::apt_packages),
    ("apt_preferences", packages::apt_preferences),
    ("apt_release", packages::apt_release),
    ("apt_sources", packages::apt_sources),
    ("csaf", advisories::csaf),
    ("cve5", advisories::cve5),
    ("deb", packages::deb),
    ("debian_json", advisories::debian_json),
    ("debian_list", advisories::debian_list),
    ("decision_table", decisions::decision_table),
    ("dpkg_status", packages::dpkg_status),
    ("epss", advisories::epss),
    ("feed_xml", advisories::feed_xml),
    ("feeds_cache_manifest", decisions::feeds_cache_manifest),
    ("feeds_sources_toml", decisions::feeds_sources_toml),
    ("feeds_repositories_toml", decisions::feeds_repositories_toml),
    ("frozen_set", packages::frozen_set),
    ("go_binary", components::go_binary),
    ("jar", components::jar),
    ("kev", advisories::kev),
    ("lifecycle", advisories::lifecycle),
    ("lockfile", components::lockfile),
    ("openpgp", packages::openpgp),
    ("os_release", packages::os_release),
    ("osv", advisories::osv),
    ("pacman_desc", packages::pacman_desc),
    ("policy_toml", decisions::policy_toml),
    ("primary", packages::primary),
    ("protocol_delta", protocol::delta),
    ("protocol_messages", protocol::messages),
    ("protocol_report", protocol::report),
    ("roster", decisions::roster),
    ("rpm_file", packages::rpm_file),
    ("rpm_header", packages::rpm_header),
    ("rpm_ndb", packages::rpm_ndb),
    ("rpm_sqlite", packages::rpm_sqlite),
    ("sbom", components::sbom),
    ("scanner_grype", scanners::grype),
    ("scanner_openscap", scanners::openscap),
    ("scanner_osv", scanners::osv),
    ("scanner_trivy", scanners::trivy),
    ("secdb", advisories::secdb),
    ("trust_key", protocol::key_file),
    ("trust_package", protocol::package),
    ("trust_root", protocol::root),
    ("typed_advisory", advisories::typed_advisory),
    ("updateinfo", packages::updateinfo),
    ("version_compare", decisions::version_compare),
    ("vex", advisories::vex),
    ("work_log", decisions::work_log),
];
