//! Rows about certificates of servers: the API server presents each of them for its own server name.

use gatherer_tests::servers::kubernetes::{ADMIN_TOKEN, Pki, ServedCertificate};

use super::certificates::{Certificates, Pair, Signer, read};
use super::{Parts, Row, base64};

/// The certificates, by server name. The authorities of some are in files.
pub fn write(pki: &Pki) -> Vec<ServedCertificate> {
    let pki = Pki { folder: pki.folder.clone(), openssl: pki.openssl.clone() };
    let certificates = Certificates::new(pki);
    let authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign";
    let new_authority = |name: &str, algorithm: &str, extensions: &str| {
        let key = certificates.key(name, algorithm);
        let subject = format!("/CN={name}");
        let certificate = certificates.self_signed(name, &key, &subject, extensions);
        Pair { key, certificate }
    };
    let mut served = Vec::new();
    let mut serve = |name: &str, Pair { key, certificate }: Pair| {
        served.push(ServedCertificate { name: name.to_owned(), certificate, key });
    };
    let san = |name: &str| format!("subjectAltName=DNS:{name}");

    for (name, algorithm) in SELF_SIGNED_KEYS {
        let key = certificates.key(name, algorithm);
        let lines = format!("{}\nbasicConstraints=critical,CA:FALSE", san(name));
        let certificate = certificates.self_signed(name, &key, "/CN=pinned", &lines);
        serve(name, Pair { key, certificate });
    }
    let key = certificates.key("pinned-other.test", "ec:P-256");
    let lines = "subjectAltName=DNS:else.example";
    let certificate = certificates.self_signed("pinned-other.test", &key, "/CN=pinned", lines);
    serve("pinned-other.test", Pair { key, certificate });
    for (name, lines) in [
        ("pinned-authority.test", "basicConstraints=critical,CA:TRUE"),
        ("pinned-client.test", "extendedKeyUsage=clientAuth"),
    ] {
        let key = certificates.key(name, "ec:P-256");
        let lines = format!("{}\n{lines}", san(name));
        let certificate = certificates.self_signed(name, &key, "/CN=pinned", &lines);
        serve(name, Pair { key, certificate });
    }
    for (name, algorithm, lines) in [
        ("authority.test", "ec:P-256", "basicConstraints=critical,CA:TRUE"),
        ("client-only.test", "ec:P-256", "extendedKeyUsage=clientAuth"),
        ("any-usage.test", "ec:P-256", "extendedKeyUsage=anyExtendedKeyUsage"),
        ("several-usages.test", "ec:P-256", "extendedKeyUsage=clientAuth,serverAuth"),
        ("p521.test", "ec:P-521", ""),
        ("p384.test", "ec:P-384", ""),
        ("ed25519.test", "ED25519", ""),
        ("rsa1024.test", "rsa:1024", ""),
        ("rsa3000.test", "rsa:3000", ""),
    ] {
        let key = certificates.key(name, algorithm);
        let lines = format!("{}\n{lines}", san(name));
        let certificate = certificates.sign(name, &key, "/CN=server", &lines, &Signer::Cluster);
        serve(name, Pair { key, certificate });
    }
    for (name, extensions) in [
        ("v1.test", ""),
        ("common-name.test", "basicConstraints=CA:FALSE"),
        ("address-only.test", "subjectAltName=IP:10.0.0.1"),
        ("several-names.test", "subjectAltName=DNS:a.example,DNS:*.b.example,IP:10.0.0.1"),
        ("wild.card.test", "subjectAltName=DNS:*.card.test"),
    ] {
        let key = certificates.key(name, "ec:P-256");
        let subject = format!("/CN={name}");
        let certificate = certificates.sign(name, &key, &subject, extensions, &Signer::Cluster);
        serve(name, Pair { key, certificate });
    }
    // Authorities of other kinds.
    for (name, algorithm, extensions) in [
        ("p521-authority", "ec:P-521", authority),
        ("rsa1024-authority", "rsa:1024", authority),
        ("v3-no-constraints-authority", "ec:P-256", "keyUsage=keyCertSign"),
        (
            "limited-authority",
            "ec:P-256",
            "basicConstraints=critical,CA:TRUE\nnameConstraints=permitted;DNS:else.example",
        ),
    ] {
        let signer = new_authority(name, algorithm, extensions);
        let host = format!("{name}.test");
        let key = certificates.key(&host, "ec:P-256");
        let certificate =
            certificates.sign(&host, &key, "/CN=server", &san(&host), &Signer::Other(&signer));
        serve(&host, Pair { key, certificate });
    }
    // An intermediate authority.
    let key = certificates.key("intermediate", "ec:P-256");
    let certificate =
        certificates.sign("intermediate", &key, "/CN=intermediate", authority, &Signer::Cluster);
    let intermediate = Pair { key, certificate };
    for (name, is_sent, lines) in [
        ("chain.test", true, ""),
        ("chain-missing.test", false, ""),
        ("chain-authority.test", true, "basicConstraints=critical,CA:TRUE"),
    ] {
        let key = certificates.key(name, "ec:P-256");
        let lines = format!("{}\n{lines}", san(name));
        let certificate =
            certificates.sign(name, &key, "/CN=server", &lines, &Signer::Other(&intermediate));
        if is_sent {
            let chain = read(&certificate) + &read(&intermediate.certificate);
            std::fs::write(&certificate, chain).expect("a file");
        }
        serve(name, Pair { key, certificate });
    }
    served
}

const SELF_SIGNED_KEYS: [(&str, &str); 3] = [
    ("pinned.test", "ec:P-256"),
    ("pinned-rsa.test", "rsa:2048"),
    ("pinned-p521.test", "ec:P-521"),
];

pub fn rows(parts: &Parts) -> Vec<Row> {
    let token = format!("token: {ADMIN_TOKEN}");
    let trusting = |form: &str, authority: &str, name: &str| {
        let authority = base64(parts.read(authority));
        let cluster = format!("certificate-authority-data: {authority}\ntls-server-name: {name}");
        Row::new(form, parts.kubeconfig(&cluster, &token))
    };
    let by_cluster = |form: &str, name: &str| trusting(form, "ca.crt", name);
    let pinned = |form: &str, name: &str| trusting(form, &format!("{name}.crt"), name);
    let mut rows = vec![
        pinned("pinned certificate of the server", "pinned.test"),
        pinned("pinned certificate of the server, RSA", "pinned-rsa.test"),
        pinned("pinned certificate of the server, P-521 key", "pinned-p521.test"),
        pinned("pinned certificate of the server that is an authority", "pinned-authority.test"),
        pinned("pinned certificate of the server for clients only", "pinned-client.test"),
        pinned("pinned certificate that the authority issued", "p384.test"),
        pinned("pinned certificate with another name", "pinned-other.test"),
        trusting("pinned certificate of another server", "pinned.test.crt", "pinned-rsa.test"),
        trusting("pinned certificate that has expired", "server-expired.crt", "expired.test"),
        by_cluster("server certificate of an authority, issued", "authority.test"),
        by_cluster(
            "server certificate of an authority, issued by an intermediate one",
            "chain-authority.test",
        ),
        by_cluster("server certificate for clients only", "client-only.test"),
        by_cluster("server certificate for any usage", "any-usage.test"),
        by_cluster("server certificate for clients and servers", "several-usages.test"),
        by_cluster("server key P-521", "p521.test"),
        by_cluster("server key P-384", "p384.test"),
        by_cluster("server key Ed25519", "ed25519.test"),
        by_cluster("server key RSA 1024", "rsa1024.test"),
        by_cluster("server key RSA 3000", "rsa3000.test"),
        by_cluster("server certificate of X.509 version 1", "v1.test"),
        by_cluster("server certificate without subjectAltName", "common-name.test"),
        by_cluster("server certificate for an address only", "address-only.test"),
        by_cluster("server certificate for several other names", "several-names.test"),
        by_cluster("server certificate with a wildcard", "wild.card.test"),
        by_cluster("server certificate that has expired", "expired.test"),
        by_cluster("intermediate authority is sent", "chain.test"),
        by_cluster("intermediate authority is not sent", "chain-missing.test"),
        trusting(
            "only the intermediate authority is trusted",
            "intermediate.crt",
            "chain-missing.test",
        ),
        trusting("authority with a P-521 key", "p521-authority.crt", "p521-authority.test"),
        trusting(
            "authority with an RSA 1024 key",
            "rsa1024-authority.crt",
            "rsa1024-authority.test",
        ),
        trusting(
            "authority without basic constraints",
            "v3-no-constraints-authority.crt",
            "v3-no-constraints-authority.test",
        ),
        trusting("authority for other names", "limited-authority.crt", "limited-authority.test"),
        trusting("another authority", "other-ca.crt", "kubernetes"),
    ];
    for name in [
        "pinned.test",
        "pinned-p521.test",
        "pinned-authority.test",
        "authority.test",
        "client-only.test",
        "p521.test",
        "rsa1024.test",
        "v1.test",
        "common-name.test",
        "expired.test",
        "p521-authority.test",
        "rsa1024-authority.test",
        "ed25519.test",
    ] {
        let cluster = format!("insecure-skip-tls-verify: true\ntls-server-name: {name}");
        rows.push(Row::new(format!("insecure, {name}"), parts.kubeconfig(&cluster, &token)));
    }
    rows
}
