//! What decisions are made by: versions, policies, the advisory database, the
//! configuration of feeds.

use plimsoll_feeds::catalogue::Catalogue;
use plimsoll_feeds::repositories::Repositories;
use plimsoll_feeds::fetch::NetworkOptions;
use plimsoll_feeds::fetch::additions::Additions;
use plimsoll_formats::advisory_db::read::Database;
use plimsoll_formats::policy;
use plimsoll_version::{Reason, Scheme, compare, key, parse_requirement};

/// Opens any bytes as an advisory database and verifies it.
pub fn advisory_db(data: &[u8]) {
    if let Ok(database) = Database::open(data, "fuzz", None) {
        let _ = database.verify();
    }
}

/// Reads a decision table; every row that it lists is one that it decides.
pub fn decision_table(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(table) = policy::read_table("table.json", text) {
        assert!(table.rows().all(|(values, _)| values.len() == table.inputs().len()));
    }
}

/// Reads a cache manifest that anybody may have written to.
pub fn feeds_cache_manifest(data: &[u8]) {
    let _ = plimsoll_feeds::cache::parse_manifest("fuzz", data);
}

/// Reads an operator's `sources.toml`, as far as it goes into catalogue and network options.
pub fn feeds_sources_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(additions) = Additions::parse("fuzz", text) else { return };
    let mut catalogue = Catalogue::built_in(jiff::civil::date(2026, 11, 22)).expect("the built-in catalogue");
    if additions.apply("fuzz", &mut catalogue, &mut NetworkOptions::default()).is_ok() {
        for entry in catalogue.needed_for(&[], true) {
            let parts = entry.path.split('/');
            assert!(!entry.path.starts_with('/') && parts.clone().all(|part| part != ".."), "{}", entry.path);
        }
    }
}

/// Reads an operator's repositories.
pub fn feeds_repositories_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(repositories) = Repositories::parse("fuzz", text) {
        assert!(repositories.urls().iter().all(|url| url.username().is_empty() && url.host().is_some()));
    }
}

/// Reads and lints a policy.
pub fn policy_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(set) = policy::load("policy.toml", text, &|_| None) {
        let _ = policy::lint(&set);
        let _ = policy::difference(&set, &set);
    }
}

/// Compares a pair of texts as versions.
///
/// The first byte picks the scheme; the rest is two versions with a line break
/// between. Nothing may panic, the order must be antisymmetric, and the keys
/// must agree with it wherever there are keys.
pub fn version_compare(data: &[u8]) {
    let Some((&pick, rest)) = data.split_first() else {
        return;
    };
    let scheme = Scheme::ALL[usize::from(pick) % Scheme::ALL.len()];
    let text = String::from_utf8_lossy(rest);
    let (a, b) = text.split_once('\n').unwrap_or((&text, ""));

    let forward = compare(scheme, a, b);
    let backward = compare(scheme, b, a);
    assert_eq!(
        forward.as_ref().ok().map(|order| order.reverse()),
        backward.ok(),
        "{scheme}: {a:?} {b:?}"
    );

    match (key(scheme, a), key(scheme, b)) {
        // Maven's own order is not transitive, so its keys cannot always agree.
        (Ok(_), Ok(_)) if scheme == Scheme::Maven => {}
        (Ok(key_a), Ok(key_b)) => {
            assert_eq!(Ok(key_a.cmp(&key_b)), forward, "{scheme}: {a:?} {b:?}")
        }
        (Err(error), _) | (_, Err(error)) => {
            let unplaced = matches!(error.reason, Reason::NoTotalOrder { .. });
            assert!(
                forward.is_err() || unplaced,
                "{scheme}: {a:?} {b:?}: {error}"
            );
        }
    }

    for interval in parse_requirement(scheme, a).unwrap_or_default() {
        let _ = interval.contains(scheme, b);
    }
}

/// Any text as the work log of a ticket system.
pub fn work_log(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = plimsoll_formats::work::read(text);
}

/// Any text as a roster; whoever is on it has a name.
pub fn roster(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for member in plimsoll_formats::roster::read(text).into_iter().flatten() {
        assert!(!member.name.trim().is_empty());
    }
}
