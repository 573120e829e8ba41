//! Keys in tokens (smart cards, hardware security modules) by PKCS#11, and key
//! files beside them: what a person signs with.
//!
//! A token is named by a URI of RFC 7512, `pkcs11:token=ops;object=anna`; its
//! driver by `module-path` in it, or by `PLIMSOLL_PKCS11_MODULE`. The driver's
//! code runs in this process: name only one that you trust with your key.

use crate::printer::Failure;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use percent_encoding::percent_decode_str;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_formats::trust::{KeyFile, PublicKey, Signs};
use std::path::{Path, PathBuf};

/// How a key in a token is told from a file.
const SCHEME: &str = "pkcs11:";
/// Names the driver where the URI does not.
const MODULE: &str = "PLIMSOLL_PKCS11_MODULE";
/// Largest key file read.
const LIMIT: u64 = 1 << 20;

/// What a person signs with.
pub enum Key {
    /// A key file.
    File(KeyFile),
    /// A key in a token.
    Token(Token),
}

impl Key {
    /// Whether this names a key in a token.
    pub fn is_token(name: &str) -> bool {
        name.starts_with(SCHEME)
    }

    /// Opens a key, and asks for its passphrase or PIN where it has one and no
    /// file says it.
    ///
    /// # Errors
    ///
    /// `E-KEY`, `E-PASSPHRASE`; neither repeats a secret.
    pub fn open(name: &Path, passphrase_file: Option<&Path>) -> Result<Self, Failure> {
        let place = name.display().to_string();
        if Self::is_token(&place) {
            return Token::open(&place, || passphrase("PIN", &shown(&place), passphrase_file)).map(Self::Token);
        }
        let pem = read(name, "name your key file, as `plimsoll root init` made it")?;
        let pem = String::from_utf8_lossy(&pem);
        let passphrase = if KeyFile::is_encrypted(&pem) { Some(passphrase("Passphrase", &place, passphrase_file)?) } else { None };
        Ok(Self::File(KeyFile::from_pem(&place, &pem, passphrase.as_deref().map(str::as_bytes))?))
    }
}

impl Signs for Key {
    fn public(&self) -> PublicKey {
        match self {
            Self::File(key) => key.public(),
            Self::Token(token) => token.public,
        }
    }

    fn signature(&self, message: &[u8]) -> Result<[u8; 64], Problem> {
        match self {
            Self::File(key) => Ok(key.sign(message)),
            Self::Token(token) => token.sign(message),
        }
    }
}

fn read(path: &Path, next: &str) -> Result<Vec<u8>, Failure> {
    crate::input::read(path, LIMIT).map_err(|text| Failure::input(Problem::new("E-READ", path.display().to_string(), text, next)))
}

/// The secret that opens a key, from a file or from whoever sits there.
fn passphrase(what: &str, place: &str, file: Option<&Path>) -> Result<String, Failure> {
    if let Some(path) = file {
        let bytes = read(path, "name a file that holds the passphrase or PIN")?;
        return Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned());
    }
    rpassword::prompt_password(format!("{what} of {}: ", printable(place))).map_err(|error| {
        let text = format!("cannot be asked: {error}");
        Failure::input(Problem::new("E-PASSPHRASE", "the terminal", text, "run on a terminal, or give `--yes` and `--passphrase-file FILE`"))
    })
}

/// The part of a URI that tells what it is about: somebody may have written a
/// PIN into the rest.
fn shown(place: &str) -> String {
    printable(place.split('?').next().unwrap_or_default())
}

/// A key in a token, with a session in which it signs.
pub struct Token {
    place: String,
    public: PublicKey,
    session: Session,
    private: ObjectHandle,
}

/// The parts of a URI that tell one key.
struct Named {
    token: Option<String>,
    serial: Option<String>,
    object: Option<String>,
    id: Option<Vec<u8>>,
    module: PathBuf,
}

impl Named {
    fn parse(place: &str) -> Result<Self, Problem> {
        let bad = |text: String| Problem::new("E-KEY", shown(place), text, "write pkcs11:token=NAME;object=NAME?module-path=/usr/lib/….so");
        let uri = pk11_uri_parser::parse(place).map_err(|_| bad("is no URI of a PKCS#11 key".to_owned()))?;
        if place.contains("pin-value") || place.contains("pin-source") {
            // Command lines can be read by everybody on the machine.
            return Err(bad("carries a PIN; give it with `--passphrase-file`, or type it".to_owned()));
        }
        let bytes = |part: &str| percent_decode_str(part).collect::<Vec<u8>>();
        let text = |part: &&str| String::from_utf8_lossy(&bytes(part)).into_owned();
        let module = uri.module_path().as_ref().map(text).map(PathBuf::from).or_else(|| std::env::var_os(MODULE).map(PathBuf::from));
        let module = module.ok_or_else(|| bad(format!("names no driver: give `module-path`, or set {MODULE}")))?;
        if !module.is_absolute() {
            return Err(bad(format!("names the driver {}, which is no absolute path", module.display())));
        }
        let named = Self { token: uri.token().as_ref().map(text), serial: uri.serial().as_ref().map(text), object: uri.object().as_ref().map(text), id: uri.id().map(bytes), module };
        if named.object.is_none() && named.id.is_none() {
            return Err(bad("names neither `object` nor `id`".to_owned()));
        }
        Ok(named)
    }

    fn template(&self, class: ObjectClass) -> Vec<Attribute> {
        let mut template = vec![Attribute::Class(class)];
        template.extend(self.object.iter().map(|object| Attribute::Label(object.clone().into_bytes())));
        template.extend(self.id.iter().map(|id| Attribute::Id(id.clone())));
        template
    }
}

impl Token {
    fn open(place: &str, pin: impl FnOnce() -> Result<String, Failure>) -> Result<Self, Failure> {
        let named = Named::parse(place)?;
        let shown = shown(place);
        let wrong = |text: String| Problem::new("E-KEY", &shown, text, "look at the token with `pkcs11-tool --list-objects`");
        let failed = |what: &'static str| {
            let shown = shown.clone();
            move |error: cryptoki::error::Error| Problem::new("E-KEY", shown, format!("{what}: {error}"), "see whether the token is plugged in and its driver is the right one")
        };
        let driver = Pkcs11::new(&named.module).map_err(failed("its driver cannot be loaded"))?;
        driver.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(failed("its driver does not start"))?;
        let mut slots = Vec::new();
        for slot in driver.get_slots_with_token().map_err(failed("its driver lists no tokens"))? {
            let token = driver.get_token_info(slot).map_err(failed("a token cannot be asked"))?;
            let is = |wanted: &Option<String>, there: &str| wanted.as_ref().is_none_or(|wanted| wanted == there.trim_end());
            if token.token_initialized() && is(&named.token, token.label()) && is(&named.serial, token.serial_number()) {
                slots.push(slot);
            }
        }
        let [slot] = slots.as_slice() else { return Err(wrong(format!("names {} tokens, one is needed", slots.len())).into()) };
        let session = driver.open_ro_session(*slot).map_err(failed("no session can be opened"))?;
        let pin = AuthPin::new(pin()?.into());
        session.login(UserType::User, Some(&pin)).map_err(|error| {
            Problem::new("E-PASSPHRASE", &shown, format!("the token refuses the PIN: {error}"), "look at how many tries it leaves before the next")
        })?;
        let one = |class, what: &str| -> Result<ObjectHandle, Failure> {
            let found = session.find_objects(&named.template(class)).map_err(failed("objects cannot be found"))?;
            match found.as_slice() {
                [object] => Ok(*object),
                all => Err(wrong(format!("names {} {what} keys, one is needed", all.len())).into()),
            }
        };
        let (private, public) = (one(ObjectClass::PRIVATE_KEY, "private")?, one(ObjectClass::PUBLIC_KEY, "public")?);
        let point = session.get_attributes(public, &[AttributeType::EcPoint]).map_err(failed("the public key cannot be read"))?;
        let point = point.into_iter().find_map(|attribute| if let Attribute::EcPoint(point) = attribute { Some(point) } else { None });
        let public = point.as_deref().and_then(ed25519).ok_or_else(|| wrong("is no Ed25519 key".to_owned()))?;
        Ok(Self { place: shown, public, session, private })
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Problem> {
        let failed = |text: String| Problem::new("E-KEY", &self.place, text, "see whether the token is still plugged in");
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let signature = self.session.sign(&mechanism, self.private, message).map_err(|error| failed(format!("does not sign: {error}")))?;
        let signature = <[u8; 64]>::try_from(signature).map_err(|other| failed(format!("gives a signature of {} bytes, 64 are needed", other.len())))?;
        // Two objects of one name may be halves of different keys.
        let same = self.public.verifies(message, &signature);
        same.then_some(signature).ok_or_else(|| failed("signs with another key than its public one".to_owned()))
    }
}

/// The 32 bytes of a point: bare, as PKCS#11 3 says, or in an octet string, as
/// most drivers give it.
fn ed25519(point: &[u8]) -> Option<PublicKey> {
    let bare = match point {
        [0x04, 0x20, rest @ ..] if rest.len() == 32 => rest,
        _ => point,
    };
    bare.try_into().ok().map(PublicKey)
}
