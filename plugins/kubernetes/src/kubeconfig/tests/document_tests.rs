//! Tests of contexts, clusters, server URLs and field types.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::super::read_with;
use super::{
    CANARY, EC_CERT, Folder, add_case, base64, kubeconfig, policy, read, refusal, refusals, token,
    valid, with_cluster, with_user,
};

const SEVERAL: &str = "
current-context: b
contexts:
- {name: a, context: {cluster: one, user: admin}}
- {name: b, context: {cluster: two}}
- {name: lost-cluster, context: {cluster: three}}
- {name: lost-user, context: {cluster: one, user: nobody}}
- {name: no-cluster, context: {user: admin}}
- {name: empty}
clusters:
- {name: one, cluster: {server: 'https://one:6443/k8s/c-1'}}
- {name: two, cluster: {server: 'https://[fd00::1]:6443', tls-server-name: kubernetes}}
users:
- {name: admin, user: {token: abc}}
";

#[test]
fn reads_the_current_context_unless_another_is_named() {
    let current = read_with(SEVERAL, None, &policy()).expect("the current context");
    assert_eq!((current.context.as_str(), current.cluster.as_str()), ("b", "two"));
    assert_eq!(current.server.to_string(), "https://[fd00::1]:6443/");
    let server_name = current.tls_server_name.expect("a name");
    assert_eq!(server_name.to_str(), "kubernetes");
    let empty = read_with(SEVERAL, Some(""), &policy()).expect("the current context");
    assert_eq!(empty.context, "b");
    let other = read_with(SEVERAL, Some("a"), &policy()).expect("the context a");
    assert_eq!((other.context.as_str(), other.user.as_str()), ("a", "admin"));
    assert_eq!(other.server.to_string(), "https://one:6443/k8s/c-1");
}

#[test]
fn a_context_without_a_user_is_anonymous() {
    let access = read_with(SEVERAL, Some("b"), &policy()).expect("anonymous");
    assert_eq!(access.user, "");
    assert!(access.auth.token.is_none() && access.token_file.is_none());
    assert!(access.secrets.is_empty() && access.warnings.is_empty());
    // So is a user whose entry is empty.
    let empty_entry = valid(&with_user("").replace("user: {}", "user:"));
    assert!(empty_entry.auth.token.is_none());
}

#[test]
fn accepts_json_and_warns_about_http() {
    let json = r#"{"current-context":"x","contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],
        "clusters":[{"name":"c","cluster":{"server":"http://h:8080"}}],
        "users":[{"name":"u","user":{"token":"abc"}}]}"#;
    let access = valid(json);
    assert_eq!(access.server.scheme_str(), Some("http"));
    assert_eq!(access.warnings.len(), 1);
    assert!(access.warnings[0].message.contains("http"), "{:?}", access.warnings);
}

#[test]
fn an_unresolved_name_is_reported_with_the_existing_names() {
    let mut messages = String::new();
    for context in ["none", "lost-cluster", "no-cluster", "empty"] {
        let message = refusal(read_with(SEVERAL, Some(context), &policy()));
        add_case(&mut messages, &format!("context {context}"), &message);
    }
    let no_current = SEVERAL.replace("current-context: b", "current-context: ''");
    let unknown_current = SEVERAL
        .replace("current-context: b", "current-context: gone")
        .replace("name: a,", "name: \"a\\a\\\"\",");
    for (name, document) in [
        ("no current context", no_current.as_str()),
        ("an unknown current context, and a name with control characters", &unknown_current),
        ("no contexts", "current-context: x\n"),
        ("no current context and no contexts", "kind: Config\n"),
    ] {
        add_case(&mut messages, name, &refusal(read(document)));
    }
    assert_snapshot!(messages);
}

#[test]
fn a_missing_user_is_anonymous_and_causes_a_warning() {
    let access = read_with(SEVERAL, Some("lost-user"), &policy()).expect("a cluster");
    assert_eq!(token(&access.auth), None);
    let messages: Vec<_> = access
        .warnings
        .iter()
        .map(|warning| format!("{}: {}", warning.object, warning.message))
        .collect();
    assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_server_without_scheme_is_http_and_gets_no_credentials() {
    for (server, uri) in
        [("[::1]:6443", "http://[::1]:6443/"), ("a.example/b", "http://a.example/b")]
    {
        let cluster = format!("server: '{server}', insecure-skip-tls-verify: true");
        let access = valid(&kubeconfig(&cluster, "token: abc"));
        assert_eq!(access.server, uri);
        assert_eq!(token(&access.auth), None);
        let [warning] = &access.warnings[..] else { panic!("{:?}", access.warnings) };
        assert!(warning.message.contains("no credentials are sent"), "{warning:?}");
    }
}

#[test]
fn the_query_of_a_server_is_ignored() {
    assert_eq!(valid(&with_cluster("server: 'https://h/a?b=c'")).server, "https://h/a");
    assert_eq!(valid(&with_cluster("server: 'https://h?b=c'")).server, "https://h/");
}

#[test]
fn blanks_and_line_breaks_around_a_path_are_ignored() {
    let folder = Folder::new();
    folder.write("config", with_user("token: abc"));
    for name in ["config\n", "config\r\n", "config "] {
        assert_eq!(folder.read(name, &policy()).expect(name).context, "real", "{name:?}");
    }
}

#[test]
fn shortens_long_lists_of_names() {
    let mut many = String::from("contexts:\n");
    for number in 0..500 {
        writeln!(many, "- name: context-{number}").expect("a String can be written to");
    }
    let message = refusal(read_with(&many, Some("x"), &policy()));
    assert!(message.contains("\"context-9\" and 490 more"), "{message}");
    let long = refusal(read_with("contexts: []\n", Some(&"x".repeat(5000)), &policy()));
    assert!(long.len() < 300, "{long}");
}

#[test]
fn rejects_a_duplicate_name_only_if_it_is_used() {
    let document = with_user("token: abc");
    let duplicate = |list: &str, entry: &str| document.replace(list, &format!("{list}\n{entry}"));
    let mut messages = String::new();
    for (list, entry) in [
        ("contexts:", "- {name: real, context: {cluster: c}}"),
        ("clusters:", "- {name: c, cluster: {server: 'https://x'}}"),
        ("users:", "- {name: u, user: {}}"),
    ] {
        add_case(&mut messages, list, &refusal(read(&duplicate(list, entry))));
    }
    assert_snapshot!(messages);
    let unused = duplicate("users:", "- {name: v, user: {}}\n- {name: v, user: {}}");
    assert_eq!(valid(&unused).user, "u");
}

#[test]
fn rejects_documents_and_parameters_that_are_not_kubeconfigs() {
    let encoded = base64(&with_user(&format!("token: {CANARY}")));
    let mut messages = refusals(
        [
            "\n\n",
            "{}",
            "# nothing\n",
            "just\ntext\n",
            "- a\n- b\n",
            "kind: Pod\napiVersion: v1\n",
            "kind: Config\napiVersion: v2\n",
            "",
            "https://example.org/kubeconfig",
            &format!("apiVersion: v1 token: {CANARY}"),
        ],
        str::to_owned,
    );
    add_case(&mut messages, "a document in base64", &refusal(read(&encoded)));
    add_case(&mut messages, "a long path", &refusal(read(&"a/".repeat(600))));
    assert_snapshot!(messages);
}

#[test]
fn a_wrong_type_names_the_field_and_not_the_value() {
    let mut messages = refusals(
        [
            "token: 20260101",
            "username: true",
            &*format!("token: [{CANARY}]"),
            &format!("as-groups: {CANARY}"),
            &format!("exec: {CANARY}"),
        ],
        with_user,
    );
    messages += &refusals(
        ["server: {a: b}", "server: 'https://h', insecure-skip-tls-verify: 'true'"],
        with_cluster,
    );
    messages += &refusals(
        [
            &*format!("users: {CANARY}\ncontexts: 5\ncurrent-context: x\n"),
            &format!("contexts: [{CANARY}]\ncurrent-context: x\n"),
            "contexts: [{name: 5}]\ncurrent-context: '5'\n",
            "current-context: [x]\nkind: Config\n",
        ],
        str::to_owned,
    );
    assert_snapshot!(messages);
}

#[test]
fn rejects_invalid_server_urls() {
    let server = |text: &str| with_cluster(&format!("server: '{text}'"));
    let mut messages = refusals([""], with_cluster);
    messages += &refusals(
        [
            "",
            "ftp://h",
            "https://",
            "https://h h/",
            "https://:6443",
            "https://h:0",
            "https://h:65536",
            "https://h/#a",
            &format!("https://u:{CANARY}@h"),
        ],
        server,
    );
    assert_snapshot!(messages);
    assert_eq!(valid(&server("HTTPS://Host.example:6443")).server.scheme_str(), Some("https"));
}

#[test]
fn checks_certificate_authorities() {
    let ca = |text: &str| {
        with_cluster(&format!("server: 'https://h', certificate-authority-data: '{text}'"))
    };
    let access = valid(&ca(&base64(EC_CERT)));
    assert_eq!(access.ca.as_deref(), Some(EC_CERT.as_bytes()));
    let mut wrapped = base64(&format!("a remark\n{EC_CERT}\n{EC_CERT}"));
    wrapped.insert_str(60, "\n\n      ");
    let both = valid(&ca(&wrapped));
    assert_eq!(both.ca, Some(format!("{EC_CERT}{EC_CERT}").into_bytes()));
    assert!(valid(&ca("")).ca.is_none());
    let mut messages = String::new();
    for (name, data) in [
        ("not base64", CANARY.to_owned()),
        ("PEM", EC_CERT.replace('\n', "\n\n  ")),
        ("text", base64("text")),
        ("a key", base64(super::EC_PKCS8_KEY)),
        ("truncated PEM", base64("-----BEGIN CERTIFICATE-----\nAAAA\n")),
        (
            "a damaged certificate",
            base64("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ),
        ("two certificates that share a line", base64(&format!("{}{EC_CERT}", EC_CERT.trim_end()))),
        ("another label", base64(&EC_CERT.replace(" CERTIFICATE", " TRUSTED CERTIFICATE"))),
    ] {
        let message = refusal(read(&ca(&data)));
        assert!(message.contains("clusters[0].cluster.certificate-authority-data "), "{message}");
        add_case(&mut messages, name, &message);
    }
    assert_snapshot!(messages);
}

#[test]
fn ignores_authorities_that_cannot_be_read_with_a_warning() {
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let joined = format!("{}{EC_CERT}\n{EC_CERT}", EC_CERT.trim_end());
    for text in [format!("{damaged}{EC_CERT}"), format!("{EC_CERT}{damaged}"), joined] {
        let data = base64(&text);
        let access = valid(&with_cluster(&format!(
            "server: 'https://h', certificate-authority-data: {data}"
        )));
        assert_eq!(access.ca.as_deref(), Some(EC_CERT.as_bytes()));
        assert_eq!((access.warnings.len(), access.warnings[0].object.as_str()), (1, "c"));
        let message = &access.warnings[0].message;
        assert!(message.contains("certificate-authority-data"), "{message}");
    }
}

#[test]
fn insecure_gives_a_warning_and_excludes_an_authority() {
    let insecure = "server: 'https://h', insecure-skip-tls-verify: true";
    let access = valid(&with_cluster(insecure));
    assert!(access.insecure);
    assert_eq!((access.warnings.len(), access.warnings[0].object.as_str()), (1, "c"));
    let mut messages = String::new();
    add_case(&mut messages, "insecure", &access.warnings[0].message);
    let ca = base64(EC_CERT);
    let both = with_cluster(&format!("{insecure}, certificate-authority-data: {ca}"));
    add_case(&mut messages, "insecure with an authority", &refusal(read(&both)));
    let name = with_cluster("server: 'https://h', tls-server-name: 'a b'");
    add_case(&mut messages, "an invalid tls-server-name", &refusal(read(&name)));
    assert_snapshot!(messages);
}

#[test]
fn returns_the_proxy_unchanged() {
    let access =
        valid(&kubeconfig("server: 'https://h', proxy-url: 'socks5://u:p%40ss@proxy:1080'", ""));
    assert_eq!(access.proxy_url.expect("a proxy").expose(), "socks5://u:p%40ss@proxy:1080");
    assert!(valid(&kubeconfig("server: 'https://h', proxy-url: ''", "")).proxy_url.is_none());
}
