//! How the agent runs: what its settings file and its command line say.

use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the helper is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HelperAt {
    /// A Unix socket.
    Socket(PathBuf),
    /// Standard input is one end of a socket pair: the helper started us.
    StandardInput,
    /// There is none: this process reads the host itself. For tests and for
    /// hosts where only one process may run; it then cannot be sandboxed
    /// tightly and reads what its user may read.
    Here,
}

/// How the agent runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of the server, `https://plimsoll.example`; none takes the one
    /// that the host enrolled with.
    pub server: Option<String>,
    /// Folder of the agent's key and state; made where it is missing.
    pub state: PathBuf,
    /// Where the helper is.
    pub helper: HelperAt,
    /// Name to enrol under; none takes the host's own.
    pub name: Option<String>,
    /// One-time token, for a host that has not enrolled yet.
    pub token: Option<String>,
    /// SHA-256 of the server's root document, as the join command names it.
    pub root_digest: Option<String>,
    /// Certificate authorities that the server's certificate may come from,
    /// PEM; none takes the system's.
    pub ca_file: Option<PathBuf>,
    /// Certificate of this host with its chain, PEM, for a server that asks
    /// for one; read when the agent starts.
    pub client_certificate_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub client_key_file: Option<PathBuf>,
    /// Proxy, `http://user:password@proxy:3128`; none reads `HTTPS_PROXY` and
    /// its kin.
    pub proxy: Option<String>,
    /// Hosts reached without the proxy, comma-separated; beside `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// Whether plain http may be spoken to hosts other than this one.
    pub allow_http: bool,
    /// Whether to look for language components too.
    pub languages: bool,
    /// Longest time between two full inventories of a host that does not seem
    /// to change.
    pub full_every: Duration,
    /// Whether to give up what is not needed (Landlock, seccomp, capabilities).
    pub sandbox: bool,
}

impl Options {
    /// State folder of the packaged agent.
    pub const STATE: &'static str = "/var/lib/plimsoll-agent";
    /// Socket of the packaged helper.
    pub const SOCKET: &'static str = "/run/plimsoll/helper.sock";
    /// Settings of the packaged agent.
    pub const SETTINGS: &'static str = "/etc/plimsoll/agent.toml";
}

impl Default for Options {
    /// The packaged agent: its own folders, two full inventories a day.
    fn default() -> Self {
        Self {
            server: None,
            state: PathBuf::from(Self::STATE),
            helper: HelperAt::Socket(PathBuf::from(Self::SOCKET)),
            name: None,
            token: None,
            root_digest: None,
            ca_file: None,
            client_certificate_file: None,
            client_key_file: None,
            proxy: None,
            no_proxy: None,
            allow_http: false,
            languages: true,
            full_every: Duration::from_secs(12 * 3600),
            sandbox: true,
        }
    }
}

/// The settings file, TOML; every key may be left out.
///
/// No key holds a secret but `proxy`, whose password makes the file one for
/// its owner's eyes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// [`Options::server`].
    pub server: Option<String>,
    /// [`Options::name`].
    pub name: Option<String>,
    /// [`Options::ca_file`].
    pub ca_file: Option<PathBuf>,
    /// [`Options::client_certificate_file`].
    pub client_certificate_file: Option<PathBuf>,
    /// [`Options::client_key_file`].
    pub client_key_file: Option<PathBuf>,
    /// [`Options::proxy`].
    pub proxy: Option<String>,
    /// [`Options::no_proxy`].
    pub no_proxy: Option<String>,
    /// [`Options::allow_http`].
    pub allow_http: Option<bool>,
    /// [`Options::languages`].
    pub languages: Option<bool>,
    /// Hours of [`Options::full_every`], 1 to 168.
    pub full_every_hours: Option<u8>,
}

impl Settings {
    /// Reads the file; an absent one says nothing.
    ///
    /// # Errors
    ///
    /// `E-SETTINGS` for a file that cannot be read or understood; a setting
    /// that is misspelt must not be passed over.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let Some(bytes) = crate::state::read(path, 64 << 10)? else { return Ok(Self::default()) };
        let wrong = |text: String| Problem::new("E-SETTINGS", path.to_string_lossy(), text, "correct the file");
        let text = std::str::from_utf8(&bytes).map_err(|error| wrong(format!("is not UTF-8: {error}")))?;
        let settings: Self = toml::from_str(text).map_err(|error| wrong(format!("cannot be understood: {}", error.message())))?;
        match settings.full_every_hours {
            Some(hours) if !(1..=168).contains(&hours) => Err(wrong(format!("has full_every_hours = {hours}, allowed are 1 to 168"))),
            _ => Ok(settings),
        }
    }

    /// Puts the settings under what the command line already says.
    pub fn fill(self, options: &mut Options) {
        let Self { server, name, ca_file, client_certificate_file, client_key_file, proxy, no_proxy, allow_http, languages, full_every_hours } = self;
        options.server = options.server.take().or(server);
        options.name = options.name.take().or(name);
        options.ca_file = options.ca_file.take().or(ca_file);
        options.client_certificate_file = options.client_certificate_file.take().or(client_certificate_file);
        options.client_key_file = options.client_key_file.take().or(client_key_file);
        options.proxy = options.proxy.take().or(proxy);
        options.no_proxy = options.no_proxy.take().or(no_proxy);
        options.allow_http |= allow_http.unwrap_or(false);
        options.languages &= languages.unwrap_or(true);
        if let Some(hours) = full_every_hours {
            options.full_every = Duration::from_secs(u64::from(hours) * 3600);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_fill_what_the_command_line_leaves_and_misspelling_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        assert_eq!(Settings::read(&path).unwrap(), Settings::default());
        std::fs::write(&path, "server = \"https://a\"\nproxy = \"http://p:1\"\nlanguages = false\nfull_every_hours = 6\n").unwrap();
        let mut options = Options { server: Some("https://b".into()), ..Options::default() };
        Settings::read(&path).unwrap().fill(&mut options);
        assert_eq!(options.server.as_deref(), Some("https://b"));
        assert_eq!(options.proxy.as_deref(), Some("http://p:1"));
        assert_eq!((options.languages, options.full_every.as_secs()), (false, 6 * 3600));
        for wrong in ["serverr = \"x\"", "full_every_hours = 0", "server = 1", "\u{0}"] {
            std::fs::write(&path, wrong).unwrap();
            assert_eq!(Settings::read(&path).unwrap_err().code, "E-SETTINGS", "{wrong}");
        }
    }
}
