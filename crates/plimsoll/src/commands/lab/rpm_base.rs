//! The root of the lab's rpm hosts.
//!
//! No distribution of the rpm family is needed for it: rpm and dnf are
//! Debian's, dpkg is removed, and the packages are two of the lab's own, built,
//! signed and indexed by the real tools. The root calls itself AlmaLinux 9, so
//! that a stream's rules have something to hold on to; nothing in it is
//! AlmaLinux's.

use super::base::{Base, Mirrors};
use super::network::SERVER;
use super::tools::{run, said};
use super::{Stopped, failed, unfinished};
use crate::printer::Failure;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Rises when what is in the root changes, so that an older one is made anew.
const RECIPE: u32 = 1;
/// Tools of the root's, and what builds its packages.
const PACKAGES: &str = "ca-certificates,createrepo-c,dnf,gpg,gpg-agent,iproute2,rpm";
/// What makes a root of them.
const MAKE: &str = include_str!("rpm_base.sh");
/// Its stream.
pub const STREAM: &str = "almalinux:9";

/// A root that is ready, and its repository, which is served while this lives.
#[derive(Debug)]
pub struct RpmBase {
    /// Its folder.
    pub root: PathBuf,
    address: String,
    serves: Child,
}

impl RpmBase {
    /// Makes the root, or takes the one that was made before, and serves its
    /// repository on a port of the lab's own address.
    ///
    /// # Errors
    ///
    /// Where a tool is missing or the mirror cannot be reached; what was begun
    /// is made anew the next time.
    pub fn prepare(cache: &Path, mirrors: &Mirrors, port: u16, say: &dyn Fn(&str), stopped: &Stopped) -> Result<Self, Failure> {
        let root = cache.join(format!("{}-rpm-{RECIPE}", mirrors.codename));
        let ready = cache.join(format!("{}-rpm-{RECIPE}.ready", mirrors.codename));
        if !ready.exists() {
            say("making the base root of the rpm hosts (once on this machine, about a minute)");
            make(cache, &root, mirrors)?;
            std::fs::write(&ready, []).map_err(|error| failed(&ready, &error))?;
        }
        stopped.check()?;
        let address = format!("{SERVER}:{port}");
        let mut serve = Command::new("chroot");
        serve.arg(&root).args(["python3", "-m", "http.server", "--bind", SERVER, "--directory", "/srv/repository", &port.to_string()]);
        let serve = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let serves = serve.map_err(|error| unfinished("the rpm repository", &format!("cannot be served: {error}")))?;
        let base = Self { root, address, serves };
        base.wait()?;
        Ok(base)
    }

    fn wait(&self) -> Result<(), Failure> {
        let began = Instant::now();
        let address: SocketAddr = self.address.parse().map_err(|_| unfinished(&self.address, "is no address"))?;
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            if began.elapsed() > Duration::from_secs(20) {
                return Err(unfinished("the rpm repository", &format!("is not served at {address}: is the port taken?")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Its repository as `plimsoll acquire` takes it.
    pub fn repositories(&self) -> String {
        format!(
            "[[yum]]\nstream = \"{STREAM}\"\nname = \"lab\"\nurl = \"http://{}/\"\narchitectures = [\"noarch\"]\nkeyring = \"{}\"\n\n",
            self.address,
            self.root.join("etc/pki/rpm-gpg/lab.asc").display()
        )
    }

    /// Packages with a newer version in the repository, `name → newest`, as the
    /// root's own dnf sees them.
    ///
    /// # Errors
    ///
    /// Where dnf cannot say.
    pub fn pending_security(&self) -> Result<Vec<(String, String)>, Failure> {
        let told = said(Command::new("chroot").arg(&self.root).args(["dnf", "-q", "-C", "repoquery", "--upgrades", "--qf", "%{name} %{version}-%{release}"]))?;
        Ok(told.lines().filter_map(|line| line.split_once(' ')).map(|(name, version)| (name.to_owned(), version.to_owned())).collect())
    }
}

impl Drop for RpmBase {
    fn drop(&mut self) {
        let _ = self.serves.kill();
        let _ = self.serves.wait();
    }
}

fn make(cache: &Path, root: &Path, mirrors: &Mirrors) -> Result<(), Failure> {
    std::fs::create_dir_all(cache).map_err(|error| failed(cache, &error))?;
    if root.exists() {
        std::fs::remove_dir_all(root).map_err(|error| failed(root, &error))?;
    }
    Base::debootstrap(root, mirrors, PACKAGES)?;
    let script = root.join("root/make.sh");
    std::fs::write(&script, MAKE).map_err(|error| failed(&script, &error))?;
    run(Command::new("chroot").arg(root).args(["bash", "/root/make.sh"]))?;
    std::fs::remove_file(&script).map_err(|error| failed(&script, &error))
}
