//! The **settings file** of a server: what is too long for a command line, or
//! belongs under version control. TOML; a word that is not known is an error,
//! because a setting that is misspelt must not be passed over.
//!
//! No secret stands in it: it names the file or the environment variable that
//! holds one. Paths are taken from the file's own folder.

mod outside_alerts;

use crate::identity::oidc::{ClientSecret, GroupGrant, Provider, SignIn, check};
use crate::identity::role::Role;
use crate::outward::{Allowed, Outward, host_and_port};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Name of the file in the data folder.
pub const NAME: &str = "settings.toml";

/// Largest file; a hundred providers with a thousand groups stay below it.
const LIMIT: u64 = 1 << 20;
/// Largest file with a secret.
const SECRET_LIMIT: u64 = 64 << 10;

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Identity providers, and how they are reached.
    pub sign_in: SignIn,
    /// Monitoring that the gates of rollouts ask, and how it is reached.
    pub outside_alerts: crate::outside_alerts::Settings,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sign_in: SignInTable,
    #[serde(default)]
    outside_alerts: outside_alerts::Table,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SignInTable {
    ca_file: Option<Spanned<PathBuf>>,
    proxy: Option<Spanned<String>>,
    #[serde(default)]
    allow_inward: Vec<Spanned<String>>,
    #[serde(default)]
    provider: Vec<Spanned<ProviderTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderTable {
    name: String,
    title: Option<String>,
    issuer: String,
    client_id: String,
    client_secret_file: Option<Spanned<PathBuf>>,
    client_secret_variable: Option<Spanned<String>>,
    #[serde(default)]
    scopes: Vec<String>,
    groups_claim: Option<String>,
    #[serde(default)]
    group: Vec<GroupTable>,
    #[serde(default)]
    create_accounts: bool,
    #[serde(default)]
    trust_email: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    group: String,
    role: Role,
    client: Option<String>,
    host_group: Option<Spanned<String>>,
}

/// Reads the environment; a parameter, so that tests can say what stands there.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The settings that `named` or the data folder hold; an absent file in the
/// data folder says nothing.
///
/// # Errors
///
/// As [`read`].
pub fn find(named: Option<&Path>, data: &Path) -> Result<Settings, Problem> {
    let own = data.join(NAME);
    let file = match named {
        Some(file) => file,
        None if own.exists() => &own,
        None => return Ok(Settings::default()),
    };
    read(file, &|name| std::env::var(name).ok())
}

/// Reads a settings file and the secrets that it names.
///
/// # Errors
///
/// `E-SETTINGS` with file, line and column: what cannot be read or understood,
/// a secret that is missing, a provider that cannot be used.
pub fn read(file: &Path, environment: Environment<'_>) -> Result<Settings, Problem> {
    let shown = file.display().to_string();
    let text = read_text(file, LIMIT).map_err(|why| Problem::new("E-SETTINGS", &shown, why, "name a settings file with `--settings`"))?;
    let reading = Reading { shown: &shown, text: &text, folder: file.parent().unwrap_or(Path::new("")), environment };
    let parsed: File = toml::from_str(&text).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        reading.problem(&at, error.message().trim_end().replace('\n', "; "), "correct the file; docs/guide/sign-in.md and docs/guide/outside-alerts.md list every setting")
    })?;
    Ok(Settings { sign_in: reading.sign_in(parsed.sign_in)?, outside_alerts: reading.outside_alerts(parsed.outside_alerts)? })
}

struct Reading<'a> {
    shown: &'a str,
    text: &'a str,
    folder: &'a Path,
    environment: Environment<'a>,
}

impl Reading<'_> {
    /// `FILE:LINE:COLUMN` of a place in the text.
    fn place(&self, at: &Range<usize>) -> String {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().unwrap_or(before).chars().count();
        format!("{}:{line}:{column}", self.shown)
    }

    fn problem(&self, at: &Range<usize>, text: impl Into<String>, next: &str) -> Problem {
        Problem::new("E-SETTINGS", self.place(at), text, next)
    }

    /// How a section's servers are reached.
    fn allowed(&self, authority: Option<&Spanned<PathBuf>>, proxy: Option<&Spanned<String>>, inward: &[Spanned<String>]) -> Result<(Allowed, Outward), Problem> {
        let mut allowed = Allowed::default();
        for text in inward {
            let pair = host_and_port(text.get_ref());
            allowed.inward.insert(pair.ok_or_else(|| {
                self.problem(&text.span(), "allow_inward: this is no host and port", "write HOST:PORT, as in the address: idp.corp.example:443")
            })?);
        }
        if let Some(file) = authority {
            allowed.authorities.push(self.folder.join(file.get_ref()));
            Outward::new(allowed.clone()).map_err(|why| self.problem(&file.span(), format!("ca_file: {why}"), "name a PEM file with the certificate of your authority"))?;
        }
        if let Some(proxy) = proxy {
            allowed.proxy = Some(proxy.get_ref().clone());
        }
        let proxy = proxy.map_or(0..0, Spanned::span);
        // The address may carry a password, so it is not shown.
        let outward = Outward::new(allowed.clone()).map_err(|_| self.problem(&proxy, "proxy: this is not the address of an http or https proxy", "write http://HOST:PORT"))?;
        Ok((allowed, outward))
    }

    fn sign_in(&self, table: SignInTable) -> Result<SignIn, Problem> {
        let (allowed, outward) = self.allowed(table.ca_file.as_ref(), table.proxy.as_ref(), &table.allow_inward)?;
        let mut providers = Vec::<Provider>::new();
        for entry in table.provider {
            let at = entry.span();
            let provider = self.provider(entry.into_inner(), &at)?;
            let twice = providers.iter().any(|other| other.name == provider.name);
            let sound = if twice { Err(format!("the provider {} is named twice", provider.name)) } else { check(&outward, &provider) };
            sound.map_err(|why| self.problem(&at, why, "correct this provider; an issuer inside also needs `allow_inward`"))?;
            providers.push(provider);
        }
        Ok(SignIn { allowed, providers })
    }

    fn provider(&self, table: ProviderTable, at: &Range<usize>) -> Result<Provider, Problem> {
        let client_secret = self.secret("client_secret", table.client_secret_file.as_ref(), table.client_secret_variable.as_ref())?;
        let mut groups = Vec::new();
        for entry in table.group {
            if let (None, Some(group)) = (&entry.client, &entry.host_group) {
                return Err(self.problem(&group.span(), "a role for a group of hosts needs its client", "add `client = \"…\"`"));
            }
            groups.push(GroupGrant { group: entry.group, role: entry.role, client: entry.client, host_group: entry.host_group.map(Spanned::into_inner) });
        }
        if groups.is_empty() && table.create_accounts {
            return Err(self.problem(at, "create_accounts makes accounts without any role", "map a group to a role: [[sign_in.provider.group]]"));
        }
        Ok(Provider {
            title: table.title.unwrap_or_else(|| table.name.clone()),
            name: table.name,
            issuer: table.issuer,
            client_id: table.client_id,
            client_secret,
            scopes: table.scopes,
            groups_claim: table.groups_claim.unwrap_or_else(|| "groups".to_owned()),
            groups,
            create: table.create_accounts,
            trust_email: table.trust_email,
        })
    }

    /// A secret that the keys `NAME_file` or `NAME_variable` say where to find.
    fn secret(&self, name: &str, file: Option<&Spanned<PathBuf>>, variable: Option<&Spanned<String>>) -> Result<Option<ClientSecret>, Problem> {
        match (file, variable) {
            (None, None) => Ok(None),
            (Some(file), None) => self.secret_file(name, file).map(Some),
            (None, Some(variable)) => self.secret_variable(name, variable).map(Some),
            (Some(_), Some(second)) => {
                Err(self.problem(&second.span(), format!("{} is given twice", name.replace('_', " ")), &format!("keep {name}_file or {name}_variable")))
            }
        }
    }

    fn secret_file(&self, name: &str, file: &Spanned<PathBuf>) -> Result<ClientSecret, Problem> {
        let path = self.folder.join(file.get_ref());
        let bad = |why: String| self.problem(&file.span(), format!("{name}_file {}: {why}", path.display()), "name a file that holds the secret and nothing else");
        let text = read_text(&path, SECRET_LIMIT).map_err(bad)?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() || secret.chars().any(char::is_control) {
            return Err(bad("is empty, or holds more than one line".to_owned()));
        }
        Ok(ClientSecret::new(secret.to_owned()))
    }

    fn secret_variable(&self, key: &str, name: &Spanned<String>) -> Result<ClientSecret, Problem> {
        let found = (self.environment)(name.get_ref()).filter(|secret| !secret.is_empty());
        found.map(ClientSecret::new).ok_or_else(|| {
            let text = format!("{key}_variable: the environment has no {}", name.get_ref());
            self.problem(&name.span(), text, &format!("set the variable where the server starts, or name a file with {key}_file"))
        })
    }
}

fn read_text(file: &Path, limit: u64) -> Result<String, String> {
    let found = std::fs::metadata(file).map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("is no file".to_owned());
    }
    if found.len() > limit {
        return Err(format!("has {} bytes, the limit is {limit}", found.len()));
    }
    std::fs::read_to_string(file).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
[sign_in]
ca_file = "ca.pem"
proxy = "http://u:hidden@proxy.corp.example:3128"
allow_inward = ["idp.corp.example:8443"]

[[sign_in.provider]]
name = "corp"
title = "Corp ID"
issuer = "https://idp.corp.example:8443/realms/main"
client_id = "plimsoll"
client_secret_file = "secret"
scopes = ["groups"]
groups_claim = "roles"
create_accounts = true

[[sign_in.provider.group]]
group = "patchers"
role = "operator"
client = "nordwerft"
host_group = "web"

[[sign_in.provider.group]]
group = "audit"
role = "auditor"
"#;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("secret"), "hunter2\n").unwrap();
        folder
    }

    fn read_from(folder: &Path, text: &str) -> Result<Settings, Problem> {
        let file = folder.join(NAME);
        std::fs::write(&file, text).unwrap();
        read(&file, &|name| (name == "THERE").then(|| "from the environment".to_owned()))
    }

    #[test]
    fn a_whole_file_reads_and_shows_no_secret() {
        let folder = folder();
        let settings = read_from(folder.path(), WHOLE).unwrap();
        let provider = &settings.sign_in.providers[0];
        assert_eq!((provider.name.as_str(), provider.title.as_str(), provider.groups_claim.as_str()), ("corp", "Corp ID", "roles"));
        assert_eq!(provider.client_secret, Some(ClientSecret::new("hunter2".to_owned())));
        assert_eq!(provider.groups[0].role, Role::Operator);
        assert_eq!((provider.groups[0].client.as_deref(), provider.groups[0].host_group.as_deref()), (Some("nordwerft"), Some("web")));
        assert_eq!(provider.groups[1], GroupGrant { group: "audit".to_owned(), role: Role::Auditor, client: None, host_group: None });
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("hidden"), "{shown}");
        let variable = WHOLE.replace("client_secret_file = \"secret\"", "client_secret_variable = \"THERE\"");
        let settings = read_from(folder.path(), &variable).unwrap();
        assert_eq!(settings.sign_in.providers[0].client_secret, Some(ClientSecret::new("from the environment".to_owned())));
        assert_eq!(find(None, &folder.path().join("elsewhere")).unwrap(), Settings::default());
        assert_eq!(find(Some(&folder.path().join("none")), folder.path()).unwrap_err().code, "E-SETTINGS");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_never_with_a_secret() {
        let folder = folder();
        std::fs::write(folder.path().join("two-lines"), "hunter2\nhunter3\n").unwrap();
        let cases = [
            ("client_id", "client_idd", "11:1"),
            ("[sign_in]", "[sign_in]\nfriend = 1", "3:1"),
            ("\"operator\"", "\"boss\"", "19:8"),
            ("client_secret_file = \"secret\"", "client_secret = \"hunter2\"", "12:1"),
            ("client_secret_file = \"secret\"", "client_secret_file = \"gone\"", "12:22"),
            ("client_secret_file = \"secret\"", "client_secret_file = \"two-lines\"", "12:22"),
            ("client_secret_file = \"secret\"", "client_secret_variable = \"ABSENT\"", "12:26"),
            ("client_secret_file = \"secret\"", "client_secret_file = \"secret\"\nclient_secret_variable = \"THERE\"", "13:26"),
            ("client = \"nordwerft\"\n", "", "20:14"),
            ("\"idp.corp.example:8443\"", "\"idp.corp.example\"", "5:17"),
            ("\"http://u:hidden@proxy.corp.example:3128\"", "\"gopher://u:hidden@proxy\"", "4:9"),
            ("\"ca.pem\"", "\"secret\"", "3:11"),
            ("\"https://idp.corp.example:8443/realms/main\"", "\"https://10.0.0.5/\"", "7:1"),
            ("\"https://idp.corp.example:8443/realms/main\"", "\"http://idp.public.example/\"", "7:1"),
            ("name = \"corp\"", "name = \"co rp\"", "7:1"),
            ("create_accounts = true", "create_accounts = \"yes\"", "15:19"),
        ];
        for (from, to, place) in cases {
            assert!(WHOLE.contains(from), "{from}");
            let problem = read_from(folder.path(), &WHOLE.replacen(from, to, 1)).unwrap_err();
            let shown = format!("{problem:?}");
            assert!(problem.code == "E-SETTINGS" && problem.place.ends_with(&format!("{NAME}:{place}")), "{to}: {shown}");
            assert!(!shown.contains("hunter") && !shown.contains("hidden"), "{shown}");
        }
        let twice = format!("{WHOLE}\n[[sign_in.provider]]\nname = \"corp\"\nissuer = \"https://other.example\"\nclient_id = \"p\"\n");
        assert!(read_from(folder.path(), &twice).unwrap_err().text.contains("named twice"));
    }
}
