//! Any bytes as any of the support lists.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::lifecycle::product_page("fuzz", "product", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::lifecycle::product_data("fuzz", "product", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::lifecycle::products("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::lifecycle::distro_info("fuzz", "debian", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::lifecycle::support_ended("fuzz", "12", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::lifecycle::support_limited("fuzz", "12", data, &mut |_| ());
});
