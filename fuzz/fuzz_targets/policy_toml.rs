#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::policy;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(set) = policy::load("policy.toml", text, &|_| None) {
        for policy in &set.policies {
            let _ = policy::lint(policy);
        }
    }
});
