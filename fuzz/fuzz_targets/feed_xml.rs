//! Any bytes as an RSS or Atom feed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::feed::feed("fuzz", data, &mut |_| ());
});
