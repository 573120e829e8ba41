//! Checks signatures of identity providers with `ring`, which this program
//! links for TLS anyway; `jsonwebtoken`'s own choices would bring a second
//! set of algorithms, RSA with known timing leaks among them. Only public keys
//! pass through here, and no shared secrets: HS256 does not exist.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature as algorithms;

/// The provider to install.
pub static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // Only for making and naming keys, which nothing here does.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Algorithms that are taken: asymmetric ones of usual strength.
pub const TAKEN: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

fn signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(new_error(ErrorKind::UnsupportedAlgorithm))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let family = match algorithm {
        Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512 => {
            AlgorithmFamily::Rsa
        }
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        // Shared secrets, and whatever a later version may know.
        _ => return Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    };
    if key.family() != family {
        return Err(new_error(ErrorKind::InvalidKeyFormat));
    }
    Ok(Box::new(Ring { algorithm: *algorithm, key: key.clone() }))
}

struct Ring {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let rsa = match self.algorithm {
            Algorithm::RS256 => &algorithms::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RS384 => &algorithms::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::RS512 => &algorithms::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::PS256 => &algorithms::RSA_PSS_2048_8192_SHA256,
            Algorithm::PS384 => &algorithms::RSA_PSS_2048_8192_SHA384,
            Algorithm::PS512 => &algorithms::RSA_PSS_2048_8192_SHA512,
            Algorithm::ES256 => return self.plain(&algorithms::ECDSA_P256_SHA256_FIXED, message, signature),
            Algorithm::ES384 => return self.plain(&algorithms::ECDSA_P384_SHA384_FIXED, message, signature),
            Algorithm::EdDSA => return self.plain(&algorithms::ED25519, message, signature),
            _ => return Err(Error::new()),
        };
        match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                algorithms::RsaPublicKeyComponents { n, e }.verify(rsa, message, signature).map_err(|_| Error::new())
            }
            DecodingKeyKind::SecretOrDer(_) => Err(Error::new()),
        }
    }
}

impl Ring {
    fn plain(
        &self,
        algorithm: &'static dyn algorithms::VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> std::result::Result<(), Error> {
        let key = self.key.try_get_as_bytes().map_err(|_| Error::new())?;
        algorithms::UnparsedPublicKey::new(algorithm, key).verify(message, signature).map_err(|_| Error::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.2: RS256 with a key of 2048 bits.
    #[test]
    fn example_of_the_standard() {
        let _ = PROVIDER.install_default();
        let modulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
        let key = DecodingKey::from_rsa_components(modulus, "AQAB").unwrap();
        let message = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        assert!(jsonwebtoken::crypto::verify(signature, message, &key, Algorithm::RS256).unwrap());
        assert!(!jsonwebtoken::crypto::verify(signature, b"other", &key, Algorithm::RS256).unwrap());
        assert!(!jsonwebtoken::crypto::verify(signature, message, &key, Algorithm::PS256).unwrap());
        assert!(jsonwebtoken::crypto::verify(signature, message, &key, Algorithm::ES256).is_err());
        assert!(jsonwebtoken::crypto::verify(signature, message, &key, Algorithm::HS256).is_err());
    }
}
