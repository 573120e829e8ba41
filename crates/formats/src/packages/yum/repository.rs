//! Repository definitions (`/etc/yum.repos.d/*.repo`, `/etc/zypp/repos.d/`)
//! and enabled module streams (`/etc/dnf/modules.d/*.module`).

use super::super::{ini, without_credentials};
use plimsoll_core::model::problem::Problem;

/// One repository as defined; variables (`$releasever`, `$basearch`) are left
/// as written, because only dnf on the host knows their values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct YumRepository {
    /// Id: name of the section.
    pub id: String,
    /// `name`
    pub name: String,
    /// `baseurl`, without credentials.
    pub addresses: Vec<String>,
    /// `mirrorlist`, without credentials.
    pub mirrorlist: Option<String>,
    /// `metalink`, without credentials.
    pub metalink: Option<String>,
    /// `enabled`; on where not said.
    pub enabled: bool,
    /// `gpgcheck`; none where the file leaves it to the main configuration.
    pub gpgcheck: Option<bool>,
    /// `repo_gpgcheck`
    pub repo_gpgcheck: Option<bool>,
    /// `sslverify`
    pub sslverify: Option<bool>,
    /// `gpgkey`, without credentials.
    pub keys: Vec<String>,
    /// `priority`: lower wins.
    pub priority: Option<i32>,
    /// `exclude`/`excludepkgs`: packages never taken from here.
    pub excluded: Vec<String>,
    /// `module_hotfixes`: its packages go past module filters.
    pub module_hotfixes: bool,
    /// Line of the section, from 1.
    pub line: usize,
}

/// Reads a `.repo` file; a section `main` is configuration and no repository.
pub fn repositories(place: &str, bytes: &[u8]) -> Result<(Vec<YumRepository>, Vec<Problem>), Problem> {
    let (sections, problems) = ini::parse(place, bytes)?;
    let clean = |address: &str| without_credentials(address).into_owned();
    let repositories = sections
        .iter()
        .filter(|section| section.name != "main")
        .map(|section| YumRepository {
            id: section.name.clone(),
            name: section.get("name").unwrap_or("").to_owned(),
            addresses: section.list("baseurl").into_iter().map(clean).collect(),
            mirrorlist: section.get("mirrorlist").map(clean),
            metalink: section.get("metalink").map(clean),
            enabled: section.flag("enabled").unwrap_or(true),
            gpgcheck: section.flag("gpgcheck"),
            repo_gpgcheck: section.flag("repo_gpgcheck"),
            sslverify: section.flag("sslverify"),
            keys: section.list("gpgkey").into_iter().map(clean).collect(),
            priority: section.get("priority").and_then(|priority| priority.parse().ok()),
            excluded: ["exclude", "excludepkgs"].iter().flat_map(|key| section.list(key)).map(str::to_owned).collect(),
            module_hotfixes: section.flag("module_hotfixes").unwrap_or(false),
            line: section.line,
        })
        .collect();
    Ok((repositories, problems))
}

/// State of one module on the host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ModuleState {
    /// Module, `nodejs`.
    pub name: String,
    /// Stream, `18`; empty where none was chosen.
    pub stream: String,
    /// `enabled`, `disabled` or empty (the default stream applies).
    pub state: String,
    /// Installed profiles.
    pub profiles: Vec<String>,
}

impl ModuleState {
    /// `name:stream` where the stream is enabled, as
    /// [`Only::module`](plimsoll_core::model::advisory::Only::module) has it.
    pub fn enabled(&self) -> Option<String> {
        (self.state == "enabled" && !self.stream.is_empty()).then(|| format!("{}:{}", self.name, self.stream))
    }
}

/// Reads a `.module` file.
pub fn modules(place: &str, bytes: &[u8]) -> Result<(Vec<ModuleState>, Vec<Problem>), Problem> {
    let (sections, problems) = ini::parse(place, bytes)?;
    let modules = sections
        .iter()
        .map(|section| ModuleState {
            name: section.get("name").filter(|name| !name.is_empty()).unwrap_or(&section.name).to_owned(),
            stream: section.get("stream").unwrap_or("").to_owned(),
            state: section.get("state").unwrap_or("").to_ascii_lowercase(),
            profiles: section.list("profiles").into_iter().map(str::to_owned).collect(),
        })
        .collect();
    Ok((modules, problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_lose_their_passwords() {
        let file = b"[main]\ngpgcheck=1\n[epel]\nname=Extra $releasever\nbaseurl=https://u:p@h/$releasever/$basearch/\n   http://mirror/x\nenabled=0\ngpgcheck=no\nrepo_gpgcheck=1\ngpgkey=file:///a https://k:s@h/b\npriority=5\nexcludepkgs=kernel*, nginx\n[zypp]\nautorefresh=1\nbaseurl=dir:/srv\n";
        let (repositories, problems) = repositories("x.repo", file).unwrap();
        assert_eq!(problems, []);
        insta::assert_debug_snapshot!(repositories, @r#"
        [
            YumRepository {
                id: "epel",
                name: "Extra $releasever",
                addresses: [
                    "https://h/$releasever/$basearch/",
                    "http://mirror/x",
                ],
                mirrorlist: None,
                metalink: None,
                enabled: false,
                gpgcheck: Some(
                    false,
                ),
                repo_gpgcheck: Some(
                    true,
                ),
                sslverify: None,
                keys: [
                    "file:///a",
                    "https://h/b",
                ],
                priority: Some(
                    5,
                ),
                excluded: [
                    "kernel*",
                    "nginx",
                ],
                module_hotfixes: false,
                line: 3,
            },
            YumRepository {
                id: "zypp",
                name: "",
                addresses: [
                    "dir:/srv",
                ],
                mirrorlist: None,
                metalink: None,
                enabled: true,
                gpgcheck: None,
                repo_gpgcheck: None,
                sslverify: None,
                keys: [],
                priority: None,
                excluded: [],
                module_hotfixes: false,
                line: 13,
            },
        ]
        "#);
    }

    #[test]
    fn enabled_module_streams() {
        let (modules, _) = modules("nodejs.module", b"[nodejs]\nname=nodejs\nstream=18\nprofiles=common, minimal\nstate=enabled\n[perl]\nstream=\nstate=disabled\n").unwrap();
        assert_eq!(modules.iter().map(ModuleState::enabled).collect::<Vec<_>>(), [Some("nodejs:18".to_owned()), None]);
        assert_eq!(modules[0].profiles, ["common", "minimal"]);
    }
}
