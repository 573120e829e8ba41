use super::*;
use crate::test_data;

fn supports(read: impl FnOnce(&mut dyn FnMut(Fact)) -> Result<Reading, Problem>) -> (Vec<SupportWindow>, Reading) {
    let mut out = Vec::new();
    let reading = read(&mut |fact| {
        if let Fact::Support(window) = fact {
            out.push(window);
        }
    })
    .expect("readable");
    (out, reading)
}

fn day(text: &str) -> Option<Date> {
    Some(text.parse().unwrap())
}

#[test]
fn debian_12_is_the_same_in_every_source() {
    let Some(data) = test_data::folder() else { return };
    let read = |name: &str| std::fs::read(data.join("endoflife").join(name)).unwrap();
    let (rows, reading) = supports(|sink| distro_info("debian.csv", "debian", &read("distro-info-data/debian.csv"), sink));
    assert_eq!((reading.records, reading.rejected), (22, 0));
    let expected = SupportWindow {
        product: "debian".into(),
        release: "12".into(),
        codename: Some("Bookworm".into()),
        released: day("2023-06-10"),
        ends: day("2026-07-11"),
        long_term_ends: day("2028-06-30"),
        extended_ends: day("2033-06-30"),
    };
    assert_eq!(rows.iter().find(|row| row.release == "12"), Some(&expected));
    let without_elts = SupportWindow { extended_ends: None, ..expected };
    for (name, products_in_it) in [("products-frontmatter.zip", 464), ("release-data-releases.zip", 146)] {
        let (rows, reading) = supports(|sink| products(name, &read(name), sink));
        assert_eq!(reading.rejected, 0, "{name}: {:?}", reading.problems);
        let names: std::collections::BTreeSet<_> = rows.iter().map(|row| row.product.as_str()).collect();
        assert!(names.len() + 10 >= products_in_it, "{name}: {}", names.len());
        for product in ["almalinux", "rocky", "rhel", "ubuntu", "alpine", "fedora", "sles", "opensuse-leap", "amazon"] {
            assert!(name.starts_with("release") || names.contains(product), "{name} lacks {product}");
        }
        assert_eq!(rows.iter().find(|row| row.product == "debian" && row.release == "12"), Some(&without_elts), "{name}");
    }
    let (rows, _) = supports(|sink| distro_info("ubuntu.csv", "ubuntu", &read("distro-info-data/ubuntu.csv"), sink));
    let resolute = rows.iter().find(|row| row.release == "26.04").unwrap();
    assert_eq!((resolute.ends, resolute.extended_ends), (day("2031-05-29"), day("2038-04-27")));
}

#[test]
fn package_support_lists_read() {
    let Some(data) = test_data::folder() else { return };
    let read = |name: &str| std::fs::read(data.join("endoflife/debian-security-support").join(name)).unwrap();
    let mut taken = Vec::new();
    let reading = support_ended("ended", "12", &read("security-support-ended.deb12"), &mut |fact| taken.push(fact)).unwrap();
    assert_eq!((reading.records, reading.rejected), (16, 0));
    let horde = PackageSupport {
        stream: Stream::release("debian", "12"),
        source: "php-horde.*".into(),
        last_version: Some("0".into()),
        ended: day("2025-03-22"),
        text: "https://lists.debian.org/debian-lts/2025/03/msg00012.html; incompatible with PHP8".into(),
    };
    assert!(taken.contains(&Fact::PackageSupport(horde)), "{taken:?}");
    let reading = support_limited("limited", "12", &read("security-support-limited"), &mut |_| ()).unwrap();
    assert!(reading.records > 25 && reading.rejected == 0);
    let reading = support_ended("ended", "12", b"a 1\n# x\nb 2 2024-01-01 words\n", &mut |_| ()).unwrap();
    assert_eq!((reading.records, reading.rejected), (1, 1));
}

#[test]
fn hostile_documents_end_in_a_problem() {
    let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = format!("*a{},", level - 1).repeat(9);
        laughs.push_str(&format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(',')));
    }
    laughs.push_str("releases: *a11\n");
    for text in [laughs.as_str(), "", "releases:\n - [", "releases: {{{", "---\nreleases: [\n---\n"] {
        assert!(product_page("page", "x", text.as_bytes(), &mut |_| ()).is_err(), "{}", &text[..text.len().min(40)]);
    }
    assert!(product_page("page", "x", b"\xff", &mut |_| ()).is_err());
    assert!(product_data("data", "x", b"{\"releases\":[[[[", &mut |_| ()).is_err());
    assert!(distro_info("csv", "debian", b"\xff\n", &mut |_| ()).is_err());
    assert!(products("zip", b"PK\x03\x04", &mut |_| ()).is_err());
}
