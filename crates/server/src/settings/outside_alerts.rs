//! `[outside_alerts]`: monitoring that the gates of rollouts ask.

use super::Reading;
use crate::outside_alerts::{Credentials, Kind, Settings, Source, check};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use std::path::PathBuf;
use toml::Spanned;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    ca_file: Option<Spanned<PathBuf>>,
    proxy: Option<Spanned<String>>,
    #[serde(default)]
    allow_inward: Vec<Spanned<String>>,
    #[serde(default)]
    source: Vec<Spanned<SourceTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    name: String,
    kind: Kind,
    url: String,
    token_file: Option<Spanned<PathBuf>>,
    token_variable: Option<Spanned<String>>,
    user: Option<String>,
    password_file: Option<Spanned<PathBuf>>,
    password_variable: Option<Spanned<String>>,
}

impl Reading<'_> {
    pub(super) fn outside_alerts(&self, table: Table) -> Result<Settings, Problem> {
        let (allowed, outward) = self.allowed(table.ca_file.as_ref(), table.proxy.as_ref(), &table.allow_inward)?;
        let mut sources = Vec::<Source>::new();
        for entry in table.source {
            let at = entry.span();
            let bad = |why: String| self.problem(&at, why, "correct this source; one inside also needs `allow_inward`");
            let entry = entry.into_inner();
            let token = self.secret("token", entry.token_file.as_ref(), entry.token_variable.as_ref())?;
            let password = self.secret("password", entry.password_file.as_ref(), entry.password_variable.as_ref())?;
            let credentials = match (token, entry.user, password) {
                (None, None, None) => Credentials::None,
                (Some(token), None, None) => Credentials::Token(token),
                (None, Some(user), Some(password)) if !user.contains(':') && !user.chars().any(char::is_control) => Credentials::Password(user, password),
                _ => return Err(bad("a source proves who asks by a token, or by `user` and a password".to_owned())),
            };
            let source = Source { name: entry.name, kind: entry.kind, url: entry.url, credentials };
            check(&outward, &source).map_err(bad)?;
            if sources.iter().any(|other| other.name == source.name) {
                return Err(bad(format!("the source {} is named twice", source.name)));
            }
            sources.push(source);
        }
        Ok(Settings { allowed, sources, ..Settings::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NAME, read};
    use crate::outside_alerts::{Credentials, Kind};

    const WHOLE: &str = r#"[outside_alerts]
allow_inward = ["prometheus.corp.example:9090"]
[[outside_alerts.source]]
name = "prometheus"
kind = "prometheus"
url = "http://prometheus.corp.example:9090/base"
token_file = "token"
[[outside_alerts.source]]
name = "pager"
kind = "alertmanager"
url = "https://alerts.example"
user = "plimsoll"
password_variable = "THERE"
"#;

    #[test]
    fn sources_are_read_with_their_secrets_and_shown_without() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        std::fs::write(folder.path().join("token"), "hunter2\n").unwrap();
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            read(&file, &|name| (name == "THERE").then(|| "hunter3".to_owned()))
        };
        let settings = read(WHOLE).unwrap().outside_alerts;
        assert_eq!(settings.sources.iter().map(|source| (source.name.as_str(), source.kind)).collect::<Vec<_>>(), [("prometheus", Kind::Prometheus), ("pager", Kind::Alertmanager)]);
        assert!(matches!(&settings.sources[1].credentials, Credentials::Password(user, _) if user == "plimsoll"));
        assert!(!format!("{settings:?}").contains("hunter"));
        for (from, to, place) in [
            ("allow_inward = [\"prometheus.corp.example:9090\"]", "", "3:1"),
            ("\"prometheus\"\nurl", "\"nagios\"\nurl", "5:8"),
            ("user = \"plimsoll\"\n", "", "8:1"),
            ("\"pager\"", "\"prometheus\"", "8:1"),
            ("\"pager\"", "\"Pa ger\"", "8:1"),
            ("token_file = \"token\"", "token_file = \"gone\"", "7:14"),
            ("https://alerts.example", "https://u:hunter4@alerts.example", "8:1"),
            ("https://alerts.example", "https://alerts.example/?a=b", "8:1"),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let problem = read(&WHOLE.replacen(from, to, 1)).unwrap_err();
            let shown = format!("{problem:?}");
            assert!(problem.code == "E-SETTINGS" && problem.place.ends_with(&format!("{NAME}:{place}")), "{to}: {shown}");
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
}
