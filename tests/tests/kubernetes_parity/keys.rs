//! Rows about client certificates and their private keys.

use super::certificates::{ADMIN, Pair, Signer, read};
use super::{Parts, Row, base64};

pub fn rows(parts: &Parts) -> Vec<Row> {
    let mut rows = kinds(parts);
    rows.extend(versions(parts));
    rows.extend(encodings(parts));
    rows.extend(pem(parts));
    rows
}

/// A row with this certificate and this key as data.
fn row(parts: &Parts, form: impl Into<String>, certificate: &str, key: &str) -> Row {
    let (certificate, key) = (base64(certificate), base64(key));
    let user = format!("client-certificate-data: {certificate}\nclient-key-data: {key}");
    Row::new(form, parts.kubeconfig(&parts.authority(), &user))
}

fn pair_row(parts: &Parts, form: impl Into<String>, pair: &Pair) -> Row {
    row(parts, form, &read(&pair.certificate), &read(&pair.key))
}

/// Kinds of keys.
fn kinds(parts: &Parts) -> Vec<Row> {
    let mut rows = Vec::new();
    for (kind, algorithm) in [
        ("P-256", "ec:P-256"),
        ("P-384", "ec:P-384"),
        ("P-521", "ec:P-521"),
        ("Ed25519", "ED25519"),
        ("Ed448", "ED448"),
        ("secp256k1", "ec:secp256k1"),
        ("RSA 1024", "rsa:1024"),
        ("RSA 2048", "rsa:2048"),
        ("RSA 3000", "rsa:3000"),
        ("RSA 3072", "rsa:3072"),
        ("RSA 4096", "rsa:4096"),
    ] {
        let name = format!("kind-{}", kind.replace(' ', "-"));
        let pair = parts.certificates.client(&name, algorithm);
        rows.push(pair_row(parts, format!("client key {kind}"), &pair));
    }
    let key = parts.certificates.folder().join("rsa-8192.key");
    std::fs::write(&key, include_str!("rsa-8192.pem")).expect("a new file");
    let extensions = "extendedKeyUsage=clientAuth";
    let certificate =
        parts.certificates.sign("rsa-8192", &key, ADMIN, extensions, &Signer::Cluster);
    rows.push(pair_row(parts, "client key RSA 8192", &Pair { key, certificate }));
    rows
}

/// Versions and contents of certificates.
fn versions(parts: &Parts) -> Vec<Row> {
    let certificates = &parts.certificates;
    let mut rows = Vec::new();
    for (kind, algorithm) in [("RSA", "rsa:2048"), ("P-256", "ec:P-256")] {
        let key = certificates.key(&format!("v1-{kind}"), algorithm);
        let certificate =
            certificates.sign(&format!("v1-{kind}"), &key, ADMIN, "", &Signer::Cluster);
        let form = format!("client certificate of X.509 version 1, {kind} key");
        rows.push(pair_row(parts, form, &Pair { key, certificate }));
    }
    for (form, name, extensions) in [
        ("without extended key usage", "no-usage", "basicConstraints=CA:FALSE"),
        ("for servers only", "server-only", "extendedKeyUsage=serverAuth"),
        (
            "of an authority",
            "authority",
            "basicConstraints=critical,CA:TRUE\nextendedKeyUsage=clientAuth",
        ),
        (
            "with an unknown critical extension",
            "critical",
            "1.2.3.4.5=critical,DER:0500\nextendedKeyUsage=clientAuth",
        ),
        ("with a subjectAltName", "named", "subjectAltName=DNS:a.example,email:a@b.example"),
    ] {
        let key = certificates.key(name, "ec:P-256");
        let certificate = certificates.sign(name, &key, ADMIN, extensions, &Signer::Cluster);
        rows.push(pair_row(
            parts,
            format!("client certificate {form}"),
            &Pair { key, certificate },
        ));
    }
    let (one, other) =
        (certificates.client("one", "ec:P-256"), certificates.client("two", "ec:P-256"));
    rows.push(row(
        parts,
        "client key of another certificate",
        &read(&one.certificate),
        &read(&other.key),
    ));
    rows
}

/// Encodings and labels of private keys.
fn encodings(parts: &Parts) -> Vec<Row> {
    let certificates = &parts.certificates;
    let mut rows = Vec::new();
    for (kind, algorithm) in [("RSA", "rsa:2048"), ("EC", "ec:P-256")] {
        let pair = certificates.client(&format!("encoded-{kind}"), algorithm);
        let certificate = read(&pair.certificate);
        let path = pair.key.to_str().expect("the path is text");
        let traditional = certificates.openssl(&["pkey", "-traditional", "-in", path]);
        for (encoding, pem) in [("PKCS#8", read(&pair.key)), ("traditional encoding", traditional)]
        {
            for label in
                ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ANY PRIVATE KEY", "KEY"]
            {
                let labelled = relabel(&pem, label);
                let form = format!("{kind} key in {encoding} labelled {label}");
                rows.push(row(parts, form, &certificate, &labelled));
            }
        }
        for (encoding, option) in [("PKCS#8", None), ("traditional encoding", Some("-traditional"))]
        {
            let pkey = ["pkey", "-in", path, "-aes128", "-passout", "pass:canary-passphrase"];
            let arguments: Vec<_> = pkey.into_iter().chain(option).collect();
            let encrypted = certificates.openssl(&arguments);
            let form = format!("encrypted {kind} key in {encoding}");
            rows.push(row(parts, form, &certificate, &encrypted));
        }
        if kind == "EC" {
            let curve =
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
            let key =
                format!("{curve}{}", certificates.openssl(&["pkey", "-traditional", "-in", path]));
            rows.push(row(parts, "EC key after its parameters", &certificate, &key));
            let der = "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n";
            rows.push(row(parts, "damaged key", &certificate, der));
        }
    }
    rows
}

fn relabel(pem: &str, label: &str) -> String {
    let lines: Vec<String> = pem
        .lines()
        .map(|line| match line.split(' ').next() {
            Some("-----BEGIN") => format!("-----BEGIN {label}-----"),
            Some("-----END") => format!("-----END {label}-----"),
            _ => line.to_owned(),
        })
        .collect();
    lines.join("\n") + "\n"
}

/// The text around the PEM blocks.
fn pem(parts: &Parts) -> Vec<Row> {
    let pair = parts.certificates.client("pem", "ec:P-256");
    let (certificate, key) = (read(&pair.certificate), read(&pair.key));
    let authority = parts.read("ca.crt");
    let row = |form: &str, certificate: &str, key: &str| {
        row(parts, format!("client {form}"), certificate, key)
    };
    let both = format!("{certificate}{key}");
    let joined = |a: &str, b: &str| format!("{}{b}", a.trim_end());
    vec![
        row("certificate and key in both fields", &both, &both),
        row("certificate followed by its authority", &format!("{certificate}{authority}"), &key),
        row(
            "certificate joined to its authority on one line",
            &joined(&certificate, &authority),
            &key,
        ),
        row(
            "certificate joined to its key on one line",
            &joined(&certificate, &key),
            &joined(&key, &certificate),
        ),
        row("key joined to itself on one line", &certificate, &joined(&key, &key)),
        row("key twice", &certificate, &format!("{key}{key}")),
        row("PEM with CRLF", &certificate.replace('\n', "\r\n"), &key.replace('\n', "\r\n")),
        row("PEM with CR alone", &certificate.replace('\n', "\r"), &key),
        row("PEM without a last line break", certificate.trim_end(), key.trim_end()),
        row(
            "PEM after other text",
            &format!("subject=admin\nissuer\n{certificate}"),
            &format!("Bag\n  x: 1\n{key}"),
        ),
        row("PEM with blanks at the ends of lines", &certificate.replace('\n', "  \n"), &key),
        row("PEM with blanks before lines", &certificate.replace('\n', "\n  "), &key),
        row("PEM with empty lines", &certificate.replace('\n', "\n\n"), &key),
        row("PEM with headers", &certificate.replacen("-----\n", "-----\nA: b\n\n", 1), &key),
        row(
            "certificate labelled TRUSTED CERTIFICATE",
            &relabel(&certificate, "TRUSTED CERTIFICATE"),
            &key,
        ),
        row(
            "certificate labelled X509 CERTIFICATE",
            &relabel(&certificate, "X509 CERTIFICATE"),
            &key,
        ),
        row("PEM with a byte order mark", &format!("\u{feff}{certificate}"), &key),
        row("certificate that is empty", "", &key),
        row("key that is empty", &certificate, ""),
        row(
            "certificate without an end",
            certificate.split("-----END").next().unwrap_or_default(),
            &key,
        ),
        row(
            "certificate with a broken second block",
            &format!("{certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            &key,
        ),
    ]
}
