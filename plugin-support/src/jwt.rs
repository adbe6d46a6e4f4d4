//! JSON Web Tokens that an RSA key signs (RS256), for logins at token endpoints (RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::Value;

use crate::http::PemBlocks;

/// An RSA key that signs tokens.
#[derive(Debug)]
pub struct RsaSigner(RsaKeyPair);

/// Why a text is not a key that can sign. The message continues a sentence: "the parameter cert_path ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The text has no private key.
    #[error("contains no private key in PEM format")]
    Missing,
    /// The private key is encrypted.
    #[error("contains an encrypted private key, which is not supported: decrypt it first")]
    Encrypted,
    /// The private key is not an RSA key that ring can use.
    #[error("contains a private key that is not an RSA key of 2048 to 4096 bits")]
    Unsupported,
}

impl RsaSigner {
    /// Reads the first private key of a PEM text, in the form PKCS #8 (`PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
    pub fn from_pem(text: &[u8]) -> Result<Self, SigningKeyError> {
        let blocks = PemBlocks::parse(text).blocks;
        let is_key = |label: &str| label.ends_with("PRIVATE KEY");
        let block = blocks.into_iter().find(|block| is_key(&block.label));
        let block = block.ok_or(SigningKeyError::Missing)?;
        // PKCS #1 names its encryption in a header, PKCS #8 in its label.
        if block.has_headers || block.label == "ENCRYPTED PRIVATE KEY" {
            return Err(SigningKeyError::Encrypted);
        }
        let key = match block.label.as_str() {
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&block.der),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&block.der),
            _ => return Err(SigningKeyError::Unsupported),
        };
        key.map(Self).map_err(|_| SigningKeyError::Unsupported)
    }

    /// The signed token with these claims. `header` has the members besides `alg` and `typ`, such as `kid`. It is a
    /// secret: pass it to `Context::secret` before it is sent.
    pub fn sign(&self, header: &[(&str, &str)], claims: &Value) -> String {
        let mut members = serde_json::Map::new();
        members.insert("alg".to_owned(), "RS256".into());
        members.insert("typ".to_owned(), "JWT".into());
        members.extend(header.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&Value::Object(members)), encode(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("the buffer has the length of the key, and the system has random numbers");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::json;

    use super::*;

    const PKCS8: &str = include_str!("http/test_keys/rsa2048-pkcs8.key");
    const PKCS1: &str = include_str!("http/test_keys/rsa2048-pkcs1.key");

    fn decode(part: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(part).expect("Base64")
    }

    #[test]
    fn signs_claims_with_either_form_of_a_key() {
        for key in [PKCS8, PKCS1] {
            let signer = RsaSigner::from_pem(key.as_bytes()).expect("a key");
            let token = signer.sign(&[("kid", "1")], &json!({"aud": "https://login.example.com"}));
            let parts: Vec<_> = token.split('.').collect();
            let [header, claims, signature] = parts[..] else { panic!("{token}") };
            let header: Value = serde_json::from_slice(&decode(header)).expect("JSON");
            assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "1"}));
            let claims: Value = serde_json::from_slice(&decode(claims)).expect("JSON");
            assert_eq!(claims, json!({"aud": "https://login.example.com"}));
            let (text, _) = token.rsplit_once('.').expect("a signature");
            let public = UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA256,
                signer.0.public().as_ref().to_vec(),
            );
            public.verify(text.as_bytes(), &decode(signature)).expect("the signature is valid");
        }
    }

    #[test]
    fn rejects_what_cannot_sign() {
        let error = |text: &str| RsaSigner::from_pem(text.as_bytes()).expect_err("no key");
        assert_eq!(error(""), SigningKeyError::Missing);
        let encrypted = PKCS8.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        assert_eq!(error(&encrypted), SigningKeyError::Encrypted);
        let headers = PKCS1.replacen("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1);
        assert_eq!(error(&headers), SigningKeyError::Encrypted);
        let wrong = PKCS1.replace("RSA PRIVATE KEY", "EC PRIVATE KEY");
        assert_eq!(error(&wrong), SigningKeyError::Unsupported);
        let damaged = PKCS1.replace("RSA PRIVATE KEY", "PRIVATE KEY");
        assert_eq!(error(&damaged), SigningKeyError::Unsupported);
    }
}
