//! Tests of which server certificates are trusted, most of them negative.

use std::sync::Arc;
use std::time::Duration;

use gatherer_plugin_api::ErrorKind;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};

use super::pem_blocks::PemBlocks;
use super::tls::trust;
use super::tls_error::{CertificateHints, explain_certificate};
use super::trusted_certificates::{Rejection, TrustedCertificates};
use super::verifier::{CertificateFacts, RejectedCertificate};

type Der = CertificateDer<'static>;

/// Certificates that rcgen cannot make, valid for 100 years: two authorities of one name, and certificates for
/// a.example.
const SERVERS: &str = include_str!("test_keys/servers.pem");

/// An authority's certificate, and the issuer that signs with its key.
struct Ca(Der, Issuer<'static, KeyPair>);

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(params: CertificateParams, parent: Option<&Ca>) -> Ca {
    let mut params = params;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = match parent {
        None => params.self_signed(&key),
        Some(parent) => params.signed_by(&key, &parent.1),
    };
    Ca(certificate.expect("a certificate").der().clone(), Issuer::new(params, key))
}

fn issue(ca: &Ca, change: impl FnOnce(&mut CertificateParams)) -> Der {
    let mut params = params("server");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    params.signed_by(&key, &ca.1).expect("a certificate").der().clone()
}

fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Der {
    let mut params = params("server");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").der().clone()
}

fn be_authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn expire(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
}

fn begin_later(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2090, 1, 1);
}

fn be_for(usage: ExtendedKeyUsagePurpose) -> impl FnOnce(&mut CertificateParams) {
    |params| params.extended_key_usages.push(usage)
}

/// Verifies a server's certificate and intermediate ones for the name, on a day of 2030.
fn verify_chain(trusted: &[&Der], chain: &[&Der], name: &str) -> Result<(), Rejection> {
    let (mut roots, mut certificates) = (RootCertStore::empty(), Vec::new());
    for certificate in trusted {
        trust(&mut roots, &mut certificates, (*certificate).clone()).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trusted = TrustedCertificates::new(roots, certificates, &provider).expect("roots");
    let chain: Vec<Der> = chain.iter().map(|&der| der.clone()).collect();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_900_000_000));
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    trusted.verify(&chain[0], &chain[1..], &name, now)
}

fn verify(trusted: &Der, server: &Der) -> Result<(), Rejection> {
    verify_chain(&[trusted], &[server], "a.example")
}

macro_rules! assert_rejected {
    ($result:expr, $pattern:pat) => {
        let result = $result;
        assert!(matches!(result, Err($pattern)), "{result:?}");
    };
}

#[test]
fn trusts_the_servers_own_certificate_if_it_is_valid() {
    use CertificateError as Error;

    for make_authority in [false, true] {
        let own = |change: fn(&mut CertificateParams)| {
            self_signed(|params| {
                if make_authority {
                    be_authority(params);
                }
                change(params);
            })
        };
        let server = own(|_| ());
        assert!(verify(&server, &server).is_ok());
        assert_rejected!(verify_chain(&[&server], &[&server], "b.example"), Rejection::Name(_));
        let server = own(expire);
        assert_rejected!(verify(&server, &server), Rejection::Certificate(Error::Expired));
        let server = own(begin_later);
        assert_rejected!(verify(&server, &server), Rejection::Certificate(Error::NotValidYet));
        let server = own(|params| be_for(ExtendedKeyUsagePurpose::ClientAuth)(params));
        assert_rejected!(verify(&server, &server), Rejection::Usage);
        // Another certificate with the same names, as after a new installation.
        let (server, other) = (own(|_| ()), own(|_| ()));
        assert_rejected!(verify(&other, &server), Rejection::Certificate(Error::BadSignature));
    }
    let ca = authority(params("ca"), None);
    let server = issue(&ca, |_| ());
    assert!(verify(&server, &server).is_ok(), "its issuer is not trusted");
    assert_rejected!(
        verify(&server, &issue(&ca, |_| ())),
        Rejection::Certificate(Error::UnknownIssuer)
    );
}

#[test]
fn trusts_a_certificate_of_an_authority_or_for_any_usage_from_a_trusted_authority() {
    use CertificateError as Error;

    let ca = authority(params("ca"), None);
    let forged = authority(params("ca"), None);
    let other = authority(params("other"), None);
    let any_usage = |params: &mut CertificateParams| be_for(ExtendedKeyUsagePurpose::Any)(params);
    for kind in [be_authority, any_usage] {
        let with = |ca: &Ca, change: fn(&mut CertificateParams)| {
            issue(ca, |params| {
                kind(params);
                change(params);
            })
        };
        let server = with(&ca, |_| ());
        assert!(verify(&ca.0, &server).is_ok());
        assert_rejected!(verify_chain(&[&ca.0], &[&server], "b.example"), Rejection::Name(_));
        assert_rejected!(verify(&ca.0, &with(&ca, expire)), Rejection::Certificate(_));
        assert_rejected!(verify(&ca.0, &with(&ca, begin_later)), Rejection::Certificate(_));
        let server = with(&forged, |_| ());
        assert_rejected!(verify(&ca.0, &server), Rejection::Certificate(Error::BadSignature));
        let server = with(&other, |_| ());
        assert_rejected!(verify(&ca.0, &server), Rejection::Certificate(Error::UnknownIssuer));
        let mut damaged = with(&ca, |_| ()).to_vec();
        *damaged.last_mut().expect("bytes") ^= 1;
        assert_rejected!(
            verify(&ca.0, &damaged.into()),
            Rejection::Certificate(Error::BadSignature)
        );
    }
    let for_clients = |params: &mut CertificateParams| {
        be_authority(params);
        be_for(ExtendedKeyUsagePurpose::ClientAuth)(params);
    };
    assert_rejected!(verify(&ca.0, &issue(&ca, for_clients)), Rejection::Usage);
}

#[test]
fn a_certificate_of_an_authority_is_not_trusted_where_only_webpki_could_check_it() {
    let constrained = |name: &str| {
        let mut params = params(name);
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("b.example".to_owned())],
            excluded_subtrees: Vec::new(),
        });
        params
    };
    let ca = authority(constrained("ca"), None);
    assert_rejected!(
        verify(&ca.0, &issue(&ca, be_authority)),
        Rejection::Indirect { is_authority: true }
    );
    assert!(verify(&ca.0, &issue(&ca, |_| ())).is_err());

    let ca = authority(params("ca"), None);
    let intermediate = authority(params("intermediate"), Some(&ca));
    let server = issue(&intermediate, be_authority);
    let result = verify_chain(&[&ca.0], &[&server, &intermediate.0], "a.example");
    assert_rejected!(result, Rejection::Indirect { is_authority: true });
    let server = issue(&intermediate, be_for(ExtendedKeyUsagePurpose::Any));
    let result = verify_chain(&[&ca.0], &[&server, &intermediate.0], "a.example");
    assert_rejected!(result, Rejection::Indirect { is_authority: false });
    let ordinary = issue(&intermediate, |_| ());
    let result = verify_chain(&[&ca.0], &[&ordinary, &intermediate.0], "a.example");
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn a_trusted_authority_issues_a_certificate_of_an_authority_only_if_its_own_is_valid_and_allows_it()
{
    use CertificateError as Error;

    let with = |change: fn(&mut CertificateParams)| {
        let mut params = params("ca");
        change(&mut params);
        authority(params, None)
    };
    let sign_certificates: fn(&mut CertificateParams) =
        |params| params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    let issue_for_servers: fn(&mut CertificateParams) =
        |params| be_for(ExtendedKeyUsagePurpose::ServerAuth)(params);
    for allowed in [sign_certificates, issue_for_servers] {
        let ca = with(allowed);
        let result = verify(&ca.0, &issue(&ca, be_authority));
        assert!(result.is_ok(), "{result:?}");
    }
    let ca = with(expire);
    assert_rejected!(
        verify(&ca.0, &issue(&ca, be_authority)),
        Rejection::Authority(Error::Expired)
    );
    let ca = with(begin_later);
    assert_rejected!(
        verify(&ca.0, &issue(&ca, be_authority)),
        Rejection::Authority(Error::NotValidYet)
    );
    let sign_data: fn(&mut CertificateParams) =
        |params| params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    let issue_for_clients: fn(&mut CertificateParams) =
        |params| be_for(ExtendedKeyUsagePurpose::ClientAuth)(params);
    for not_allowed in [sign_data, issue_for_clients] {
        let ca = with(not_allowed);
        assert_rejected!(
            verify(&ca.0, &issue(&ca, be_authority)),
            Rejection::Authority(Error::InvalidPurpose)
        );
    }
}

#[test]
fn all_trusted_authorities_of_a_name_are_tried() {
    let constrained = |params: &mut CertificateParams| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("b.example".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    };
    let with = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = params("ca");
        change(&mut params);
        authority(params, None)
    };
    let (valid, limited, expired) = (with(&|_| ()), with(&constrained), with(&expire));
    let all = [&valid.0, &limited.0, &expired.0];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let trusted = order.map(|index| all[index]);
        let check = |ca: &Ca| verify_chain(&trusted, &[&issue(ca, be_authority)], "a.example");
        assert!(check(&valid).is_ok());
        assert_rejected!(check(&limited), Rejection::Indirect { is_authority: true });
        assert_rejected!(check(&expired), Rejection::Authority(CertificateError::Expired));
    }
    // A renewed certificate has the key of the expired one.
    let mut renewed = params("ca");
    renewed.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let renewed = renewed.self_signed(expired.1.key()).expect("a certificate").der().clone();
    for trusted in [[&renewed, &expired.0], [&expired.0, &renewed]] {
        let result = verify_chain(&trusted, &[&issue(&expired, be_authority)], "a.example");
        assert!(result.is_ok(), "{result:?}");
    }
}

#[test]
fn names_the_keys_and_signatures_that_ring_does_not_support() {
    let all: Vec<Der> =
        PemBlocks::parse(SERVERS.as_bytes()).labelled("CERTIFICATE").map(Der::from).collect();
    let [p256, p521, servers @ ..] = &all[..] else { panic!("two authorities") };
    let mut messages = String::new();
    for server in &servers[..7] {
        let roots = if messages.lines().count() < 2 { p521 } else { p256 };
        let rejection = verify(roots, server).expect_err("unsupported");
        let rejected = RejectedCertificate { rejection, facts: CertificateFacts::default() };
        let (kind, why, hint) = explain_certificate(&rejected, CertificateHints::default());
        assert_eq!(kind, ErrorKind::Unsupported, "{why}");
        for part in [&why, " (", hint, ")\n"] {
            messages.push_str(part);
        }
    }
    insta::assert_snapshot!(messages);
    // Trust in the certificate does not help if the server's signature cannot be verified.
    assert_rejected!(verify(&servers[2], &servers[2]), Rejection::Unsupported(..));
    assert!(verify(&servers[0], &servers[0]).is_ok(), "only its issuer is of P-521");
    let version1 = servers.last().expect("a certificate");
    assert_rejected!(verify(p256, version1), Rejection::Name(_));
    assert_rejected!(verify(version1, version1), Rejection::Name(_));
}

#[test]
fn the_key_of_a_trusted_server_does_not_sign_certificates_of_other_servers() {
    let mut own = params("trusted");
    own.is_ca = IsCa::ExplicitNoCa;
    let key = KeyPair::generate().expect("a key");
    let trusted = own.self_signed(&key).expect("a certificate").der().clone();
    let server = Ca(trusted.clone(), Issuer::new(own, key));
    assert!(verify(&trusted, &trusted).is_ok());
    for change in [(|_| ()) as fn(&mut CertificateParams), be_authority] {
        let other = issue(&server, change);
        assert_rejected!(
            verify(&other, &trusted),
            Rejection::Certificate(CertificateError::UnknownIssuer)
        );
        // Another authority beside it changes nothing.
        let ca = authority(params("authority"), None);
        assert_rejected!(
            verify_chain(&[&trusted, &ca.0], &[&other], "a.example"),
            Rejection::Certificate(CertificateError::UnknownIssuer)
        );
    }
}
