//! Rows about a cluster's server, its authority, and how to reach it.

use gatherer_tests::servers::kubernetes::{ADMIN_TOKEN, kubeconfig_yaml};

use super::{Parts, Row, base64};

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn rows(parts: &Parts) -> Vec<Row> {
    let token = format!("token: {ADMIN_TOKEN}");
    let row = |form: &str, cluster: &str| Row::new(form, parts.kubeconfig(cluster, &token));
    let authority = parts.read("ca.crt");
    let other = parts.read("other-ca.crt");
    let trusting = |form: &str, pem: &str| {
        row(&format!("authority: {form}"), &format!("certificate-authority-data: {}", base64(pem)))
    };
    let joined = |a: &str, b: &str| format!("{}{b}", a.trim_end());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let mut rows = vec![
        trusting("one certificate", &authority),
        trusting("the right certificate last", &format!("{other}{authority}")),
        trusting("two certificates on one line, the right one first", &joined(&authority, &other)),
        trusting("two certificates on one line, the right one last", &joined(&other, &authority)),
        trusting("CRLF", &authority.replace('\n', "\r\n")),
        trusting("without a last line break", authority.trim_end()),
        trusting("after other text", &format!("# comment\nsubject=/CN=a\n{authority}")),
        trusting("between other text", &format!("{other}text\n{authority}text")),
        trusting("a broken certificate first", &format!("{broken}{authority}")),
        trusting("a broken certificate last", &format!("{authority}{broken}")),
        trusting("only a broken certificate", broken),
        trusting("beside a key", &format!("{authority}{}", parts.read("admin-ec.key"))),
        trusting("a key only", &parts.read("admin-ec.key")),
        trusting(
            "labelled TRUSTED CERTIFICATE",
            &authority
                .replace("CERTIFICATE-----", "TRUSTED CERTIFICATE-----")
                .replace("BEGIN CERT", "BEGIN TRUSTED CERT")
                .replace("TRUSTED TRUSTED", "TRUSTED"),
        ),
        trusting("with headers", &authority.replacen("-----\n", "-----\nA: b\n\n", 1)),
        trusting(
            "base64 in several lines of PEM of other lengths",
            &authority
                .replace('\n', "")
                .replace("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n")
                .replace("-----END", "\n-----END"),
        ),
        trusting("no PEM", "certificate"),
        row(
            "authority: base64 in quotes with a line break",
            &format!("certificate-authority-data: \"{}\\n\"", base64(&authority)),
        ),
        row(
            "authority: base64 with blanks at its end",
            &format!("certificate-authority-data: \"{}  \"", base64(&authority)),
        ),
        row("authority: invalid base64", "certificate-authority-data: \"%%%\""),
        row(
            "authority: PEM in place of base64",
            &format!("certificate-authority-data: {}", serde_json::json!(authority)),
        ),
        row("authority: file beside", "certificate-authority: ca.crt")
            .file("ca.crt", &authority[..]),
        row("authority: file that is missing", "certificate-authority: missing.crt"),
        row(
            "authority: file outside the kubeconfig's folder",
            &format!("certificate-authority: {}/ca.crt", parts.certificates.folder().display()),
        ),
        row(
            "authority: data beside a file that is missing",
            &format!("{}\ncertificate-authority: missing.crt", parts.authority()),
        ),
        row(
            "authority: empty data beside a file",
            "certificate-authority-data: \"\"\ncertificate-authority: ca.crt",
        )
        .file("ca.crt", &authority[..]),
        row("no authority", ""),
        row("insecure", "insecure-skip-tls-verify: true"),
        row(
            "insecure with an authority",
            &format!("{}\ninsecure-skip-tls-verify: true", parts.authority()),
        ),
        row(
            "not insecure with an authority",
            &format!("{}\ninsecure-skip-tls-verify: false", parts.authority()),
        ),
        row(
            "server name of the certificate",
            &format!("{}\ntls-server-name: kubernetes.default.svc", parts.authority()),
        ),
        row(
            "server name that is wrong",
            &format!("{}\ntls-server-name: wrong.test", parts.authority()),
        ),
        row("server name that is empty", &format!("{}\ntls-server-name: \"\"", parts.authority())),
        row(
            "proxy that does not answer",
            &format!("{}\nproxy-url: http://127.0.0.1:1", parts.authority()),
        ),
        row("proxy that is empty", &format!("{}\nproxy-url: \"\"", parts.authority())),
        row(
            "proxy with an unknown scheme",
            &format!("{}\nproxy-url: ftp://127.0.0.1:1", parts.authority()),
        ),
        row(
            "unknown field of a cluster",
            &format!("{}\nunknown: 1\ndisable-compression: true", parts.authority()),
        ),
    ];
    let good = parts.kubeconfig(&parts.authority(), &token);
    let (url, insecure) = (&parts.url, parts.kubeconfig("insecure-skip-tls-verify: true", &token));
    let bare = url.trim_start_matches("https://");
    for (form, server) in [
        ("with a slash at its end", format!("{url}/")),
        ("with several slashes at its end", format!("{url}///")),
        ("with a path that does not exist", format!("{url}/a/b")),
        ("with capital letters in its scheme", format!("HTTPS://{bare}")),
        ("with the name localhost", url.replace("127.0.0.1", "localhost")),
        ("with a query", format!("{url}?a=b")),
        ("with a fragment", format!("{url}/#a")),
        ("with user and password", format!("https://user:canary-password@{bare}")),
        ("with blanks at its end", format!("\"{url}  \"")),
        ("with blanks before it", format!("\"  {url}\"")),
        ("in quotes", format!("\"{url}\"")),
        ("with a line break at its end", format!("\"{url}\\n\"")),
        ("without scheme", bare.to_owned()),
        ("without scheme, with a path", format!("{bare}/")),
        ("with scheme http", url.replace("https", "http")),
        ("with an unknown scheme", url.replace("https", "ftp")),
        ("with port 0", "https://127.0.0.1:0".to_owned()),
        ("with a port above 65535", "https://127.0.0.1:70000".to_owned()),
        ("that is empty", "\"\"".to_owned()),
        ("that is a host name that does not exist", "https://nosuch.invalid:6443".to_owned()),
    ] {
        let replace = |document: &str| {
            document.replace(&format!("server: {url}"), &format!("server: {server}"))
        };
        rows.push(Row::new(format!("server {form}"), replace(&good)));
        if form.contains("without scheme") {
            rows.push(Row::new(format!("server {form}, insecure"), replace(&insecure)));
        }
    }
    let (http, trust) = (&parts.http_address, parts.authority());
    for (form, server, cluster) in [
        ("http", format!("http://{http}"), ""),
        ("http, with an authority", format!("http://{http}"), &*trust),
        ("http, without a scheme", http.clone(), ""),
        ("http, without a scheme, with an authority", http.clone(), &*trust),
        ("http, without a scheme, insecure", http.clone(), "insecure-skip-tls-verify: true"),
        ("http, with a path", format!("{http}/"), ""),
        ("http at a port that speaks https", format!("http://{bare}"), &*trust),
    ] {
        let form = format!("server that speaks {form}");
        rows.push(Row::new(form, kubeconfig_yaml(&server, cluster, &token)));
    }
    rows
}
