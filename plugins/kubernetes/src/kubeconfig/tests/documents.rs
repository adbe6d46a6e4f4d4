//! Contexts, clusters, servers, field types.

use std::fmt::Write as _;

use super::super::read_with;
use super::{
    EC_CERT, assert_sentences, base64, good, kubeconfig, policy, refused, with_cluster, with_user,
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
fn the_current_context_is_read_unless_another_is_asked_for() {
    let current = read_with(SEVERAL, None, &policy()).expect("the current one");
    assert_eq!((current.context.as_str(), current.cluster.as_str()), ("b", "two"));
    assert_eq!(current.server.to_string(), "https://[fd00::1]:6443/");
    assert_eq!(current.tls_server_name.as_deref(), Some("kubernetes"));
    let empty = read_with(SEVERAL, Some(""), &policy()).expect("empty is the current one");
    assert_eq!(empty.context, "b");
    let other = read_with(SEVERAL, Some("a"), &policy()).expect("another");
    assert_eq!((other.context.as_str(), other.user.as_str()), ("a", "admin"));
    assert_eq!(other.server.to_string(), "https://one:6443/k8s/c-1");
}

#[test]
fn a_context_without_a_user_is_anonymous() {
    let access = read_with(SEVERAL, Some("b"), &policy()).expect("anonymous");
    assert_eq!(access.user, "");
    assert!(access.auth.token.is_none() && access.token_file.is_none());
    assert!(access.secrets.is_empty() && access.warnings.is_empty());
    // An entry with nothing in it as well.
    let bodyless = good(&with_user("").replace("user: {}", "user:"));
    assert!(bodyless.auth.token.is_none());
}

#[test]
fn json_is_a_kubeconfig_too() {
    let json = r#"{"current-context":"x","contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],
        "clusters":[{"name":"c","cluster":{"server":"http://h:8080"}}],
        "users":[{"name":"u","user":{"token":"abc"}}]}"#;
    let access = good(json);
    assert_eq!(access.server.scheme_str(), Some("http"));
    assert_eq!(access.warnings.len(), 1, "credentials over http are said");
}

#[test]
fn a_context_that_leads_nowhere_is_told_with_what_there_is() {
    let contexts =
        r#"the contexts are "a", "b", "lost-cluster", "lost-user", "no-cluster", "empty""#;
    let cases = [
        ("none", format!("there is no context \"none\" ({contexts})")),
        (
            "lost-cluster",
            "there is no cluster \"three\", which the context \"lost-cluster\" names \
             (the clusters are \"one\", \"two\")"
                .to_owned(),
        ),
        (
            "lost-user",
            "there is no user \"nobody\", which the context \"lost-user\" names \
             (the users are \"admin\")"
                .to_owned(),
        ),
        ("no-cluster", "the context \"no-cluster\" names no cluster".to_owned()),
        ("empty", "the context \"empty\" names no cluster".to_owned()),
    ];
    for (context, sentence) in cases {
        let said = refused(read_with(SEVERAL, Some(context), &policy()));
        assert_eq!(said, format!("the kubeconfig: {sentence}"));
    }
    let none = SEVERAL.replace("current-context: b", "current-context: ''");
    assert_sentences(&[
        (
            none,
            "has no current-context, and the endpoint names no context (set the endpoint's \
             context; the contexts are \"a\", \"b\", \"lost-cluster\", \"lost-user\", \
             \"no-cluster\", \"empty\")",
        ),
        (
            SEVERAL
                .replace("current-context: b", "current-context: gone")
                .replace("name: a,", "name: \"a\\a\\\"\","),
            "there is no context \"gone\", which current-context names (the contexts are \
             \"a\\u{7}\\\"\", \"b\", \"lost-cluster\", \"lost-user\", \"no-cluster\", \"empty\")",
        ),
        (
            "current-context: x\n".to_owned(),
            "there is no context \"x\", which current-context names (there are no contexts)",
        ),
        (
            "kind: Config\n".to_owned(),
            "has no current-context, and the endpoint names no context (set the endpoint's context; there are no contexts)",
        ),
    ]);
}

#[test]
fn long_lists_of_names_are_cut() {
    let mut many = String::from("contexts:\n");
    for number in 0..500 {
        writeln!(many, "- name: context-{number}").expect("written");
    }
    let said = refused(read_with(&many, Some("x"), &policy()));
    assert!(said.ends_with("\"context-9\" and 490 more)"), "{said}");
    let long = refused(read_with("contexts: []\n", Some(&"x".repeat(5000)), &policy()));
    assert!(long.len() < 300, "{long}");
}

#[test]
fn a_name_that_repeats_is_ambiguous_only_where_it_is_used() {
    let good_one = with_user("token: abc");
    let twice = |list: &str, entry: &str| good_one.replace(list, &format!("{list}\n{entry}"));
    let hint = "(names must be unique)";
    let cases = [
        (twice("contexts:", "- {name: real, context: {cluster: c}}"), "contexts", "real"),
        (twice("clusters:", "- {name: c, cluster: {server: 'https://x'}}"), "clusters", "c"),
        (twice("users:", "- {name: u, user: {}}"), "users", "u"),
    ];
    for (document, what, name) in cases {
        let said = refused(super::read(&document));
        assert_eq!(said, format!("the kubeconfig: there are several {what} \"{name}\" {hint}"));
    }
    let unused = twice("users:", "- {name: v, user: {}}\n- {name: v, user: {}}");
    assert_eq!(good(&unused).user, "u");
}

#[test]
fn what_is_no_kubeconfig_is_told() {
    let what = "is not a kubeconfig: that is a mapping with clusters, users and contexts";
    assert_sentences(&[
        ("\n\n".to_owned(), "is empty"),
        ("{}".to_owned(), "is empty"),
        ("# nothing\n".to_owned(), what),
        ("just\ntext\n".to_owned(), what),
        ("- a\n- b\n".to_owned(), what),
        ("kind: Pod\napiVersion: v1\n".to_owned(), "kind is \"Pod\", not \"Config\""),
        ("kind: Config\napiVersion: v2\n".to_owned(), "apiVersion is \"v2\", not \"v1\""),
    ]);
    for (parameter, said) in [
        ("", "kubeconfig is empty (give the path of a file, or the document itself)"),
        (
            "https://example.org/kubeconfig",
            "kubeconfig is neither a path nor a document (give the path of a file, or the document itself)",
        ),
        (
            "apiVersion: v1 token: canary-7f3a-hunter2",
            "kubeconfig is neither a path nor a document (give the path of a file, or the document itself)",
        ),
    ] {
        assert_eq!(refused(super::read(parameter)), said);
    }
    // A document in base64 is told from a path without quoting it.
    let encoded = base64(&with_user("token: canary-7f3a-hunter2"));
    let said =
        "kubeconfig is too long for a path (give the path of a file, or the document itself)";
    assert_eq!(refused(super::read(&encoded)), said);
    assert_eq!(refused(super::read(&"a/".repeat(600))), said);
}

#[test]
fn a_wrong_type_names_the_field_and_not_the_value() {
    assert_sentences(&[
        (
            with_user("token: 20260101"),
            "users[0].user.token must be text, not a number (put it in quotes)",
        ),
        (
            with_user("username: true"),
            "users[0].user.username must be text, not true or false (put it in quotes)",
        ),
        (with_user("token: [canary-7f3a-hunter2]"), "users[0].user.token must be text, not a list"),
        (
            with_user("as-groups: canary-7f3a-hunter2"),
            "users[0].user.as-groups must be a list, not text",
        ),
        (with_user("exec: canary-7f3a-hunter2"), "users[0].user.exec must be a mapping, not text"),
        (with_cluster("server: {a: b}"), "clusters[0].cluster.server must be text, not a mapping"),
        (
            with_cluster("server: 'https://h', insecure-skip-tls-verify: 'true'"),
            "clusters[0].cluster.insecure-skip-tls-verify must be true or false, not text",
        ),
        (
            "users: canary-7f3a-hunter2\ncontexts: 5\n".to_owned() + "current-context: x\n",
            "contexts must be a list, not a number",
        ),
        (
            "contexts: [canary-7f3a-hunter2]\ncurrent-context: x\n".to_owned(),
            "contexts[0] must be a mapping, not text",
        ),
        (
            "contexts: [{name: 5}]\ncurrent-context: '5'\n".to_owned(),
            "contexts[0].name must be text, not a number (put it in quotes)",
        ),
        (
            "current-context: [x]\nkind: Config\n".to_owned(),
            "current-context must be text, not a list",
        ),
    ]);
}

#[test]
fn a_server_that_cannot_be_asked_is_told_without_quoting_it() {
    let server = |text: &str| with_cluster(&format!("server: '{text}'"));
    let no_url = "clusters[0].cluster.server is not a URL: it must begin with https://";
    assert_sentences(&[
        (with_cluster(""), "clusters[0].cluster.server is missing: the cluster has no address"),
        (server(""), "clusters[0].cluster.server is missing: the cluster has no address"),
        (server("127.0.0.1:6443"), no_url),
        (server("canary-7f3a-hunter2"), no_url),
        (server("ftp://h"), "clusters[0].cluster.server is neither an https nor an http URL"),
        (server("https://"), "clusters[0].cluster.server is not a URL"),
        (server("https://h h/"), "clusters[0].cluster.server is not a URL"),
        (server("https://:6443"), "clusters[0].cluster.server names no host"),
        (
            server("https://h:0"),
            "clusters[0].cluster.server has a port that is not between 1 and 65535",
        ),
        (
            server("https://h:65536"),
            "clusters[0].cluster.server has a port that is not between 1 and 65535",
        ),
        (
            server("https://h/?a=b"),
            "clusters[0].cluster.server holds a query or a fragment, which an API server's address has not",
        ),
        (
            server("https://h/#a"),
            "clusters[0].cluster.server holds a query or a fragment, which an API server's address has not",
        ),
        (
            server("https://u:canary-7f3a-hunter2@h"),
            "clusters[0].cluster.server holds a user or a password; a kubeconfig has them under users",
        ),
    ]);
    assert_eq!(good(&server("HTTPS://Host.example:6443")).server.scheme_str(), Some("https"));
}

#[test]
fn certificate_authorities_are_checked() {
    let ca = |text: &str| {
        with_cluster(&format!("server: 'https://h', certificate-authority-data: '{text}'"))
    };
    let access = good(&ca(&base64(EC_CERT)));
    assert_eq!(access.ca.as_deref(), Some(EC_CERT.as_bytes()));
    let mut wrapped = base64(&format!("a remark\n{EC_CERT}\n{EC_CERT}"));
    wrapped.insert_str(60, "\n\n      ");
    let both = good(&ca(&wrapped));
    assert_eq!(both.ca, Some(format!("{EC_CERT}{EC_CERT}").into_bytes()));
    assert!(good(&ca("")).ca.is_none());
    let field = "clusters[0].cluster.certificate-authority-data";
    for (data, what) in [
        ("canary-7f3a-hunter2".to_owned(), "is not base64"),
        (EC_CERT.replace('\n', "\n\n  "), "is PEM itself; it must be the base64 of it"),
        (base64("text"), "holds no certificate in PEM"),
        (base64(super::EC_PKCS8_KEY), "holds no certificate in PEM"),
        (base64("-----BEGIN CERTIFICATE-----\nAAAA\n"), "is not valid PEM"),
        (
            base64("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "holds a certificate that cannot be read",
        ),
    ] {
        assert_sentences(&[(ca(&data), &format!("{field} {what}"))]);
    }
}

#[test]
fn insecure_is_warned_of_and_excludes_an_authority() {
    let insecure = "server: 'https://h', insecure-skip-tls-verify: true";
    let access = good(&with_cluster(insecure));
    assert!(access.insecure);
    let said = "the server's certificate is not verified (insecure-skip-tls-verify)";
    assert_eq!(access.warnings, [("c".to_owned(), said.to_owned())]);
    let ca = base64(EC_CERT);
    assert_sentences(&[
        (
            with_cluster(&format!("{insecure}, certificate-authority-data: {ca}")),
            "clusters[0].cluster.insecure-skip-tls-verify is true beside a certificate authority \
             (leave one of them out: the first asks for no check, the other for one)",
        ),
        (
            with_cluster("server: 'https://h', tls-server-name: 'a b'"),
            "clusters[0].cluster.tls-server-name is neither a host name nor an address",
        ),
    ]);
}

#[test]
fn the_proxy_is_handed_on_as_it_is() {
    let access =
        good(&kubeconfig("server: 'https://h', proxy-url: 'socks5://u:p%40ss@proxy:1080'", ""));
    assert_eq!(access.proxy_url.expect("a proxy").expose(), "socks5://u:p%40ss@proxy:1080");
    assert!(good(&kubeconfig("server: 'https://h', proxy-url: ''", "")).proxy_url.is_none());
}
