//! **Passkeys** (WebAuthn), checked by `webauthn-rs`; always with the user
//! verified by the device, so that one is two factors at once.

use super::Unavailable;
use super::directory::{Factor, FactorKind};
use crate::http::origin::Origins;
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::PersonId;
use serde_json::Value;
use webauthn_rs::prelude::{
    AuthenticationResult, CreationChallengeResponse, DiscoverableAuthentication, Passkey, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, RequestChallengeResponse, Uuid, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// Passkeys for the console's addresses.
#[derive(Debug)]
pub struct Passkeys {
    /// None where the console is reached by a number, which browsers bind no
    /// passkey to.
    webauthn: Option<Webauthn>,
}

impl Passkeys {
    /// Binds them to the console's first address, and to the others of the
    /// same name.
    ///
    /// # Errors
    /// The address is none that passkeys can be bound to, other than a number.
    pub fn new(origins: &Origins) -> Result<Self, Unavailable> {
        let Some((url, name)) = origins.canonical_url().and_then(|url| Some((url, url.domain()?.to_owned()))) else {
            return Ok(Self { webauthn: None });
        };
        let failed = |error: WebauthnError| Unavailable::new("passkeys", format!("{error:?} for {url}"));
        let mut builder = WebauthnBuilder::new(&name, url).map_err(failed)?.rp_name("Plimsoll");
        for other in origins.urls().iter().filter(|other| *other != url && other.domain() == Some(&name)) {
            builder = builder.append_allowed_origin(other);
        }
        Ok(Self { webauthn: Some(builder.build().map_err(failed)?) })
    }

    /// Whether the console's address allows any.
    pub fn are_possible(&self) -> bool {
        self.webauthn.is_some()
    }

    fn webauthn(&self) -> Result<&Webauthn, Refusal> {
        self.webauthn.as_ref().ok_or_else(|| {
            Refusal::new(
                StatusCode::CONFLICT,
                "E-PASSKEY-ADDRESS",
                "the console is reached by a number, and browsers bind passkeys to names only",
                "give the server a name (`--url https://plimsoll.example`, or http://localhost on this machine), or use one-time codes",
            )
        })
    }

    /// Begins to register one: the options for `navigator.credentials.create`
    /// and the state to keep until its answer comes.
    ///
    /// # Errors
    /// 409 `E-PASSKEY-ADDRESS`.
    pub fn begin_registration(&self, person: PersonId, account: &str, name: &str, have: &[Factor]) -> Result<(Value, PasskeyRegistration), Refusal> {
        let known = keys(have).map(|(_, key)| key.cred_id().clone()).collect();
        let id = Uuid::from_u128(person.bits());
        let (options, state): (CreationChallengeResponse, _) =
            self.webauthn()?.start_passkey_registration(id, account, name, Some(known)).map_err(|error| refused(&error))?;
        let mut options = to_value(&options)?;
        // Signing in without typing a name needs the key to be kept by the
        // device with the name; most can, and those that cannot still register.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection").and_then(Value::as_object_mut) {
            selection.insert("residentKey".to_owned(), Value::from("preferred"));
        }
        Ok((options, state))
    }

    /// Ends it: the key to keep, with its public name.
    ///
    /// # Errors
    /// 400 `E-PASSKEY`.
    pub fn end_registration(&self, answer: &Value, state: &PasskeyRegistration) -> Result<(String, Vec<u8>), Refusal> {
        let answer: RegisterPublicKeyCredential = from_value(answer)?;
        let key = self.webauthn()?.finish_passkey_registration(&answer, state).map_err(|error| refused(&error))?;
        let name = data_encoding::BASE64URL_NOPAD.encode(key.cred_id().as_ref());
        Ok((name, serde_json::to_vec(&key).map_err(|error| Unavailable::new("passkeys", error))?))
    }

    /// Begins to ask a known person for one of theirs; none where they have none.
    ///
    /// # Errors
    /// 409 `E-PASSKEY-ADDRESS`.
    pub fn begin_proof(&self, have: &[Factor]) -> Result<Option<(Value, PasskeyAuthentication)>, Refusal> {
        let keys: Vec<Passkey> = keys(have).map(|(_, key)| key).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        let (options, state): (RequestChallengeResponse, _) =
            self.webauthn()?.start_passkey_authentication(&keys).map_err(|error| refused(&error))?;
        Ok(Some((to_value(&options)?, state)))
    }

    /// Ends it: the factor that answered, with its new content and count.
    ///
    /// # Errors
    /// 401 `E-PASSKEY`.
    pub fn end_proof<'a>(&self, answer: &Value, state: &PasskeyAuthentication, have: &'a [Factor]) -> Result<Used<'a>, Refusal> {
        let answer: PublicKeyCredential = from_value(answer)?;
        let result = self.webauthn()?.finish_passkey_authentication(&answer, state).map_err(|error| refused(&error))?;
        used(&result, have)
    }

    /// Begins to ask whoever is there.
    ///
    /// # Errors
    /// 409 `E-PASSKEY-ADDRESS`.
    pub fn begin_sign_in(&self) -> Result<(Value, DiscoverableAuthentication), Refusal> {
        let (options, state) = self.webauthn()?.start_discoverable_authentication().map_err(|error| refused(&error))?;
        let mut options = to_value(&options)?;
        // The page says itself whether it offers them while a name is typed.
        if let Some(options) = options.as_object_mut() {
            options.remove("mediation");
        }
        Ok((options, state))
    }

    /// Whose passkey an answer claims to be; nothing is proven yet.
    ///
    /// # Errors
    /// 401 `E-PASSKEY`.
    pub fn claimed(&self, answer: &Value) -> Result<PersonId, Refusal> {
        let answer: PublicKeyCredential = from_value(answer)?;
        let (id, _) = self.webauthn()?.identify_discoverable_authentication(&answer).map_err(|error| refused(&error))?;
        Ok(PersonId::from_bits(id.as_u128()))
    }

    /// Ends it, given the passkeys of the person that it claims.
    ///
    /// # Errors
    /// 401 `E-PASSKEY`.
    pub fn end_sign_in<'a>(&self, answer: &Value, state: DiscoverableAuthentication, have: &'a [Factor]) -> Result<Used<'a>, Refusal> {
        let answer: PublicKeyCredential = from_value(answer)?;
        let webauthn = self.webauthn()?;
        let (_, credential) = webauthn.identify_discoverable_authentication(&answer).map_err(|error| refused(&error))?;
        let is_it = |key: &Passkey| AsRef::<[u8]>::as_ref(key.cred_id()) == credential;
        let (_, key) = keys(have).find(|(_, key)| is_it(key)).ok_or_else(unknown)?;
        let result = webauthn.finish_discoverable_authentication_v2(&answer, state, &key);
        used(&result.map_err(|error| refused(&error))?, have)
    }
}

/// A passkey that was just used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used<'a> {
    /// The factor as it was.
    pub factor: &'a Factor,
    /// Its content from now on.
    pub content: Vec<u8>,
    /// Its count from now on.
    pub counter: i64,
}

fn keys(have: &[Factor]) -> impl Iterator<Item = (&Factor, Passkey)> {
    let passkeys = have.iter().filter(|factor| factor.kind == FactorKind::Passkey);
    // One that does not read was damaged in the store; it opens nothing.
    passkeys.filter_map(|factor| Some((factor, serde_json::from_slice(&factor.content).ok()?)))
}

fn used<'a>(result: &AuthenticationResult, have: &'a [Factor]) -> Result<Used<'a>, Refusal> {
    let (factor, mut key) = keys(have).find(|(_, key)| key.cred_id() == result.cred_id()).ok_or_else(unknown)?;
    let counter = i64::from(result.counter());
    if counter > 0 && counter <= factor.counter {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "E-PASSKEY-CLONE",
            format!("the passkey counts {counter}, it had counted {} before: it may be a copy", factor.counter),
            "remove this passkey from the account and register a new one",
        ));
    }
    key.update_credential(result);
    let content = serde_json::to_vec(&key).map_err(|error| Unavailable::new("passkeys", error))?;
    Ok(Used { factor, content, counter })
}

fn unknown() -> Refusal {
    wrong("it is not registered here")
}

fn refused(error: &WebauthnError) -> Refusal {
    wrong(&format!("{error:?}"))
}

fn wrong(why: &str) -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "E-PASSKEY",
        format!("the passkey does not prove it: {why}"),
        "try again, or use another way to sign in",
    )
}

fn to_value(value: &impl serde::Serialize) -> Result<Value, Unavailable> {
    serde_json::to_value(value).map_err(|error| Unavailable::new("passkeys", error))
}

fn from_value<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Refusal> {
    let mut value = value.clone();
    // Browsers leave it out where the device did not give it.
    if let Some(response) = value.get_mut("response").and_then(Value::as_object_mut) {
        response.entry("userHandle").or_insert(Value::Null);
    }
    serde_json::from_value(value).map_err(|error| {
        let detail = format!("the answer of the passkey does not read: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, "E-PASSKEY", detail, "send what `navigator.credentials` gave, as `toJSON()` writes it")
    })
}

/// A factor from a registered passkey.
pub(super) fn factor(id: String, person: PersonId, label: String, name: String, content: Vec<u8>, now: Timestamp) -> Factor {
    Factor {
        id,
        person,
        kind: FactorKind::Passkey,
        label,
        credential: Some(name),
        content,
        counter: 0,
        created: now,
        last_used: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::proof::Proof;
    use super::super::sign_in::Step;
    use super::super::stage::{CONSOLE, PASSWORD, Stage, administrator};
    use data_encoding::BASE64URL_NOPAD;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::{Value, json};
    use sha2::{Digest, Sha256};

    /// A device with one passkey.
    struct Device {
        key: EcdsaKeyPair,
        user: String,
        count: u32,
        origin: &'static str,
        flags: u8,
    }

    impl Device {
        fn new() -> Self {
            let random = SystemRandom::new();
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
            // User present and verified.
            Self { key, user: String::new(), count: 0, origin: CONSOLE, flags: 0x05 }
        }

        fn data(&mut self, more: u8) -> Vec<u8> {
            self.count += 1;
            let mut data = Sha256::digest("plimsoll.example").to_vec();
            data.push(self.flags | more);
            data.extend(self.count.to_be_bytes());
            data
        }

        fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
            let challenge = &options["publicKey"]["challenge"];
            json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false}).to_string().into_bytes()
        }

        fn create(&mut self, options: &Value) -> Value {
            self.user = options["publicKey"]["user"]["id"].as_str().unwrap().to_owned();
            let mut data = self.data(0x40);
            data.extend([0; 16]);
            data.extend([0, 4]);
            data.extend(b"key1");
            let point = self.key.public_key().as_ref();
            // COSE: kty EC2, alg ES256, crv P-256, x, y.
            data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
            data.extend(&point[1..33]);
            data.extend([0x22, 0x58, 0x20]);
            data.extend(&point[33..]);
            let mut object = vec![0xa3];
            object.extend(b"\x63fmt\x64none\x67attStmt\xa0\x68authData\x58");
            object.push(u8::try_from(data.len()).unwrap());
            object.extend(data);
            let client = self.client_data("webauthn.create", options);
            json!({"id": "a2V5MQ", "rawId": "a2V5MQ", "type": "public-key", "clientExtensionResults": {}, "response": {
                "attestationObject": BASE64URL_NOPAD.encode(&object), "clientDataJSON": BASE64URL_NOPAD.encode(&client),
            }})
        }

        fn get(&mut self, options: &Value) -> Value {
            let data = self.data(0);
            let client = self.client_data("webauthn.get", options);
            let message = [data.as_slice(), &Sha256::digest(&client)].concat();
            let signature = self.key.sign(&SystemRandom::new(), &message).unwrap();
            json!({"id": "a2V5MQ", "rawId": "a2V5MQ", "type": "public-key", "clientExtensionResults": {}, "response": {
                "authenticatorData": BASE64URL_NOPAD.encode(&data), "clientDataJSON": BASE64URL_NOPAD.encode(&client),
                "signature": BASE64URL_NOPAD.encode(signature.as_ref()), "userHandle": self.user,
            }})
        }
    }

    #[tokio::test]
    async fn a_passkey_signs_in_steps_up_and_is_not_copied() {
        let stage = Stage::new();
        stage.person("alice", &[administrator()]).await;
        let (_, principal) = stage.proven("alice").await;
        let mut device = Device::new();
        let new = stage.identity.begin_passkey(&principal).await.unwrap();
        let answer = device.create(&new.options);
        let done = stage.identity.end_passkey(&principal, &new.ticket, &answer, "key", stage.caller()).await.unwrap();
        assert_eq!(done.recovery_codes.unwrap().len(), 10);
        let again = stage.identity.end_passkey(&principal, &new.ticket, &answer, "key", stage.caller()).await.unwrap_err();
        assert_eq!(again.code(), "E-TICKET");

        let headers = stage.headers(None);
        let from = stage.browser(&headers);
        let question = stage.identity.ask_passkey(&from).await.unwrap();
        let answer = device.get(&question.passkey);
        let session = stage.identity.sign_in_by_passkey(&question.ticket, &answer, &from).await.unwrap();
        let principal = stage.who(&session).await.unwrap();
        assert_eq!(principal.strength, super::super::principal::Strength::Passkey);
        // An answer counts once, and for its own question.
        let question = stage.identity.ask_passkey(&from).await.unwrap();
        assert_eq!(stage.identity.sign_in_by_passkey(&question.ticket, &answer, &from).await.unwrap_err().code(), "E-PASSKEY");

        // As second step, and as fresh proof.
        let Step::Second(question) = stage.identity.sign_in_by_password("alice", PASSWORD, &from).await.unwrap() else {
            panic!("a second step is asked")
        };
        let mut answer = device.get(question.passkey.as_ref().unwrap());
        answer["response"].as_object_mut().unwrap().remove("userHandle");
        stage.identity.second_step(&question.ticket, &Proof::Passkey(answer), &from).await.unwrap();
        let at = stage.headers(Some(&session));
        let question = stage.identity.ask_fresh(&principal).await.unwrap();
        let answer = Proof::Passkey(device.get(question.passkey.as_ref().unwrap()));
        let session = stage.identity.prove_fresh(&principal, &question.ticket, &answer, &stage.browser(&at)).await.unwrap();
        assert!(stage.who(&session).await.unwrap().is_proven(stage.identity.now()));

        // A phishing page's answer, one without the user verified, a copy's.
        for (origin, flags, back, code) in [
            ("https://plimsoll.example.evil.example", 0x05, 0, "E-PASSKEY"),
            (CONSOLE, 0x01, 0, "E-PASSKEY"),
            (CONSOLE, 0x05, 5, "E-PASSKEY"),
        ] {
            let question = stage.identity.ask_passkey(&from).await.unwrap();
            (device.origin, device.flags) = (origin, flags);
            device.count -= back;
            let answer = device.get(&question.passkey);
            let refusal = stage.identity.sign_in_by_passkey(&question.ticket, &answer, &from).await.unwrap_err();
            assert!(refusal.code().starts_with(code), "{refusal}");
        }
    }
}
