//! Extended support subscriptions that the host shows to be attached.

use crate::root::Root;
use plimsoll_core::model::host::{OperatingSystem, Repository};

/// Reads the subscriptions; none when that cannot be told.
///
/// Ubuntu Pro states them in its own file; on RHEL the enabled repository ids
/// tell (`…-baseos-eus-rpms`). Elsewhere there are none to have.
pub fn read(root: &Root, os: &OperatingSystem, repositories: &[Repository]) -> Option<Vec<String>> {
    match os.id.as_str() {
        "ubuntu" => ubuntu(root, repositories),
        "rhel" => Some(red_hat(root, repositories)),
        _ => None,
    }
}

fn ubuntu(root: &Root, repositories: &[Repository]) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let status = root.read("var/lib/ubuntu-advantage/status.json", 4 << 20).ok().flatten();
    let status = status.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    if let Some(services) = status.as_ref().and_then(|status| status.get("services")?.as_array()) {
        for service in services {
            let text = |key: &str| service.get(key).and_then(|value| value.as_str());
            if text("status") == Some("enabled")
                && let Some(name) = text("name")
            {
                found.push(name.to_owned());
            }
        }
    }
    for repository in repositories {
        let suite = repository.suite.as_deref().or(repository.codename.as_deref()).unwrap_or("");
        for service in ["esm-infra", "esm-apps"] {
            let infix = service.trim_start_matches("esm-");
            if repository.url.contains("esm.ubuntu.com") && suite.contains(&format!("-{infix}-")) {
                found.push(service.to_owned());
            }
        }
    }
    found.sort();
    found.dedup();
    (status.is_some() || !found.is_empty()).then_some(found)
}

/// The words of RHEL's extended-support repository ids.
const RED_HAT: [(&str, &str); 5] =
    [("-eus-", "rhel-eus"), ("-aus-", "rhel-aus"), ("-tus-", "rhel-tus"), ("-e4s-", "rhel-e4s"), ("-els-", "rhel-els")];

fn red_hat(root: &Root, repositories: &[Repository]) -> Vec<String> {
    let mut found: Vec<String> = RED_HAT
        .iter()
        .filter(|(word, _)| repositories.iter().any(|repository| repository.id.contains(word)))
        .map(|(_, name)| (*name).to_owned())
        .collect();
    // A pinned minor release without such a repository still chooses fixes.
    for folder in ["etc/dnf/vars", "etc/yum/vars"] {
        if let Some(release) = root.word(&format!("{folder}/releasever")) {
            found.push(format!("rhel-release-{release}"));
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_come_from_files_and_repository_ids() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let os = |id: &str| OperatingSystem { id: id.into(), ..OperatingSystem::default() };
        assert_eq!(read(&root, &os("debian"), &[]), None);
        assert_eq!(read(&root, &os("ubuntu"), &[]), None);
        let path = folder.path().join("var/lib/ubuntu-advantage");
        std::fs::create_dir_all(&path).unwrap();
        let status = r#"{"services": [{"name": "esm-infra", "status": "enabled"}, {"name": "esm-apps", "status": "disabled"}, 7]}"#;
        std::fs::write(path.join("status.json"), status).unwrap();
        assert_eq!(read(&root, &os("ubuntu"), &[]), Some(vec!["esm-infra".to_owned()]));
        let eus = Repository { id: "rhel-9-for-x86_64-baseos-eus-rpms".into(), ..Repository::default() };
        assert_eq!(read(&root, &os("rhel"), &[eus]), Some(vec!["rhel-eus".to_owned()]));
    }
}
