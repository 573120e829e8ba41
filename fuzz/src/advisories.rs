//! Sources of advisories, of threat data and of support windows.

use plimsoll_formats::advisories::{
    csaf, csaf_provider, cve5, debian, epss, feed, kev, lifecycle, nodejs_wg, nvd, osv, retirejs, secdb, typed, ubuntu, vex,
};

/// Reads any bytes as a CSAF document, a provider's zip and its lists.
pub fn csaf(data: &[u8]) {
    let _ = csaf::advisory("fuzz", data, &mut |_| ());
    let _ = csaf::archive("fuzz", data, &mut |_| ());
    let _ = csaf_provider::metadata("fuzz", data);
    let _ = csaf_provider::rolie("fuzz", data);
    let _ = csaf_provider::index("fuzz", data);
    let _ = csaf_provider::changes("fuzz", data);
}

/// Reads any bytes as a CVE record, a zip of them, or a page of NVD.
pub fn cve5(data: &[u8]) {
    let _ = cve5::record("fuzz", data, &mut |_| ());
    let _ = cve5::archive("fuzz", data, &mut |_| ());
    let _ = nvd::page("fuzz", data, &mut |_| ());
}

/// Reads any bytes as the Debian tracker's JSON or Ubuntu's notices.
pub fn debian_json(data: &[u8]) {
    let _ = debian::tracker("fuzz", data, &mut |_| ());
    let _ = ubuntu::notices("fuzz", data, &mut |_| ());
}

/// Reads any bytes as a DSA or DLA list.
pub fn debian_list(data: &[u8]) {
    let _ = debian::list("fuzz", data, &mut |_| ());
}

/// Reads any bytes as EPSS scores.
pub fn epss(data: &[u8]) {
    let _ = epss::scores("fuzz", data, &mut |_| ());
}

/// Reads any bytes as an RSS or Atom feed.
pub fn feed_xml(data: &[u8]) {
    let _ = feed::feed("fuzz", data, &mut |_| ());
}

/// Reads any bytes as the catalogue of known exploited vulnerabilities.
pub fn kev(data: &[u8]) {
    let _ = kev::json("fuzz", data, &mut |_| ());
    let _ = kev::csv("fuzz", data, &mut |_| ());
}

/// Reads any bytes as any of the support lists.
pub fn lifecycle(data: &[u8]) {
    let _ = lifecycle::product_page("fuzz", "product", data, &mut |_| ());
    let _ = lifecycle::product_data("fuzz", "product", data, &mut |_| ());
    let _ = lifecycle::products("fuzz", data, &mut |_| ());
    let _ = lifecycle::distro_info("fuzz", "debian", data, &mut |_| ());
    let _ = lifecycle::support_ended("fuzz", "12", data, &mut |_| ());
    let _ = lifecycle::support_limited("fuzz", "12", data, &mut |_| ());
}

/// Reads any bytes as an OSV record, a zip or a tarball of them.
pub fn osv(data: &[u8]) {
    let _ = osv::record("fuzz", data, &mut |_| ());
    let _ = osv::archive("fuzz", data, &mut |_| ());
    let _ = osv::tarball("fuzz", data, &mut |_| ());
}

/// Reads any bytes as an Alpine security database.
pub fn secdb(data: &[u8]) {
    let _ = secdb::secdb("fuzz", data, &mut |_| ());
}

/// Reads any bytes as advisories typed in by hand, and as the JavaScript databases.
pub fn typed_advisory(data: &[u8]) {
    let _ = typed::advisories("fuzz", data, &mut |_| ());
    let _ = retirejs::repository("fuzz", data, &mut |_| ());
    for part in [nodejs_wg::Part::Npm, nodejs_wg::Part::Core] {
        let _ = nodejs_wg::record("fuzz", part, "1", data, &mut |_| ());
        let _ = nodejs_wg::archive("fuzz", part, data, &mut |_| ());
    }
}

/// Reads VEX documents: OpenVEX and CycloneDX.
pub fn vex(data: &[u8]) {
    let _ = vex::openvex("fuzz", data, &mut |_| ());
    let _ = vex::cyclonedx_vex("fuzz", data, &mut |_| ());
}
