//! The keys and certificates of a cluster, valid and invalid ones, as files in a folder.
//!
//! The certificates are made with rcgen. The keys of the clients are made with openssl, because kubeconfigs
//! contain three formats (PKCS#1, PKCS#8, SEC1) and all three are tested.

use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd,
};

/// The organization and the common name of an administrator.
const ADMIN: (&str, &str) = ("system:masters", "kubernetes-admin");

/// Writes `ca.crt`, `ca.key`, `other-ca.crt` and `sa.key`, and a `.crt` and a `.key` for each of `server`, `server-expired`,
/// `admin` (PKCS#1), `admin-pkcs8`, `admin-ec` (SEC1), `expired` and `unprivileged`.
pub(super) fn write(folder: &Path, openssl: &Path) -> Result<(), String> {
    let authority = authority("test-cluster");
    file(folder, "ca.crt", authority.0.as_bytes());
    file(folder, "ca.key", authority.1.key().serialize_pem().as_bytes());
    file(folder, "other-ca.crt", self::authority("another-cluster").0.as_bytes());
    let issuer = &authority.1;

    let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc"];
    server(folder, "server", issuer, params("", "kube-apiserver", &names));
    let mut expired = params("", "expired", &["expired.test"]);
    set_expired(&mut expired);
    server(folder, "server-expired", issuer, expired);

    let rsa = Keys::rsa(folder, openssl)?;
    let ec = Keys::ec(folder, openssl)?;
    let admin = || client(ADMIN.0, ADMIN.1);
    let mut expired = admin();
    set_expired(&mut expired);
    for (name, params, keys, key) in [
        ("admin", admin(), &rsa, &rsa.traditional),
        ("admin-pkcs8", admin(), &rsa, &rsa.pkcs8),
        ("admin-ec", admin(), &ec, &ec.traditional),
        ("expired", expired, &rsa, &rsa.traditional),
        ("unprivileged", client("nogroup", "unprivileged"), &rsa, &rsa.traditional),
    ] {
        let certificate = params.signed_by(&keys.pair, issuer).expect("valid parameters");
        file(folder, &format!("{name}.crt"), certificate.pem().as_bytes());
        file(folder, &format!("{name}.key"), key.as_bytes());
    }
    // The API server signs the tokens of service accounts with it, and derives the public key.
    file(folder, "sa.key", rsa.traditional.as_bytes());
    Ok(())
}

/// One key in two formats: the one that openssl calls traditional (PKCS#1 for RSA, SEC1 for EC), and PKCS#8.
struct Keys {
    traditional: String,
    pkcs8: String,
    pair: KeyPair,
}

impl Keys {
    fn rsa(folder: &Path, openssl: &Path) -> Result<Self, String> {
        let (traditional, pkcs8) = make_key(folder, openssl, "RSA", "rsa_keygen_bits:2048")?;
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pkcs8, &PKCS_RSA_SHA256);
        let pair = pair.map_err(|error| format!("openssl's RSA key: {error}"))?;
        Self::checked(traditional, "BEGIN RSA PRIVATE KEY", pkcs8, pair)
    }

    fn ec(folder: &Path, openssl: &Path) -> Result<Self, String> {
        let (traditional, pkcs8) = make_key(folder, openssl, "EC", "ec_paramgen_curve:P-256")?;
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pkcs8, &PKCS_ECDSA_P256_SHA256);
        let pair = pair.map_err(|error| format!("openssl's EC key: {error}"))?;
        Self::checked(traditional, "BEGIN EC PRIVATE KEY", pkcs8, pair)
    }

    /// Checks the formats: otherwise a test of three formats could test one of them three times.
    fn checked(
        traditional: String,
        head: &str,
        pkcs8: String,
        pair: KeyPair,
    ) -> Result<Self, String> {
        for (text, head) in [(&traditional, head), (&pkcs8, "BEGIN PRIVATE KEY")] {
            if !text.contains(head) {
                return Err(format!("openssl did not write a key with {head}"));
            }
        }
        Ok(Self { traditional, pkcs8, pair })
    }
}

/// Generates a key, and returns it in the traditional format and in PKCS#8.
fn make_key(
    folder: &Path,
    openssl: &Path,
    algorithm: &str,
    option: &str,
) -> Result<(String, String), String> {
    let new_key = folder.join(format!("{algorithm}.pem"));
    let mut args = vec!["genpkey", "-algorithm", algorithm, "-pkeyopt", option];
    if algorithm == "EC" {
        args.extend(["-pkeyopt", "ec_param_enc:named_curve"]);
    }
    run(Command::new(openssl).args(&args).arg("-out").arg(&new_key))?;
    let pkcs8 = std::fs::read_to_string(&new_key).map_err(|error| error.to_string())?;
    let traditional =
        run(Command::new(openssl).args(["pkey", "-traditional", "-in"]).arg(&new_key))?;
    std::fs::remove_file(&new_key).map_err(|error| error.to_string())?;
    Ok((traditional, pkcs8))
}

fn run(command: &mut Command) -> Result<String, String> {
    // The configuration of openssl on this machine must not matter.
    let output = command.env("OPENSSL_CONF", "/dev/null").output();
    let program = PathBuf::from(command.get_program());
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}: {stderr}", program.display(), output.status))
}

/// The certificate of a new authority, and the issuer that signs with it.
fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = params("", name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().expect("randomness");
    let pem = params.self_signed(&key).expect("valid parameters").pem();
    (pem, Issuer::new(params, key))
}

fn server(
    folder: &Path,
    name: &str,
    issuer: &Issuer<'static, KeyPair>,
    mut params: CertificateParams,
) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().expect("randomness");
    let certificate = params.signed_by(&key, issuer).expect("valid parameters");
    file(folder, &format!("{name}.crt"), certificate.pem().as_bytes());
    file(folder, &format!("{name}.key"), key.serialize_pem().as_bytes());
}

fn client(organization: &str, common_name: &str) -> CertificateParams {
    let mut params = params(organization, common_name, &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

fn params(organization: &str, common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    if !organization.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn set_expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
}

/// Writes a file that only its owner can read.
pub(super) fn file(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    crate::plugins::set_mode(&path, 0o600);
}
