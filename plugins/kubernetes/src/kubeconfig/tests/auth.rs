//! The ways to log in.

use gatherer_plugin_api::ErrorKind;
use kube::config::ExecInteractiveMode;
use secrecy::ExposeSecret as _;

use super::super::read_with;
use super::{
    CANARY, EC_CERT, EC_ENCRYPTED_KEY, EC_PKCS8_KEY, EC_SEC1_KEY, EC_SECP256K1_KEY, Folder,
    RSA_CERT, RSA_ENCRYPTED_KEY, RSA_PKCS1_KEY, assert_sentences, base64, exec_policy, good,
    kubeconfig, policy, refused, text, token, with_user,
};

fn pair(certificate: &str, key: &str) -> String {
    let (certificate, key) = (base64(certificate), base64(key));
    with_user(&format!("client-certificate-data: {certificate}, client-key-data: {key}"))
}

#[test]
fn keys_of_all_three_forms_are_taken() {
    for (certificate, key, label) in [
        (EC_CERT, EC_SEC1_KEY, "EC PRIVATE KEY"),
        (EC_CERT, EC_PKCS8_KEY, "PRIVATE KEY"),
        (RSA_CERT, RSA_PKCS1_KEY, "RSA PRIVATE KEY"),
    ] {
        let auth = good(&pair(certificate, key)).auth;
        assert_eq!(auth.client_certificate_data, Some(base64(certificate)));
        let data = auth.client_key_data.expect("a key");
        // The parameters that OpenSSL writes before an EC key are gone.
        let begin = key.find(&format!("-----BEGIN {label}")).expect("the key");
        assert_eq!(data.expose_secret(), base64(&key[begin..]));
    }
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_told() {
    let key = "users[0].user.client-key-data";
    let certificate = "users[0].user.client-certificate-data";
    let broken = EC_PKCS8_KEY.replacen("MIGH", "AAAA", 1);
    for (document, sentence) in [
        (
            pair(EC_CERT, EC_ENCRYPTED_KEY),
            format!("{key} is encrypted; only a key without a passphrase can be used"),
        ),
        (
            pair(RSA_CERT, RSA_ENCRYPTED_KEY),
            format!("{key} is encrypted; only a key without a passphrase can be used"),
        ),
        (
            pair(RSA_CERT, EC_SEC1_KEY),
            format!("{key} holds a private key that is not the certificate's"),
        ),
        (
            pair(EC_CERT, RSA_PKCS1_KEY),
            format!("{key} holds a private key that is not the certificate's"),
        ),
        (
            pair(EC_CERT, EC_SECP256K1_KEY),
            format!("{key} holds a private key that is damaged or of an unknown kind"),
        ),
        (
            pair(EC_CERT, &broken),
            format!("{key} holds a private key that is damaged or of an unknown kind"),
        ),
        (pair(EC_CERT, EC_CERT), format!("{key} holds no private key in PEM")),
        (pair(EC_CERT, CANARY), format!("{key} holds no private key in PEM")),
        (
            pair(EC_CERT, &format!("{EC_SEC1_KEY}{RSA_PKCS1_KEY}")),
            format!("{key} holds several private keys"),
        ),
        (
            pair(EC_CERT, "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            format!("{key} is a key for SSH, not one for TLS"),
        ),
        (pair(EC_SEC1_KEY, EC_SEC1_KEY), format!("{certificate} holds no certificate in PEM")),
        (pair(CANARY, EC_SEC1_KEY), format!("{certificate} holds no certificate in PEM")),
        (
            pair("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", EC_SEC1_KEY),
            format!("{certificate} holds a certificate that cannot be read"),
        ),
        (
            with_user(&format!("client-certificate-data: {CANARY}, client-key-data: {CANARY}")),
            format!("{certificate} is not base64"),
        ),
        (
            with_user(&format!("client-certificate-data: {}", base64(EC_CERT))),
            "users[0].user.client-key is missing beside the client certificate".to_owned(),
        ),
        (
            with_user(&format!("client-key-data: {}", base64(EC_SEC1_KEY))),
            "users[0].user.client-certificate is missing beside the client key".to_owned(),
        ),
    ] {
        assert_sentences(&[(document, &sentence)]);
    }
}

#[test]
fn data_wins_over_a_file() {
    let document = pair(EC_CERT, EC_SEC1_KEY)
        .replace("user: {client", "user: {client-key: /none, client-certificate: /none, client");
    assert!(good(&document).auth.client_key_data.is_some());
}

#[test]
fn tokens_are_trimmed_and_checked() {
    assert_eq!(
        token(&good(&with_user("token: \" abc.def_-~+/=\\n\"")).auth),
        Some("abc.def_-~+/=")
    );
    let what =
        "users[0].user.token holds a line break, a blank or another character that no token has";
    assert_sentences(&[
        (with_user(&format!("token: \"{CANARY}\\n{CANARY}\"")), what),
        (with_user(&format!("token: \"{CANARY} x\"")), what),
        (with_user(&format!("token: \"{CANARY}\\e\"")), what),
        (with_user(&format!("token: \"{CANARY}ü\"")), what),
        (with_user("token: ' '"), "users[0].user.token is empty"),
    ]);
    let both = good(&with_user("token: abc, tokenFile: /etc/shadow"));
    assert!(both.token_file.is_none() && token(&both.auth) == Some("abc"));
    assert_eq!(both.warnings[0].1, "tokenFile is not used, since there is a token beside it");
}

#[test]
fn user_and_password_are_taken_together() {
    let auth = good(&with_user("username: admin, password: 'p:w ü'")).auth;
    assert_eq!(auth.username.as_deref(), Some("admin"));
    assert_eq!(auth.password.expect("one").expose_secret(), "p:w ü");
    let empty = good(&with_user("username: admin")).auth;
    assert_eq!(empty.password.expect("an empty one").expose_secret(), "");
    assert_sentences(&[
        (
            with_user(&format!("password: {CANARY}")),
            "users[0].user.password stands there without a username",
        ),
        (
            with_user("username: 'a:b'"),
            "users[0].user.username holds a colon or a control character",
        ),
        (
            with_user(&format!("username: a, password: \"{CANARY}\\n\"")),
            "users[0].user.password holds a line break or another control character",
        ),
    ]);
}

#[test]
fn two_ways_to_log_in_are_one_too_many() {
    let hint = "only one of them can be meant (leave one of them out)";
    assert_sentences(&[
        (
            with_user(&format!("token: {CANARY}, username: a")),
            &format!("users[0].user has a token and a user name, and {hint}"),
        ),
        (
            with_user("tokenFile: x, auth-provider: {name: oidc}"),
            &format!("users[0].user has a token and an auth-provider, and {hint}"),
        ),
    ]);
    let exec = with_user("token: a, exec: {command: x}");
    let said = refused(read_with(&exec, None, &exec_policy()));
    assert_eq!(said, format!("the kubeconfig: users[0].user has a token and exec, and {hint}"));
}

#[test]
fn programs_run_only_where_the_operator_allows_it() {
    let hint = "which is not allowed (use a token or a client certificate, or name the endpoint in \
                allow_exec in /etc/vhg/config.toml)";
    assert_sentences(&[
        (
            with_user("exec: {command: touch, args: [/x]}"),
            &format!("users[0].user.exec would run a program on this machine, {hint}"),
        ),
        (
            with_user("token: abc, exec: {command: touch}"),
            &format!("users[0].user.exec would run a program on this machine, {hint}"),
        ),
        (
            with_user("auth-provider: {name: gcp, config: {cmd-path: touch, access-token: a}}"),
            &format!(
                "users[0].user.auth-provider.config.cmd-path would run a program on this machine, {hint}"
            ),
        ),
    ]);
    let gcp = with_user("auth-provider: {name: gcp, config: {cmd-path: gcloud, cmd-args: x}}");
    let allowed = read_with(&gcp, None, &exec_policy()).expect("allowed").auth.auth_provider;
    assert_eq!(allowed.expect("it").config["cmd-path"], "gcloud");
}

#[test]
fn an_allowed_program_is_handed_on_and_asked_nothing() {
    let exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login, \
                args: [--region, eu], env: [{name: A, value: b}], provideClusterInfo: true}";
    let folder = Folder::new();
    let cluster = "server: 'https://h', extensions: \
                   [{name: client.authentication.k8s.io/exec, extension: {audience: x}}]";
    folder.write("config", kubeconfig(cluster, exec));
    let auth = folder.read("config", &exec_policy()).expect("allowed").auth;
    let program = auth.exec.expect("a program");
    assert_eq!(program.command, Some(format!("{}/bin/login", text(&folder.path))));
    assert_eq!(program.interactive_mode, Some(ExecInteractiveMode::Never));
    assert_eq!(program.env.expect("one")[0]["value"], "b");
    let told = program.cluster.expect("told of the cluster");
    assert_eq!(told.server.as_deref(), Some("https://h/"));
    assert_eq!(told.config.expect("an extension")["audience"], "x");

    let inline = |exec: &str| read_with(&with_user(exec), None, &exec_policy());
    let bare = inline("exec: {apiVersion: v1, command: aws}").expect("found in PATH").auth;
    assert_eq!(bare.exec.expect("a program").command.as_deref(), Some("aws"));
    for (exec, sentence) in [
        ("exec: {apiVersion: v1}", "command is missing"),
        ("exec: {command: x}", "apiVersion is missing"),
        (
            "exec: {apiVersion: v1, command: x, interactiveMode: Always}",
            "interactiveMode is Always, and nobody can answer here",
        ),
        (
            "exec: {apiVersion: v1, command: ./x}",
            "command is relative, and a kubeconfig that is not a file has no folder",
        ),
        ("exec: {apiVersion: v1, command: x, env: [{value: y}]}", "env[0].name is missing"),
    ] {
        assert_eq!(refused(inline(exec)), format!("the kubeconfig: users[0].user.exec.{sentence}"));
    }
}

/// A JSON Web Token, unsigned, that is good until then.
fn jwt(expiry: i64) -> String {
    let part = |text: &str| base64(text).replace('=', "").replace('+', "-").replace('/', "_");
    format!("{}.{}.c2lnbmVk", part("{}"), part(&format!("{{\"exp\":{expiry}}}")))
}

fn oidc(config: &str) -> String {
    with_user(&format!("auth-provider: {{name: oidc, config: {{{config}}}}}"))
}

#[test]
fn oidc_is_handed_on_with_what_renews_it() {
    let renew = "refresh-token: r, client-id: i, idp-issuer-url: 'https://idp/realm'";
    let valid = jwt(4_102_444_800);
    let handed = |document: &str| {
        let access = good(document);
        assert!(access.auth.auth_provider.is_none() && access.auth.token.is_none());
        assert!(access.warnings.is_empty(), "{:?}", access.warnings);
        access.oidc.expect("an identity")
    };
    let alone = handed(&oidc(&format!("id-token: ' {valid} '")));
    assert_eq!(alone.id_token.expect("a token").text.expose_secret(), valid);
    let error = alone.renewal.map(|_| ()).expect_err("nothing renews it");
    assert_eq!(error.kind, ErrorKind::Authentication);

    let authority = format!("idp-certificate-authority-data: {}", base64(EC_CERT));
    let identity = handed(&oidc(&format!("{renew}, {authority}, other: x")));
    assert!(identity.id_token.is_none());
    let renewal = identity.renewal.expect("something renews it");
    assert_eq!(renewal.issuer.as_str(), "https://idp/realm");
    assert!(renewal.client_secret.is_none(), "a public client");
    assert_eq!(renewal.authorities.as_deref(), Some(EC_CERT.as_bytes()));
    let secret = handed(&oidc(&format!("{renew}, client-secret: s, id-token: {}", jwt(1))));
    let secret = secret.renewal.expect("something renews it").client_secret;
    assert_eq!(secret.expect("a secret").expose_secret(), "s");

    let folder = Folder::new();
    folder.write("pki/idp.crt", EC_CERT);
    folder.write("config", oidc(&format!("{renew}, idp-certificate-authority: pki/idp.crt")));
    let access = folder.read("config", &policy()).expect("it is its own");
    let renewal = access.oidc.expect("an identity").renewal.expect("something renews it");
    assert_eq!(renewal.authorities.as_deref(), Some(EC_CERT.as_bytes()));
}

#[test]
fn an_expired_id_token_that_nothing_renews_is_an_authentication_error() {
    for (more, lacks) in [
        ("", "refresh-token"),
        ("refresh-token: r", "client-id"),
        ("refresh-token: r, client-id: ' '", "client-id"),
        ("refresh-token: r, client-id: i", "idp-issuer-url"),
    ] {
        let document = oidc(&format!("id-token: {}, {more}", jwt(1)));
        let error = super::read(&document).map(|_| ()).expect_err("nothing renews it");
        assert_eq!((error.kind, error.retryable), (ErrorKind::Authentication, false));
        assert_eq!(
            error.to_string(),
            format!(
                "the kubeconfig: users[0].user.auth-provider.config.id-token expired at \
                 1970-01-01T00:00:01Z, and without {lacks} it cannot be renewed (log in again with \
                 kubectl, or use a service account's token)"
            )
        );
    }
}

#[test]
fn what_is_wrong_with_an_oidc_provider_is_named_and_not_quoted() {
    let renew = "refresh-token: r, client-id: i, idp-issuer-url: 'https://idp'";
    let field = "users[0].user.auth-provider.config";
    let not_jwt = format!("{field}.id-token is not a JSON Web Token with an expiry");
    let issuer = |url: &str| oidc(&renew.replace("https://idp", url));
    assert_sentences(&[
        (
            oidc("client-id: x"),
            &format!(
                "{field}.id-token is missing, and without refresh-token none can be had (log in \
                 again with kubectl, or use a service account's token)"
            ),
        ),
        (oidc(&format!("id-token: {CANARY}")), &not_jwt),
        (oidc(&format!("id-token: {CANARY}.{CANARY}.{CANARY}")), &not_jwt),
        (issuer("http://idp"), &format!("{field}.idp-issuer-url is not an https URL")),
        (issuer(CANARY), &format!("{field}.idp-issuer-url is not a valid URL")),
        (issuer("https:///x"), &format!("{field}.idp-issuer-url names no host")),
        (
            issuer(&format!("https://u:{CANARY}@idp")),
            &format!("{field}.idp-issuer-url holds a user or a password"),
        ),
        (
            issuer(&format!("https://idp?{CANARY}")),
            &format!(
                "{field}.idp-issuer-url holds a query or a fragment, which an issuer's URL has not"
            ),
        ),
        (
            oidc(&format!("{renew}, idp-certificate-authority: /etc/shadow")),
            &format!(
                "{field}.idp-certificate-authority: the file \"/etc/shadow\" may not be named by a \
                 kubeconfig that is given as text (put the contents into the document (kubectl \
                 config view --flatten))"
            ),
        ),
    ]);
}

#[test]
fn a_gcp_token_is_used_while_it_is_good() {
    let gcp =
        |config: &str| with_user(&format!("auth-provider: {{name: gcp, config: {{{config}}}}}"));
    let access = good(&gcp("access-token: ya29.x, expiry: '2100-01-01T00:00:00Z'"));
    assert_eq!(token(&access.auth), Some("ya29.x"));
    assert!(access.auth.auth_provider.is_none());
    good(&gcp("access-token: x, expiry: 2100-01-01T00:00:00Z"));
    let field = "users[0].user.auth-provider.config";
    let hint = "(use a service account's token, or gke-gcloud-auth-plugin as an exec entry)";
    assert_sentences(&[
        (
            gcp(&format!("access-token: {CANARY}, expiry: '2020-01-01T00:00:00Z'")),
            &format!("{field}.access-token expired at 2020-01-01T00:00:00Z {hint}"),
        ),
        (gcp("scopes: x"), &format!("{field}.access-token is missing {hint}")),
        (
            gcp(&format!("access-token: x, expiry: {CANARY}")),
            &format!("{field}.expiry is not a time of RFC 3339"),
        ),
    ]);
}

#[test]
fn other_providers_are_unsupported_with_a_way_out() {
    for (name, hint) in [
        ("azure", "use a service account's token, or kubelogin as an exec entry"),
        ("openstack", "use a service account's token, or the provider's program as an exec entry"),
    ] {
        let document = with_user(&format!(
            "auth-provider: {{name: {name}, config: {{access-token: {CANARY}}}}}"
        ));
        let error = super::read(&document).expect_err("unsupported");
        assert_eq!(error.kind, ErrorKind::Unsupported);
        let said = format!(
            "the kubeconfig: users[0].user.auth-provider \"{name}\" is not supported ({hint})"
        );
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn impersonation_is_handed_on() {
    let auth =
        good(&with_user("as: root, as-uid: '0', as-groups: [a, b], as-user-extra: {x: [y]}")).auth;
    assert_eq!(auth.impersonate.as_deref(), Some("root"));
    assert_eq!(auth.impersonate_uid.as_deref(), Some("0"));
    assert_eq!(auth.impersonate_groups, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(auth.impersonate_user_extra.expect("some")["x"], ["y"]);
    assert_sentences(&[
        (
            with_user("as-groups: [a]"),
            "users[0].user.as is missing beside other fields of whom to act as",
        ),
        (
            with_user("as: \"a\\r\\nb: c\""),
            "users[0].user.as is empty or holds a control character",
        ),
        (
            with_user("as: a, as-groups: [\"\"]"),
            "users[0].user.as-groups is empty or holds a control character",
        ),
    ]);
    assert_eq!(policy().credential_folders.len(), 0);
}
