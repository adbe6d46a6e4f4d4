//! Reads the parts of an X.509 certificate (RFC 5280), of every version. Nothing is verified here.

use super::der::{BIT_STRING, DerReader, INTEGER, OCTET_STRING, OID, SEQUENCE, context, only};
use super::key_type::KeyType;

/// The parts of a certificate. Names, algorithms and keys are contents of elements, without tag and length, as
/// in webpki.
#[derive(Debug, Clone, Copy)]
pub(super) struct X509<'a> {
    /// The part that is signed, with tag and length.
    pub signed: &'a [u8],
    pub signature_algorithm: &'a [u8],
    pub signature: &'a [u8],
    /// 1, 2 or 3.
    pub version: u8,
    pub issuer: &'a [u8],
    validity: &'a [u8],
    pub subject: &'a [u8],
    /// The key with its algorithm (`SubjectPublicKeyInfo`).
    pub key_info: &'a [u8],
    extensions: &'a [u8],
}

/// Object identifiers of extensions.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];

/// Object identifiers of extended key usages.
pub(super) const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
pub(super) const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
pub(super) const ANY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];

/// The names in a certificate's subjectAltName.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AlternativeNames {
    pub dns_names: Vec<String>,
    pub addresses: Vec<std::net::IpAddr>,
}

impl<'a> X509<'a> {
    /// Parses a certificate; `None` if the bytes are not a certificate.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = DerReader(only(der, SEQUENCE)?);
        let signed = outer.expect_whole(SEQUENCE)?;
        let signature_algorithm = outer.expect(SEQUENCE)?;
        let signature = outer.bits()?;
        let mut inner = DerReader(only(signed, SEQUENCE)?);
        let version = match inner.optional(context(0)) {
            None => 1,
            Some(number) => match only(number, INTEGER)? {
                [number @ 0..=2] => number + 1,
                _ => return None,
            },
        };
        inner.expect(INTEGER)?; // The serial number.
        if inner.expect(SEQUENCE)? != signature_algorithm {
            return None;
        }
        let issuer = inner.expect(SEQUENCE)?;
        let validity = inner.expect(SEQUENCE)?;
        let subject = inner.expect(SEQUENCE)?;
        let key_info = inner.expect(SEQUENCE)?;
        let mut extensions = &[][..];
        while !inner.0.is_empty() {
            let (tag, content) = inner.element()?;
            if tag == context(3) {
                extensions = only(content, SEQUENCE)?;
            }
        }
        Some(Self {
            signed,
            signature_algorithm,
            signature,
            version,
            issuer,
            validity,
            subject,
            key_info,
            extensions,
        })
    }

    /// The type of the key.
    pub fn key_type(&self) -> Option<KeyType> {
        KeyType::of_public_key(self.key_info)
    }

    /// The curve of an elliptic key; `None` for keys of other types.
    pub fn curve(&self) -> Option<&'a [u8]> {
        let mut algorithm = DerReader(DerReader(self.key_info).expect(SEQUENCE)?);
        algorithm.expect(OID)?;
        algorithm.optional(OID)
    }

    /// The bits of the public key.
    pub fn public_key(&self) -> Option<&'a [u8]> {
        let mut reader = DerReader(self.key_info);
        reader.expect(SEQUENCE)?;
        reader.bits()
    }

    /// The value of the extension with this object identifier.
    fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        let mut extensions = DerReader(self.extensions);
        while let Some(extension) = extensions.expect(SEQUENCE) {
            let mut members = DerReader(extension);
            if members.expect(OID)? == oid {
                const BOOLEAN: u8 = 0x01;
                members.optional(BOOLEAN); // Whether the extension is critical.
                return members.expect(OCTET_STRING);
            }
        }
        None
    }

    /// Whether the certificate says that it is one of an authority.
    pub fn is_authority(&self) -> bool {
        const TRUE: [u8; 3] = [0x01, 1, 0xff];
        self.extension(BASIC_CONSTRAINTS)
            .and_then(|value| only(value, SEQUENCE))
            .is_some_and(|value| value.starts_with(&TRUE))
    }

    /// Whether the certificate says that it is not one of an authority (`CA:FALSE`), so that its key must not sign
    /// other certificates.
    pub fn denies_authority(&self) -> bool {
        self.extension(BASIC_CONSTRAINTS).is_some() && !self.is_authority()
    }

    /// Whether the key usage allows signing certificates.
    pub fn may_sign_certificates(&self) -> bool {
        /// The bit `keyCertSign`. The first byte has the number of unused bits.
        const KEY_CERT_SIGN: u8 = 0x04;
        self.extension(KEY_USAGE).is_none_or(|value| {
            let bits = only(value, BIT_STRING).unwrap_or_default();
            bits.get(1).is_some_and(|byte| byte & KEY_CERT_SIGN != 0)
        })
    }

    pub fn has_name_constraints(&self) -> bool {
        self.extension(NAME_CONSTRAINTS).is_some()
    }

    /// The object identifiers of the extended key usages; `None` if any use is allowed.
    pub fn extended_key_usages(&self) -> Option<Vec<&'a [u8]>> {
        let mut reader = DerReader(self.extension(EXTENDED_KEY_USAGE).map(|value| {
            // What cannot be read allows nothing.
            only(value, SEQUENCE).unwrap_or_default()
        })?);
        let mut usages = Vec::new();
        while let Some(usage) = reader.expect(OID) {
            usages.push(usage);
        }
        Some(if reader.0.is_empty() { usages } else { Vec::new() })
    }

    /// The seconds since 1970 at which its validity begins and ends.
    pub fn validity(&self) -> Option<(i64, i64)> {
        let mut reader = DerReader(self.validity);
        Some((seconds(reader.element()?)?, seconds(reader.element()?)?))
    }

    /// The names in subjectAltName; `None` if the certificate does not have the extension.
    pub fn alternative_names(&self) -> Option<AlternativeNames> {
        const DNS_NAME: u8 = 0x82;
        const ADDRESS: u8 = 0x87;
        let value = self.extension(SUBJECT_ALT_NAME)?;
        let mut reader = DerReader(only(value, SEQUENCE).unwrap_or_default());
        let mut names = AlternativeNames::default();
        while let Some((tag, content)) = reader.element() {
            if tag == DNS_NAME {
                names.dns_names.push(String::from_utf8_lossy(content).into_owned());
            } else if tag == ADDRESS
                && let Ok(bytes) = <[u8; 4]>::try_from(content)
            {
                names.addresses.push(bytes.into());
            } else if tag == ADDRESS
                && let Ok(bytes) = <[u8; 16]>::try_from(content)
            {
                names.addresses.push(bytes.into());
            }
        }
        Some(names)
    }

    /// The subject as `CN=..., O=..., OU=...`; `None` if it has none of these.
    pub fn subject_text(&self) -> Option<String> {
        name_text(self.subject)
    }

    /// The issuer in the same form.
    pub fn issuer_text(&self) -> Option<String> {
        name_text(self.issuer)
    }
}

fn name_text(name: &[u8]) -> Option<String> {
    let parts: Vec<String> = [(3, "CN"), (10, "O"), (11, "OU")]
        .into_iter()
        .filter_map(|(number, key)| attribute(name, number).map(|value| format!("{key}={value}")))
        .collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

/// The first attribute of X.520 with this number in a name, if it is a non-empty UTF8String, PrintableString or
/// IA5String.
fn attribute(name: &[u8], number: u8) -> Option<&str> {
    const SET: u8 = 0x31;
    const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];
    let mut sets = DerReader(name);
    while let Some(set) = sets.expect(SET) {
        let mut attributes = DerReader(set);
        while let Some(attribute) = attributes.expect(SEQUENCE) {
            let mut members = DerReader(attribute);
            if members.expect(OID)? == [0x55, 4, number] {
                let (_, text) = members.element().filter(|element| TEXTS.contains(&element.0))?;
                return std::str::from_utf8(text).ok().filter(|text| !text.is_empty());
            }
        }
    }
    None
}

/// The seconds since 1970 of a UTCTime or GeneralizedTime, as RFC 5280 writes them: to the second, in UTC.
fn seconds((tag, text): (u8, &[u8])) -> Option<i64> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    const DAYS_TO_1970: i64 = 719_468;
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) || !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs: Vec<i64> = digits
        .chunks(2)
        .map(|pair| i64::from(pair[0] - b'0') * 10 + i64::from(pair[1] - b'0'))
        .collect();
    let (year, rest) = match (tag, &pairs[..]) {
        (UTC_TIME, [year, rest @ ..]) => (if *year < 50 { 2000 } else { 1900 } + year, rest),
        (GENERALIZED_TIME, [century, year, rest @ ..]) => (century * 100 + year, rest),
        _ => return None,
    };
    let &[month @ 1..=12, day @ 1..=31, hour @ 0..=23, minute @ 0..=59, second @ 0..=59] = rest
    else {
        return None;
    };
    // Days since March 1 of the year 0, with years that begin in March, so that leap days are at their ends.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((((days - DAYS_TO_1970) * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_times() {
        for (tag, text, expected) in [
            (0x17, "700101000000Z", Some(0)),
            (0x17, "691231235959Z", Some(-1)),
            (0x17, "000301000000Z", Some(951_868_800)),
            (0x17, "240229120000Z", Some(1_709_208_000)),
            (0x17, "491231235959Z", Some(2_524_607_999)),
            (0x18, "20500101000000Z", Some(2_524_608_000)),
            (0x18, "99991231235959Z", Some(253_402_300_799)),
            (0x17, "20500101000000Z", None),
            (0x18, "500101000000Z", None),
            (0x17, "701301000000Z", None),
            (0x17, "700100000000Z", None),
            (0x17, "700101240000Z", None),
            (0x17, "700101000000", None),
            (0x17, "7001010000Z", None),
            (0x17, "70010100000-Z", None),
            (0x17, "Z", None),
        ] {
            assert_eq!(seconds((tag, text.as_bytes())), expected, "{text}");
        }
    }
}
