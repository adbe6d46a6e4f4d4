//! Tests of the login methods: certificates, tokens, passwords, programs, providers, impersonation.

use gatherer_plugin_api::ErrorKind;
use insta::assert_snapshot;
use kube::config::ExecInteractiveMode;
use secrecy::ExposeSecret as _;

use super::super::read_with;
use super::{
    CANARY, EC_CERT, EC_ENCRYPTED_KEY, EC_PKCS8_KEY, EC_SEC1_KEY, EC_SECP256K1_KEY, Folder,
    RSA_CERT, RSA_ENCRYPTED_KEY, RSA_PKCS1_KEY, add_case, base64, exec_policy, kubeconfig, policy,
    read, refusal, refusals, text, token, valid, with_user,
};

fn pair(certificate: &str, key: &str) -> String {
    let (certificate, key) = (base64(certificate), base64(key));
    with_user(&format!("client-certificate-data: {certificate}, client-key-data: {key}"))
}

#[test]
fn accepts_keys_of_all_three_formats() {
    for (certificate, key) in
        [(EC_CERT, EC_SEC1_KEY), (EC_CERT, EC_PKCS8_KEY), (RSA_CERT, RSA_PKCS1_KEY)]
    {
        assert!(valid(&pair(certificate, key)).client_certificate.is_some());
    }
}

#[test]
fn rejects_unusable_certificates_and_keys() {
    let damaged_key = EC_PKCS8_KEY.replacen("MIGH", "AAAA", 1);
    let damaged_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let mut messages = String::new();
    for (name, document) in [
        ("encrypted EC key", pair(EC_CERT, EC_ENCRYPTED_KEY)),
        ("encrypted RSA key", pair(RSA_CERT, RSA_ENCRYPTED_KEY)),
        ("EC key for an RSA certificate", pair(RSA_CERT, EC_SEC1_KEY)),
        ("RSA key for an EC certificate", pair(EC_CERT, RSA_PKCS1_KEY)),
        ("damaged key", pair(EC_CERT, &damaged_key)),
        ("certificate instead of a key", pair(EC_CERT, EC_CERT)),
        ("text instead of a key", pair(EC_CERT, CANARY)),
        ("SSH key", pair(EC_CERT, "-----BEGIN OPENSSH PRIVATE KEY-----\n")),
        ("key instead of a certificate", pair(EC_SEC1_KEY, EC_SEC1_KEY)),
        ("text instead of a certificate", pair(CANARY, EC_SEC1_KEY)),
        ("damaged certificate", pair(damaged_certificate, EC_SEC1_KEY)),
        (
            "not base64",
            with_user(&format!("client-certificate-data: {CANARY}, client-key-data: {CANARY}")),
        ),
        ("no key", with_user(&format!("client-certificate-data: {}", base64(EC_CERT)))),
        ("no certificate", with_user(&format!("client-key-data: {}", base64(EC_SEC1_KEY)))),
    ] {
        let message = refusal(read(&document));
        assert!(message.contains("users[0].user.client-"), "{name}: {message}");
        add_case(&mut messages, name, &message);
    }
    assert_snapshot!(messages);
}

#[test]
fn a_block_beside_the_client_certificate_that_is_not_valid_is_a_warning_about_the_field() {
    assert!(valid(&pair(EC_CERT, EC_SEC1_KEY)).warnings.is_empty());
    let damaged = format!("{EC_CERT}-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n");
    let access = valid(&pair(&damaged, EC_SEC1_KEY));
    let [warning] = &access.warnings[..] else { panic!("{:?}", access.warnings) };
    assert_eq!(warning.object, "u");
    assert!(warning.message.contains("client-certificate-data"), "{warning:?}");
}

#[test]
fn uses_the_first_of_several_keys_as_kubectl_does() {
    let two_keys = format!("{EC_SEC1_KEY}{RSA_PKCS1_KEY}");
    assert!(valid(&pair(EC_CERT, &two_keys)).client_certificate.is_some());
    refusal(read(&pair(RSA_CERT, &two_keys)));
}

#[test]
fn a_key_on_an_unsupported_curve_is_unsupported() {
    let error = read(&pair(EC_CERT, EC_SECP256K1_KEY)).expect_err("an unsupported key");
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("users[0].user.client-key-data is a secp256k1 key"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("certificate")));
}

#[test]
fn data_takes_precedence_over_a_file() {
    let document = pair(EC_CERT, EC_SEC1_KEY)
        .replace("user: {client", "user: {client-key: /none, client-certificate: /none, client");
    assert!(valid(&document).client_certificate.is_some());
}

#[test]
fn trims_and_checks_tokens() {
    let document = with_user("token: \" abc.def_-~+/=\\n\"");
    assert_eq!(token(&valid(&document).auth), Some("abc.def_-~+/="));
    assert_snapshot!(refusals(
        [
            &*format!("token: \"{CANARY}\\n{CANARY}\""),
            &format!("token: \"{CANARY} x\""),
            &format!("token: \"{CANARY}\\e\""),
            &format!("token: \"{CANARY}ü\""),
            "token: ' '",
        ],
        with_user
    ));
    let both = valid(&with_user("token: abc, tokenFile: /etc/shadow"));
    assert!(both.token_file.is_none() && token(&both.auth) == Some("abc"));
    assert_eq!((both.warnings.len(), both.warnings[0].object.as_str()), (1, "u"));
    assert!(both.warnings[0].message.contains("tokenFile"), "{:?}", both.warnings);
}

#[test]
fn reads_user_name_and_password() {
    let auth = valid(&with_user("username: admin, password: 'p:w ü'")).auth;
    assert_eq!(auth.username.as_deref(), Some("admin"));
    assert_eq!(auth.password.expect("a password").expose_secret(), "p:w ü");
    let empty = valid(&with_user("username: admin")).auth;
    assert_eq!(empty.password.expect("an empty password").expose_secret(), "");
    assert_snapshot!(refusals(
        [
            &*format!("password: {CANARY}"),
            "username: 'a:b'",
            &format!("username: a, password: \"{CANARY}\\n\""),
        ],
        with_user
    ));
}

#[test]
fn rejects_two_login_methods() {
    let inputs = [
        &*format!("token: {CANARY}, username: a"),
        "tokenFile: x, auth-provider: {name: oidc}",
        "token: a, exec: {command: x}",
    ];
    let mut messages = String::new();
    for input in inputs {
        let access = read_with(&with_user(input), None, &exec_policy());
        add_case(&mut messages, input, &refusal(access));
    }
    assert_snapshot!(messages);
}

#[test]
fn programs_need_the_operators_permission() {
    assert_snapshot!(refusals(
        [
            "exec: {command: touch, args: [/x]}",
            "token: abc, exec: {command: touch}",
            "auth-provider: {name: gcp, config: {cmd-path: touch, access-token: a}}",
        ],
        with_user
    ));
    let gcp = with_user("auth-provider: {name: gcp, config: {cmd-path: gcloud, cmd-args: x}}");
    let allowed = read_with(&gcp, None, &exec_policy()).expect("allowed").auth.auth_provider;
    assert_eq!(allowed.expect("a provider").config["cmd-path"], "gcloud");
}

#[test]
fn reads_an_allowed_program() {
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
    assert_eq!(program.env.expect("a variable")[0]["value"], "b");
    let cluster = program.cluster.expect("the cluster's settings");
    assert_eq!(cluster.server.as_deref(), Some("https://h/"));
    assert_eq!(cluster.config.expect("an extension")["audience"], "x");

    let inline = |exec: &str| read_with(&with_user(exec), None, &exec_policy());
    let bare = inline("exec: {apiVersion: v1, command: aws}").expect("a command in PATH").auth;
    assert_eq!(bare.exec.expect("a program").command.as_deref(), Some("aws"));
    let mut messages = String::new();
    for exec in [
        "exec: {apiVersion: v1}",
        "exec: {command: x}",
        "exec: {apiVersion: v1, command: x, interactiveMode: Always}",
        "exec: {apiVersion: v1, command: ./x}",
        "exec: {apiVersion: v1, command: x, env: [{value: y}]}",
        "exec: {apiVersion: v1, command: x, env: [{name: A=B, value: y}]}",
    ] {
        add_case(&mut messages, exec, &refusal(inline(exec)));
    }
    assert_snapshot!(messages);
}

/// An unsigned JSON Web Token with this expiry, in seconds since 1970.
fn jwt(expiry: i64) -> String {
    let part = |text: &str| base64(text).replace('=', "").replace('+', "-").replace('/', "_");
    format!("{}.{}.c2lnbmVk", part("{}"), part(&format!("{{\"exp\":{expiry}}}")))
}

fn oidc(config: &str) -> String {
    with_user(&format!("auth-provider: {{name: oidc, config: {{{config}}}}}"))
}

#[test]
fn reads_an_oidc_provider_and_its_renewal() {
    let renew = "refresh-token: r, client-id: i, idp-issuer-url: 'https://idp/realm'";
    let unexpired = jwt(4_102_444_800);
    let identity = |document: &str| {
        let access = valid(document);
        assert!(access.auth.auth_provider.is_none() && access.auth.token.is_none());
        assert!(access.warnings.is_empty(), "{:?}", access.warnings);
        access.oidc.expect("an identity")
    };
    let alone = identity(&oidc(&format!("id-token: ' {unexpired} '")));
    assert_eq!(alone.id_token.expect("a token").text.expose_secret(), unexpired);
    let error = alone.renewal.map(|_| ()).expect_err("cannot be renewed");
    assert_eq!(error.kind, ErrorKind::Authentication);

    let authority = format!("idp-certificate-authority-data: {}", base64(EC_CERT));
    let without_token = identity(&oidc(&format!("{renew}, {authority}, other: x")));
    assert!(without_token.id_token.is_none());
    let renewal = without_token.renewal.expect("can be renewed");
    assert_eq!(renewal.issuer.as_str(), "https://idp/realm");
    assert!(renewal.client_secret.is_none(), "a public client");
    assert_eq!(renewal.authorities.as_deref(), Some(EC_CERT.as_bytes()));
    let secret = identity(&oidc(&format!("{renew}, client-secret: s, id-token: {}", jwt(1))));
    let secret = secret.renewal.expect("can be renewed").client_secret;
    assert_eq!(secret.expect("a secret").expose_secret(), "s");

    let folder = Folder::new();
    folder.write("pki/idp.crt", EC_CERT);
    folder.write("config", oidc(&format!("{renew}, idp-certificate-authority: pki/idp.crt")));
    let access = folder.read("config", &policy()).expect("a file in its own folder");
    let renewal = access.oidc.expect("an identity").renewal.expect("can be renewed");
    assert_eq!(renewal.authorities.as_deref(), Some(EC_CERT.as_bytes()));
}

#[test]
fn an_expired_id_token_without_renewal_is_an_authentication_error() {
    let mut messages = String::new();
    for (fields, missing) in [
        ("", "refresh-token"),
        ("refresh-token: r", "client-id"),
        ("refresh-token: r, client-id: ' '", "client-id"),
        ("refresh-token: r, client-id: i", "idp-issuer-url"),
    ] {
        let document = oidc(&format!("id-token: {}, {fields}", jwt(1)));
        let error = read(&document).map(|_| ()).expect_err("cannot be renewed");
        assert_eq!((error.kind, error.retryable), (ErrorKind::Authentication, false));
        assert!(error.message.contains(missing), "{error}");
        add_case(&mut messages, &format!("id-token, {fields}"), &error.to_string());
    }
    assert_snapshot!(messages);
}

#[test]
fn rejects_an_invalid_oidc_provider() {
    let renew = "refresh-token: r, client-id: i, idp-issuer-url: ";
    assert_snapshot!(refusals(
        [
            "client-id: x",
            &*format!("id-token: {CANARY}"),
            &format!("id-token: {CANARY}.{CANARY}.{CANARY}"),
            &format!("{renew}'http://idp'"),
            &format!("{renew}'{CANARY}'"),
            &format!("{renew}'https:///x'"),
            &format!("{renew}'https://u:{CANARY}@idp'"),
            &format!("{renew}'https://idp?{CANARY}'"),
            &format!("{renew}'https://idp', idp-certificate-authority: /etc/shadow"),
        ],
        oidc
    ));
}

#[test]
fn a_gcp_token_is_used_until_it_expires() {
    let gcp =
        |config: &str| with_user(&format!("auth-provider: {{name: gcp, config: {{{config}}}}}"));
    let access = valid(&gcp("access-token: ya29.x, expiry: '2100-01-01T00:00:00Z'"));
    assert_eq!(token(&access.auth), Some("ya29.x"));
    assert!(access.auth.auth_provider.is_none());
    valid(&gcp("access-token: x, expiry: 2100-01-01T00:00:00Z"));
    assert_snapshot!(refusals(
        [
            &*format!("access-token: {CANARY}, expiry: '2020-01-01T00:00:00Z'"),
            "scopes: x",
            &format!("access-token: x, expiry: {CANARY}"),
        ],
        gcp
    ));
}

#[test]
fn other_providers_are_unsupported() {
    let mut messages = String::new();
    for name in ["azure", "openstack"] {
        let config = format!("{{access-token: {CANARY}}}");
        let document = with_user(&format!("auth-provider: {{name: {name}, config: {config}}}"));
        let error = read(&document).expect_err("unsupported");
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(!error.to_string().contains(CANARY), "{error}");
        add_case(&mut messages, name, &error.to_string());
    }
    assert_snapshot!(messages);
}

#[test]
fn reads_impersonation() {
    let auth =
        valid(&with_user("as: root, as-uid: '0', as-groups: [a, b], as-user-extra: {x: [y]}")).auth;
    assert_eq!(auth.impersonate.as_deref(), Some("root"));
    assert_eq!(auth.impersonate_uid.as_deref(), Some("0"));
    assert_eq!(auth.impersonate_groups, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(auth.impersonate_user_extra.expect("extra values")["x"], ["y"]);
    assert_snapshot!(refusals(
        ["as-groups: [a]", "as: \"a\\r\\nb: c\"", "as: a, as-groups: [\"\"]"],
        with_user
    ));
}
