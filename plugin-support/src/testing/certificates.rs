//! Valid and invalid certificates for servers and clients, generated in memory.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate and its key.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    /// The authority that must have signed the certificates of clients, if clients need one.
    client_authority: Option<CertificateDer<'static>>,
}

/// A client's certificate and its key, both PEM.
#[derive(Debug)]
pub struct ClientIdentity {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// The encoding of a private key, by the label of its PEM block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// `RSA PRIVATE KEY`
    Pkcs1,
    /// `PRIVATE KEY`
    Pkcs8,
    /// `EC PRIVATE KEY`
    Sec1,
}

impl Authority {
    /// Generates an authority.
    pub fn new(name: &str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be generated");
        let pem = params.self_signed(&key).expect("the parameters are valid").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The authority's certificate, for a `ca_file`.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A valid certificate for these host names or addresses. Without names it has no subjectAltName, only the
    /// common name `127.0.0.1`.
    pub fn identity(&self, names: &[&str]) -> Identity {
        self.sign(&params("127.0.0.1", names))
    }

    /// A certificate that expires after this time.
    pub fn identity_valid_for(&self, names: &[&str], time: Duration) -> Identity {
        let mut params = params("127.0.0.1", names);
        params.not_after = (SystemTime::now() + time).into();
        self.sign(&params)
    }

    /// A certificate that was valid until 2020.
    pub fn expired_identity(&self, names: &[&str]) -> Identity {
        let mut params = params("127.0.0.1", names);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(&params)
    }

    /// A client's certificate and its key in this encoding. For PKCS#1, which is for RSA keys, the program `openssl`
    /// generates the key: `None` if it is not installed.
    pub fn client(&self, form: KeyForm) -> Option<ClientIdentity> {
        let key = match form {
            KeyForm::Pkcs1 => KeyPair::from_pem(&openssl_key()?).expect("openssl prints a key"),
            KeyForm::Pkcs8 | KeyForm::Sec1 => KeyPair::generate().expect("a key can be generated"),
        };
        let mut params = params("client", &[]);
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let certificate =
            params.signed_by(&key, &self.issuer).expect("the parameters are valid").pem();
        let key = match form {
            KeyForm::Pkcs8 => key.serialize_pem(),
            KeyForm::Pkcs1 => pem("RSA PRIVATE KEY", inner_key(&key.serialize_der())),
            KeyForm::Sec1 => pem("EC PRIVATE KEY", inner_key(&key.serialize_der())),
        };
        Some(ClientIdentity { certificate, key })
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key can be generated");
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are valid");
        Identity { certificate: certificate.der().clone(), key, client_authority: None }
    }
}

impl Identity {
    /// A self-signed certificate.
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("a key can be generated");
        let certificate =
            params("127.0.0.1", names).self_signed(&key).expect("the parameters are valid");
        Self { certificate: certificate.der().clone(), key, client_authority: None }
    }

    /// Requires a certificate of this authority from each client.
    #[must_use]
    pub fn demanding(mut self, authority: &Authority) -> Self {
        let certificate = CertificateDer::from_pem_slice(authority.pem.as_bytes());
        self.client_authority = Some(certificate.expect("the authority's certificate is PEM"));
        self
    }

    /// The certificate, for a server that reads it from a file.
    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The key of the certificate, for a server that reads it from a file.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub(super) fn server_config(&self) -> Arc<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions");
        let builder = match &self.client_authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.clone()).expect("the authority's certificate is valid");
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().expect("there is a root"))
            }
        };
        let config = builder
            .with_single_cert(vec![self.certificate.clone()], key.into())
            .expect("the key belongs to the certificate");
        Arc::new(config)
    }
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are valid");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// A new RSA key in PKCS#8, or `None` if `openssl` is not installed.
fn openssl_key() -> Option<String> {
    let output = std::process::Command::new("openssl")
        .args(["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).expect("PEM is text"))
}

/// The PKCS#1 or SEC1 key in a PKCS#8 key: the octet string after version and algorithm.
fn inner_key(pkcs8: &[u8]) -> &[u8] {
    let (_, mut members, _) = element(pkcs8);
    loop {
        let (tag, content, rest) = element(members);
        if tag == 0x04 {
            return content;
        }
        members = rest;
    }
}

/// Splits DER after its first element. Returns the element's tag and content, and the rest.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, start) = match usize::from(der[1]) {
        short if short < 0x80 => (short, 2),
        long => {
            let digits = &der[2..2 + (long & 0x7f)];
            let length = digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit));
            (length, 2 + digits.len())
        }
    };
    (der[0], &der[start..start + length], &der[start + length..])
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;

    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..text.len()).step_by(64).map(|start| &text[start..text.len().min(start + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::{Authority, KeyForm};

    #[test]
    fn each_key_has_the_requested_form() {
        let authority = Authority::new("An authority");
        for form in [KeyForm::Pkcs1, KeyForm::Pkcs8, KeyForm::Sec1] {
            let Some(client) = authority.client(form) else { continue };
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).expect("the key is PEM");
            let found = match key {
                PrivateKeyDer::Pkcs1(_) => KeyForm::Pkcs1,
                PrivateKeyDer::Sec1(_) => KeyForm::Sec1,
                _ => KeyForm::Pkcs8,
            };
            assert_eq!(found, form);
            rustls::crypto::ring::sign::any_supported_type(&key).expect("ring supports the key");
        }
    }
}
