//! rpm: packages by rpmbuild, metadata by createrepo_c, installed by dnf.

use super::upstream::{Upstream, run, tools};
use super::{acquire, change, frozen, set_key, walk};
use crate::sandbox::{put, text};
use std::path::Path;
use std::process::Command;

struct Rpms {
    upstream: Upstream,
    keyring: String,
}

fn rpms() -> Option<Rpms> {
    if !tools(&["gpg", "rpmbuild", "rpmsign", "createrepo_c"]) {
        return None;
    }
    let upstream = Upstream::new();
    upstream.key("builder", "rsa2048", "0");
    let armoured = text(&upstream.at("builder.asc"));
    run(upstream.gpg().args(["--armor", "--output", &armoured, "--export", "builder"]));
    Some(Rpms { upstream, keyring: armoured })
}

impl Rpms {
    fn build(&self, name: &str, version: &str, fields: &str) -> String {
        let spec = self.upstream.at(&format!("{name}.spec"));
        put(&spec, format!("Name: {name}\nVersion: {version}\nRelease: 1\nSummary: {name}\nLicense: MIT\nBuildArch: noarch\n{fields}\n%description\n{name}\n%install\nmkdir -p %{{buildroot}}/usr/share/{name}\necho {name} {version} > %{{buildroot}}/usr/share/{name}/file\n%files\n/usr/share/{name}/file\n"));
        let top = self.upstream.at("rpmbuild");
        run(Command::new("rpmbuild").args(["--quiet", "-bb", "--define", &format!("_topdir {}", text(&top)), &text(&spec)]));
        let built = top.join(format!("RPMS/noarch/{name}-{version}-1.noarch.rpm"));
        let to = self.upstream.www(&format!("rpm/{name}-{version}-1.noarch.rpm"));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::rename(built, &to).expect("in place");
        text(&to)
    }

    fn sign(&self, file: &str) {
        run(Command::new("rpmsign").env("GNUPGHOME", self.upstream.at("gnupg")).args(["--define", "_gpg_name builder", "--define", "__gpg /usr/bin/gpg", "--addsign", file]));
    }

    fn publish(&self, signed: bool) {
        run(Command::new("createrepo_c").args(["--quiet", &text(&self.upstream.www("rpm"))]));
        let repomd = text(&self.upstream.www("rpm/repodata/repomd.xml"));
        let _ = std::fs::remove_file(format!("{repomd}.asc"));
        if signed {
            run(self.upstream.gpg().args(["--local-user", "builder", "--armor", "--detach-sign", &repomd]));
        }
    }

    fn repositories(&self, more: &str) -> String {
        let file = self.upstream.at(&format!("yum-{}.toml", more.len()));
        put(&file, format!("[[yum]]\nstream = \"rocky:9\"\nname = \"baseos\"\nurl = \"{}\"\narchitectures = [\"x86_64\"]\nkeyring = \"{}\"\n{more}", self.upstream.url("/rpm"), self.keyring));
        text(&file)
    }
}

#[test]
fn dnf_installs_from_a_frozen_set() {
    let Some(rpms) = rpms() else { return };
    for (name, version, fields) in [("app", "1.0", "Requires: lib >= 1.0\nRequires: /usr/share/extra/file"), ("lib", "1.2", ""), ("lib", "0.9", ""), ("extra", "1", ""), ("unwanted", "1", "")] {
        rpms.sign(&rpms.build(name, version, fields));
    }
    rpms.publish(true);
    let (key, certificate) = set_key(&rpms.upstream, "set.pem");
    let set = text(&rpms.upstream.at("rpms"));
    let words = ["freeze", "--repositories", &rpms.repositories(""), "--packages", "app,extra", "--key", &key, "--to", &set, "--format", "json"];
    let lacking = acquire(&rpms.upstream, &words);
    // primary.xml names only files of a few folders; the rest is not followed, and said.
    assert_eq!(lacking.code, Some(1));
    assert!(lacking.err.contains("needs /usr/share/extra/file"), "{}", lacking.err);
    let mut words = words.to_vec();
    words.push("--incomplete");
    let made = frozen(&acquire(&rpms.upstream, &words)).json();
    assert_eq!(made["artefacts"].as_u64(), Some(3));
    frozen(&acquire(&rpms.upstream, &["verify", &set, "--keyring", &certificate, "--publishers", &rpms.keyring]));
    if !tools(&["dnf"]) || !rustix::process::geteuid().is_root() {
        eprintln!("skipped: no dnf, or not root, whose home is where Debian's rpm keeps its database");
        return;
    }
    let dnf = |more: &[&str]| {
        let root = tempfile::tempdir().expect("a folder");
        let conf = root.path().join("dnf.conf");
        put(&conf, format!("[main]\nreposdir=/nonexistent\npluginpath=/nonexistent\n[set]\nname=set\nbaseurl=file://{set}/rocky-9-baseos\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file://{certificate} file://{}\n", rpms.keyring));
        let mut command = Command::new("dnf");
        command.args(["-q", "-y", "-c", &text(&conf), "--releasever=9", &format!("--installroot={}", text(&root.path().join("root"))), &format!("--setopt=cachedir={}", text(&root.path().join("cache")))]).args(more);
        let output = command.output().expect("dnf");
        (output, root)
    };
    let (output, root) = dnf(&["install", "app"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = std::fs::read_to_string(root.path().join("root/usr/share/lib/file")).expect("installed");
    assert_eq!(read, "lib 1.2\n");
    let repomd = format!("{set}/rocky-9-baseos/repodata/repomd.xml");
    let good = change(&repomd);
    assert!(!dnf(&["install", "app"]).0.status.success(), "changed metadata");
    std::fs::write(&repomd, good).expect("mended");
    let package = walk(Path::new(&set)).into_iter().find(|path| path.contains("/lib-")).expect("the package");
    change(&package);
    assert!(!dnf(&["install", "app"]).0.status.success(), "a changed package");
}

/// What an index says of one file, in a form to compare; createrepo_c leaves out
/// what a package needs of itself, and names files of few folders only.
fn described(xml: &str) -> Vec<String> {
    let mut found = Vec::new();
    plimsoll_formats::packages::yum::primary("primary.xml", xml.as_bytes(), &mut |package| {
        let shown = |entries: &[plimsoll_formats::packages::yum::Entry]| {
            let mut all: Vec<String> = entries.iter().filter(|entry| !entry.name.starts_with('/')).map(|entry| entry.requirement().to_string()).collect();
            all.sort();
            all
        };
        found.push(format!(
            "{} {} {} {} {:?} {:?} {:?} provides {:?} requires {:?} conflicts {:?}",
            package.name, package.evr(), package.arch, package.checksum, package.size, package.source_rpm, package.built,
            shown(&package.provides), shown(&package.requires), shown(&package.conflicts)
        ));
    })
    .expect("an index");
    found.sort();
    found
}

#[test]
fn own_rpms_are_described_as_createrepo_does_and_installed_by_dnf() {
    let Some(rpms) = rpms() else { return };
    rpms.sign(&rpms.build("app", "1.0", ""));
    rpms.publish(true);
    let odd = "Epoch: 2\nRequires: app >= 1.0\nRequires(post): app\nConflicts: rival < 3:2.0-1\nObsoletes: former <= 1\nProvides: own(feature) = 7\nRecommends: nice\nURL: https://own.example/?a=1&b=<2>";
    let own = rpms.build("own", "3", odd);
    rpms.sign(&own);
    let alone = rpms.upstream.at("alone");
    std::fs::create_dir(&alone).expect("a folder");
    let file = alone.join("own-3-1.noarch.rpm");
    std::fs::rename(own, &file).expect("not the publisher's");
    let uploaded = plimsoll_feeds::acquire::upload(&file).expect("an rpm");
    run(Command::new("createrepo_c").args(["--quiet", "--general-compress-type", "gz", &text(&alone)]));
    let theirs = walk(&alone).into_iter().find(|path| path.contains("primary.xml")).expect("an index");
    let theirs = run(Command::new("gzip").args(["-dc", &theirs])).stdout;
    let ours = format!("<metadata xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"1\">{}</metadata>", uploaded.record);
    assert_eq!(described(&ours), described(&String::from_utf8(theirs).expect("text")));
    assert!(ours.contains("<file>/usr/share/own/file</file>") && ours.contains("a=1&amp;b=&lt;2&gt;"), "{ours}");

    let (key, certificate) = set_key(&rpms.upstream, "set.pem");
    let set = text(&rpms.upstream.at("mixed"));
    let made = frozen(&acquire(&rpms.upstream, &["freeze", "--repositories", &rpms.repositories(""), "--packages", "app", "--upload", &text(&file), "--key", &key, "--to", &set, "--format", "json"])).json();
    assert_eq!(made["artefacts"].as_u64(), Some(2));
    let checked = frozen(&acquire(&rpms.upstream, &["verify", &set, "--keyring", &certificate, "--publishers", &rpms.keyring, "--format", "json"])).json();
    assert_eq!((checked["origins"]["proven"].as_u64(), checked["origins"]["uploaded"].as_u64()), (Some(1), Some(1)));
    let source = std::fs::read(&file).expect("the rpm");
    let cut = rpms.upstream.at("cut.rpm");
    std::fs::write(&cut, &source[..source.len() / 4]).expect("a file");
    let never = text(&rpms.upstream.at("never"));
    assert!(acquire(&rpms.upstream, &["freeze", "--upload", &text(&cut), "--upload-stream", "rocky:9", "--key", &key, "--to", &never]).failed().err.contains("E-FORMAT"));
    if !tools(&["dnf"]) || !rustix::process::geteuid().is_root() {
        eprintln!("skipped: no dnf, or not root, whose home is where Debian's rpm keeps its database");
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let conf = root.path().join("dnf.conf");
    let one = |name: &str| format!("[{name}]\nname={name}\nbaseurl=file://{set}/rocky-9-{name}\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file://{certificate} file://{}\n", rpms.keyring);
    put(&conf, format!("[main]\nreposdir=/nonexistent\npluginpath=/nonexistent\n{}{}", one("baseos"), one("mixed")));
    run(Command::new("dnf").args(["-q", "-y", "-c", &text(&conf), "--releasever=9", &format!("--installroot={}", text(&root.path().join("root"))), &format!("--setopt=cachedir={}", text(&root.path().join("cache"))), "install", "/usr/share/own/file"]));
    for name in ["own 3", "app 1.0"] {
        let file = root.path().join(format!("root/usr/share/{}/file", name.split(' ').next().expect("a name")));
        assert_eq!(std::fs::read_to_string(file).expect("installed"), format!("{name}\n"));
    }
}

/// What was said beside the warnings that come first.
fn refused(ran: crate::sandbox::Ran) -> String {
    assert!(matches!(ran.code, Some(2 | 3)), "{}", ran.err);
    ran.err
}

#[test]
fn unsigned_metadata_needs_packages_that_are_signed() {
    let Some(rpms) = rpms() else { return };
    let file = rpms.build("app", "1.0", "");
    rpms.publish(false);
    let fetch = |more: &str| acquire(&rpms.upstream, &["fetch", "--repositories", &rpms.repositories(more), "--packages", "app"]);
    assert!(refused(fetch("")).contains("E-UNSIGNED"), "metadata");
    let allowed = "unsigned_metadata = true\n";
    assert!(refused(fetch(allowed)).contains("carries no signature over its header"));
    rpms.sign(&file);
    // createrepo's times count in seconds, and a suite never goes back or forks.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    rpms.publish(false);
    let ran = fetch(allowed);
    frozen(&ran);
    assert!(ran.err.contains("W-UNSIGNED"), "{}", ran.err);
    // A genuine signature over another payload: the digest in the header tells.
    let mut bytes = std::fs::read(&file).expect("a package");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).expect("changed");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    rpms.publish(false);
    assert!(refused(fetch(allowed)).contains("error[E-DIGEST]"));
}
