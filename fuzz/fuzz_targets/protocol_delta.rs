//! Any bytes as a delta, applied to a small report.
#![no_main]

use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::report::Report;
use plimsoll_formats::protocol;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(compressed) = protocol::compress("fuzz", data) else { return };
    let Ok(delta) = protocol::read_delta("fuzz", &compressed) else { return };
    let base = Report {
        schema: Report::SCHEMA.into(),
        agent: String::new(),
        host: Host::default(),
        components: vec![Component { name: "a".into(), ..Component::default() }],
        updates: None,
        offered: Vec::new(),
        problems: Vec::new(),
    };
    let digest = delta.base.clone();
    let _ = protocol::apply_delta(&base, &digest, delta);
});
