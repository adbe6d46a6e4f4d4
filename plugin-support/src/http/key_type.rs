//! The types of keys by their DER bytes, with the names that operators know.

use super::der::{DerReader, INTEGER, OCTET_STRING, OID, SEQUENCE, context, only};

/// The type of a public or private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyType {
    /// The type with its article: `a P-521 key`.
    pub description: String,
    /// Whether ring creates signatures with private keys of this type.
    pub can_sign: bool,
    /// Whether ring verifies signatures with public keys of this type.
    pub can_verify: bool,
}

/// A private key without a passphrase.
pub(super) struct PrivateKey<'a> {
    pub key_type: KeyType,
    pub encoding: KeyEncoding<'a>,
}

/// The encoding of a private key, with the parts that another encoding needs.
pub(super) enum KeyEncoding<'a> {
    /// `RSAPrivateKey` (RFC 8017), which may have been inside PKCS#8.
    Pkcs1(&'a [u8]),
    /// `ECPrivateKey` (RFC 5915), which may have been inside PKCS#8: the curve and the secret number.
    Sec1 { curve: Option<&'a [u8]>, secret: &'a [u8] },
    /// `OneAsymmetricKey` (RFC 5958) of another algorithm.
    Pkcs8(&'a [u8]),
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub(super) const P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];

/// The algorithms and curves that are not RSA, with their names after the article.
const NAMED: [(&[u8], &str); 17] = [
    (P256, "a P-256 key"),
    (P384, "a P-384 key"),
    (&[0x2b, 0x65, 0x70], "an Ed25519 key"),
    (&[0x2b, 0x81, 4, 0, 35], "a P-521 key"),
    (&[0x2b, 0x81, 4, 0, 33], "a P-224 key"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1], "a P-192 key"),
    (&[0x2b, 0x81, 4, 0, 10], "a secp256k1 key"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7], "a brainpoolP256r1 key"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 11], "a brainpoolP384r1 key"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 13], "a brainpoolP512r1 key"),
    (&[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x82, 0x2d], "an SM2 key"),
    (&[0x2b, 0x65, 0x71], "an Ed448 key"),
    (&[0x2b, 0x65, 0x6e], "an X25519 key"),
    (&[0x2b, 0x65, 0x6f], "an X448 key"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "an RSA-PSS key"),
    (DSA, "a DSA key"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 3, 1], "a Diffie-Hellman key"),
];

impl KeyType {
    /// The type of a public key: the content of a `SubjectPublicKeyInfo` (RFC 5280).
    pub fn of_public_key(key_info: &[u8]) -> Option<Self> {
        let mut reader = DerReader(key_info);
        let algorithm = reader.expect(SEQUENCE)?;
        let key = reader.bits()?;
        if DerReader(algorithm).expect(OID)? != RSA {
            return Self::of_algorithm(algorithm);
        }
        let bits = bit_length(DerReader(only(key, SEQUENCE)?).expect(INTEGER)?);
        Some(Self {
            can_sign: false,
            can_verify: (2048..=8192).contains(&bits),
            description: format!("an RSA key of {bits} bits"),
        })
    }

    /// The type of a key that is not RSA, by its `AlgorithmIdentifier`.
    fn of_algorithm(algorithm: &[u8]) -> Option<Self> {
        let mut reader = DerReader(algorithm);
        let algorithm = reader.expect(OID)?;
        if algorithm != EC {
            return Some(Self::named(algorithm, "a key of an unknown algorithm"));
        }
        Some(Self::named(reader.optional(OID).unwrap_or_default(), "a key on an unknown curve"))
    }

    fn named(oid: &[u8], unknown: &str) -> Self {
        let position = NAMED.iter().position(|known| known.0 == oid);
        let description = position.map_or(unknown, |position| NAMED[position].1).to_owned();
        let is_supported = position.is_some_and(|position| position < 3);
        Self { description, can_sign: is_supported, can_verify: is_supported }
    }

    /// The type of an `RSAPrivateKey`. The limits are those of ring's `RsaKeyPair`.
    fn of_rsa_private_key(key: &[u8]) -> Option<Self> {
        let mut reader = DerReader(only(key, SEQUENCE)?);
        let has_two_primes = reader.expect(INTEGER)? == [0];
        let bits = bit_length(reader.expect(INTEGER)?);
        let exponent = reader.expect(INTEGER)?;
        // A private exponent, two primes, and three numbers that follow from these.
        for _ in 0..6 {
            reader.expect(INTEGER)?;
        }
        let exponent_is_small = bit_length(exponent) < 17;
        let description = if !has_two_primes {
            "an RSA key of more than two primes".to_owned()
        } else if exponent_is_small {
            "an RSA key with a public exponent below 65537".to_owned()
        } else {
            format!("an RSA key of {bits} bits")
        };
        let can_sign = has_two_primes && !exponent_is_small && matches!(bits, 2048 | 3072 | 4096);
        Some(Self { description, can_sign, can_verify: false })
    }
}

/// Recognizes a private key by its bytes, because the label of a PEM block is often wrong: PKCS#1, PKCS#8 or
/// SEC1.
pub(super) fn recognize(key: &[u8]) -> Option<PrivateKey<'_>> {
    let mut reader = DerReader(only(key, SEQUENCE)?);
    reader.expect(INTEGER)?;
    match reader.element()? {
        (SEQUENCE, algorithm) => pkcs8(key, algorithm, reader.expect(OCTET_STRING)?),
        (OCTET_STRING, secret) => {
            let curve = reader.optional(context(0)).and_then(|curve| only(curve, OID));
            Some(sec1(curve, secret))
        }
        (INTEGER, _) => {
            if let Some(key_type) = KeyType::of_rsa_private_key(key) {
                return Some(PrivateKey { key_type, encoding: KeyEncoding::Pkcs1(key) });
            }
            // OpenSSL's own encoding of DSA keys: a zero and five numbers.
            for _ in 0..4 {
                reader.expect(INTEGER)?;
            }
            let key_type = KeyType::named(DSA, "");
            Some(PrivateKey { key_type, encoding: KeyEncoding::Pkcs8(key) })
        }
        _ => None,
    }
}

fn pkcs8<'a>(key: &'a [u8], algorithm: &'a [u8], inner: &'a [u8]) -> Option<PrivateKey<'a>> {
    let mut reader = DerReader(algorithm);
    let oid = reader.expect(OID)?;
    if oid == RSA {
        let key_type = KeyType::of_rsa_private_key(inner)?;
        return Some(PrivateKey { key_type, encoding: KeyEncoding::Pkcs1(inner) });
    }
    if oid == EC {
        let mut members = DerReader(only(inner, SEQUENCE)?);
        members.expect(INTEGER)?;
        return Some(sec1(reader.optional(OID), members.expect(OCTET_STRING)?));
    }
    let key_type = KeyType::of_algorithm(algorithm)?;
    Some(PrivateKey { key_type, encoding: KeyEncoding::Pkcs8(key) })
}

fn sec1<'a>(curve: Option<&'a [u8]>, secret: &'a [u8]) -> PrivateKey<'a> {
    let key_type = KeyType::named(curve.unwrap_or_default(), "a key on an unknown curve");
    PrivateKey { key_type, encoding: KeyEncoding::Sec1 { curve, secret } }
}

/// The number of bits of a positive integer.
fn bit_length(integer: &[u8]) -> usize {
    let start = integer.iter().position(|&byte| byte != 0).unwrap_or(integer.len());
    match &integer[start..] {
        [] => 0,
        [first, rest @ ..] => rest.len() * 8 + 8 - first.leading_zeros() as usize,
    }
}

/// The name of a signature's algorithm, by its `AlgorithmIdentifier`.
pub(super) fn signature_name(algorithm: &[u8]) -> &'static str {
    const NAMES: [(&[u8], &str); 14] = [
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4], "RSA and MD5"),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], "RSA and SHA-1"),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14], "RSA and SHA-224"),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "RSA-PSS of unusual parameters"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], "ECDSA and SHA-1"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1], "ECDSA and SHA-224"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], "ECDSA and SHA-256"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], "ECDSA and SHA-384"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], "ECDSA and SHA-512"),
        (&[0x2b, 0x65, 0x71], "Ed448"),
        (&[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x75], "SM2 and SM3"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3], "DSA and SHA-1"),
        (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2], "DSA and SHA-256"),
        (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18], "ML-DSA-65"),
    ];
    let oid = DerReader(algorithm).expect(OID).unwrap_or_default();
    NAMES.iter().find(|known| known.0 == oid).map_or("an unknown algorithm", |known| known.1)
}
