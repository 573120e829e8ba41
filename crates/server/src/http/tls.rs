//! **TLS** without a proxy in front: a certificate that is read again when its
//! files change, and certificates of hosts where the owner asks for them.
//! Connections that stand keep what they began with.

use plimsoll_core::model::problem::Problem;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::fmt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Largest file; a chain has a few certificates of some KiB, an authority's
/// bundle some hundred.
const LIMIT: u64 = 4 << 20;

/// The files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// Certificate with its chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM, not encrypted.
    pub key: PathBuf,
    /// Authorities of hosts' certificates, PEM; none asks for no certificate.
    pub client_authorities: Option<PathBuf>,
}

impl Files {
    fn all(&self) -> impl Iterator<Item = &Path> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_authorities).map(PathBuf::as_path)
    }
}

/// What tells one state of a file from another without reading it. Links are
/// followed: certificate managers swap a link.
type Stamp = Vec<Option<(u64, u64, i64, i64)>>;

/// A certificate in force and the files that it comes from.
pub struct Tls {
    files: Files,
    seen: Mutex<Stamp>,
    in_force: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What a look at the files found.
#[derive(Debug)]
pub enum Look {
    /// Nothing changed.
    Same,
    /// Another certificate is in force for new connections.
    Renewed,
    /// The files changed and cannot be used; what was in force stays.
    Refused(Problem),
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// `E-TLS` naming the file: not there, not PEM, a key of another certificate.
    pub fn open(files: Files) -> Result<Self, Problem> {
        let seen = stamp(&files);
        let config = read(&files)?;
        Ok(Self { files, seen: Mutex::new(seen), in_force: RwLock::new(Arc::new(config)) })
    }

    /// Reads the files again where they changed.
    ///
    /// While only one of certificate and key is replaced they do not fit; the
    /// next change is looked at again.
    pub fn look(&self) -> Look {
        let now = stamp(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Look::Same;
        }
        *seen = now;
        match read(&self.files) {
            Ok(config) => {
                *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                Look::Renewed
            }
            Err(problem) => Look::Refused(problem),
        }
    }

    /// What new connections begin with.
    pub fn in_force(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether hosts must show a certificate.
    pub fn asks_hosts(&self) -> bool {
        self.files.client_authorities.is_some()
    }
}

fn stamp(files: &Files) -> Stamp {
    let one = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
    };
    files.all().map(one).collect()
}

fn problem(file: &Path, text: impl Into<String>, next: &str) -> Problem {
    Problem::new("E-TLS", file.display().to_string(), text, next)
}

fn bytes(file: &Path) -> Result<Vec<u8>, Problem> {
    const NEXT: &str = "name a PEM file that the server may read";
    let found = std::fs::metadata(file).map_err(|error| problem(file, error.to_string(), NEXT))?;
    if !found.is_file() || found.len() > LIMIT {
        return Err(problem(file, format!("is no file of at most {LIMIT} bytes"), NEXT));
    }
    std::fs::read(file).map_err(|error| problem(file, error.to_string(), NEXT))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let bytes = bytes(file)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let wrong = |text: String| problem(file, text, "name a PEM file with certificates, the server's own first");
    let read = read.map_err(|error| wrong(format!("does not read as PEM: {error}")))?;
    if read.is_empty() { Err(wrong("holds no certificate".to_owned())) } else { Ok(read) }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Problem> {
    let bytes = bytes(file)?;
    if std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o007 != 0) {
        tracing::warn!(file = %file.display(), "every user of this machine may read the key of the server's certificate");
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| problem(file, "holds no private key in PEM form", "name a key file that is not encrypted"))
}

fn read(files: &Files) -> Result<ServerConfig, Problem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(&files.certificate)?;
    let key = key(&files.key)?;
    let unfit = |file: &Path, error: &dyn fmt::Display| problem(file, error.to_string(), "give a certificate and the key that belongs to it");
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&files.certificate, &error))?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| problem(file, format!("holds a certificate that cannot be used: {error}"), "name a PEM file with the authorities of hosts' certificates"))?;
            }
            // Browsers and scripts come to the same address without one; the
            // gate refuses hosts that do.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated().build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unfit(file, &error))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| unfit(&files.certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(names: &[&str]) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        (rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn files_are_read_again_when_they_change_and_bad_ones_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let put = |name: &str, text: &str| {
            std::fs::write(at("new"), text).unwrap();
            std::fs::rename(at("new"), at(name)).unwrap();
        };
        let ((first, first_key), (second, second_key)) = (pair(&["a.example"]), pair(&["a.example"]));
        let files = Files { certificate: at("cert.pem"), key: at("key.pem"), client_authorities: None };
        assert!(Tls::open(files.clone()).unwrap_err().place.ends_with("cert.pem"));
        put("cert.pem", &first);
        put("key.pem", &second_key);
        let problem = Tls::open(files.clone()).unwrap_err();
        assert!(problem.code == "E-TLS" && !format!("{problem:?}").contains("PRIVATE"), "{problem:?}");
        put("key.pem", &first);
        assert!(Tls::open(files.clone()).unwrap_err().text.contains("no private key"));
        put("key.pem", &first_key);
        let tls = Tls::open(files.clone()).unwrap();
        let before = tls.in_force();
        assert!(matches!(tls.look(), Look::Same));
        put("cert.pem", &second);
        assert!(matches!(tls.look(), Look::Refused(_)));
        assert!(Arc::ptr_eq(&before, &tls.in_force()) && matches!(tls.look(), Look::Same), "said once");
        put("key.pem", &second_key);
        assert!(matches!(tls.look(), Look::Renewed));
        assert!(!Arc::ptr_eq(&before, &tls.in_force()));
        std::fs::remove_file(at("cert.pem")).unwrap();
        assert!(matches!(tls.look(), Look::Refused(_)));
        let asking = Files { client_authorities: Some(at("key.pem")), ..files };
        put("cert.pem", &second);
        assert!(Tls::open(asking).unwrap_err().place.ends_with("key.pem"));
    }
}
