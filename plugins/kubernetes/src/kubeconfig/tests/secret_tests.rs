//! Tests that every secret is listed for redaction, and that no message contains one.

use gatherer_plugin_api::{Policy, Secret};
use serde_json::{Value, json};

use super::super::{Access, read_with};
use super::{
    CANARY, EC_CERT, EC_SEC1_KEY, Folder, base64, exec_policy, kubeconfig, policy, with_user,
};

/// Asserts that the text is listed as a secret, and is not in the `Debug` output.
#[track_caller]
fn assert_listed(access: &Access, text: &str) {
    let found = access.secrets.iter().map(Secret::expose).any(|secret| secret == text);
    assert!(found, "{text} is not listed");
    assert!(!format!("{access:?}").contains(text), "{text} is shown");
}

#[track_caller]
fn read(document: &str, policy: &Policy) -> Access {
    let access = read_with(document, None, policy).expect("a valid kubeconfig");
    let shown = format!("{access:?} {access:#?}");
    assert!(!shown.contains(CANARY) && !shown.contains(&base64(CANARY)), "{shown}");
    access
}

#[test]
fn lists_tokens_and_passwords() {
    assert_listed(&read(&with_user(&format!("token: ' {CANARY} '")), &policy()), CANARY);
    let basic = read(&with_user(&format!("username: admin, password: {CANARY}")), &policy());
    assert_listed(&basic, CANARY);
    assert_listed(&basic, &base64(&format!("admin:{CANARY}")));
    let folder = Folder::new();
    folder.write("token", CANARY);
    folder.write("config", with_user("tokenFile: token"));
    assert_listed(&folder.read("config", &policy()).expect("read"), CANARY);
}

#[test]
fn lists_a_client_key_as_text_and_in_base64() {
    let (certificate, key) = (base64(EC_CERT), base64(EC_SEC1_KEY));
    let document =
        with_user(&format!("client-certificate-data: {certificate}, client-key-data: {key}"));
    let access = read(&document, &policy());
    assert_listed(&access, EC_SEC1_KEY);
    assert_listed(&access, &key);
}

#[test]
fn lists_the_secrets_that_a_program_gets() {
    let exec = |rest: &str| with_user(&format!("exec: {{apiVersion: v1, command: x, {rest}}}"));
    let env = format!("env: [{{name: PASSWORD, value: {CANARY}}}]");
    assert_listed(&read(&exec(&env), &exec_policy()), CANARY);
    assert_listed(
        &read(&exec(&format!("args: ['--client-secret={CANARY}']")), &exec_policy()),
        CANARY,
    );
    assert_listed(&read(&exec(&format!("args: [--password, {CANARY}]")), &exec_policy()), CANARY);
    let plain = read(&exec("args: [--region, eu-central-1, get-token]"), &exec_policy());
    assert!(plain.secrets.is_empty(), "plain arguments are not secrets");
}

#[test]
fn lists_the_tokens_of_a_provider() {
    let provider = |name: &str, config: &str| {
        with_user(&format!("auth-provider: {{name: {name}, config: {{{config}}}}}"))
    };
    for key in ["refresh-token", "client-secret"] {
        let rest = "refresh-token: other, client-id: i, idp-issuer-url: 'https://idp'"
            .replace(&format!("{key}: other, "), "");
        let document = provider("oidc", &format!("{rest}, {key}: {CANARY}"));
        assert_listed(&read(&document, &policy()), CANARY);
    }
    let id_token = format!("{}.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln", "e30");
    assert_listed(&read(&provider("oidc", &format!("id-token: {id_token}")), &policy()), &id_token);
    assert_listed(&read(&provider("gcp", &format!("access-token: {CANARY}")), &policy()), CANARY);
    let program = provider("gcp", &format!("cmd-path: x, refresh-token: {CANARY}"));
    assert_listed(&read(&program, &exec_policy()), CANARY);
}

#[test]
fn lists_a_proxys_password_encoded_and_decoded() {
    let proxy = |url: &str| kubeconfig(&format!("server: 'https://h', proxy-url: '{url}'"), "");
    let access = read(&proxy(&format!("http://u:{CANARY}%40%2f@proxy:3128/")), &policy());
    assert_listed(&access, &format!("{CANARY}%40%2f"));
    assert_listed(&access, &format!("{CANARY}@/"));
    assert_listed(
        &read(&proxy(&format!("http://u:a/{CANARY}@proxy")), &policy()),
        &format!("a/{CANARY}"),
    );
    assert_listed(&read(&proxy(&format!("{CANARY}@proxy")), &policy()), CANARY);
    assert!(read(&proxy("http://proxy:3128"), &policy()).secrets.is_empty());
}

/// The fields that messages may quote: names, and paths of files.
const SHOWN: [&str; 12] = [
    "/apiVersion",
    "/certificate-authority",
    "/client-certificate",
    "/client-key",
    "/cluster",
    "/current-context",
    "/idp-certificate-authority",
    "/kind",
    "/name",
    "/tokenFile",
    "/user",
    "/0/name",
];

/// A kubeconfig with every field, and this user.
fn complete(user: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "real", "preferences": {},
        "contexts": [{"name": "real", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "c", "cluster": {
            "server": "https://h", "certificate-authority-data": base64(EC_CERT),
            "certificate-authority": "/ca", "tls-server-name": "name",
            "proxy-url": "http://p", "insecure-skip-tls-verify": false,
            "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"a": "b"}}],
        }}],
        "users": [{"name": "u", "user": user}],
    })
}

/// One user for each login method.
fn users() -> Vec<Value> {
    let oidc = json!({
        "id-token": "", "refresh-token": "r", "client-id": "i", "client-secret": "s",
        "idp-issuer-url": "https://idp", "idp-certificate-authority-data": base64(EC_CERT),
        "idp-certificate-authority": "/ca",
    });
    vec![
        json!({"token": "abc", "tokenFile": "/t", "as": "a", "as-uid": "b", "as-groups": ["c"],
            "as-user-extra": {"d": ["e"]}}),
        json!({"username": "u", "password": "p", "client-certificate-data": base64(EC_CERT),
            "client-key-data": base64(EC_SEC1_KEY), "client-certificate": "/c", "client-key": "/k"}),
        json!({"exec": {"apiVersion": "v1", "command": "x", "args": ["y"], "provideClusterInfo": true,
            "interactiveMode": "Never", "env": [{"name": "n", "value": "v"}]}}),
        json!({"auth-provider": {"name": "oidc", "config": oidc}}),
        json!({"auth-provider": {"name": "gcp", "config": {"access-token": "a",
            "expiry": "2100-01-01T00:00:00Z", "cmd-path": "", "cmd-args": ""}}}),
    ]
}

/// Adds JSON pointers to a value and to everything in it.
fn add_pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                add_pointers(value, &format!("{pointer}/{}", key.replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                add_pointers(value, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_message_quotes_the_value_of_any_field() {
    let (mut accepted, mut rejected) = (0, 0);
    for user in users() {
        let document = complete(&user);
        read_with(&document.to_string(), None, &exec_policy()).expect("a valid kubeconfig");
        let mut found = Vec::new();
        add_pointers(&document, "", &mut found);
        // Replacing the whole document would make the parameter a path.
        found.remove(0);
        for place in found.iter().filter(|place| !SHOWN.iter().any(|shown| place.ends_with(shown)))
        {
            let line_break = format!("{CANARY}\n{CANARY}");
            for value in [
                json!(CANARY),
                json!(line_break),
                json!([CANARY]),
                json!({CANARY: CANARY}),
                json!(7),
                json!(true),
                json!(null),
                json!(""),
                json!([]),
                json!({}),
                json!(base64(CANARY)),
                json!(format!("https://{CANARY}@{CANARY}")),
            ] {
                let mut changed = document.clone();
                *changed.pointer_mut(place).expect("the pointer is valid") = value;
                for policy in [policy(), exec_policy()] {
                    match read_with(&changed.to_string(), None, &policy) {
                        Ok(access) => {
                            accepted += 1;
                            // `Debug` may show fields that are not secret.
                            let _ = format!("{access:?}");
                        }
                        Err(error) => {
                            rejected += 1;
                            let shown = error.to_string();
                            assert!(!shown.contains(CANARY), "{place}: {shown}");
                            assert!(!shown.contains(&base64(CANARY)), "{place}: {shown}");
                        }
                    }
                }
            }
        }
    }
    assert!(accepted > 100 && rejected > 1000, "{accepted} accepted, {rejected} rejected");
}

#[test]
fn no_message_quotes_a_value_of_a_truncated_document() {
    let document = with_user(&format!("username: u, password: '{CANARY}'"));
    let flow = complete(&json!({"token": CANARY})).to_string();
    for text in [&document, &flow] {
        for end in (1..text.len()).filter(|end| text.is_char_boundary(*end)) {
            if let Err(error) = read_with(&format!("{}\n", &text[..end]), None, &policy()) {
                let shown = error.to_string();
                assert!(!shown.contains("canary"), "at {end}: {shown}");
            }
        }
    }
}

#[test]
fn no_message_quotes_a_token_in_a_field_for_a_name() {
    let tokens = [
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl",
        "07401b.f395accd246ae52d",
        "d41d8cd98f00b204e9800998ecf8427e",
        "c2VjcmV0LXRva2VuLW9mLWEtdXNlcjEyMzQ=",
    ];
    let mut rejected = 0;
    for user in users() {
        let document = complete(&user);
        let mut found = Vec::new();
        add_pointers(&document, "", &mut found);
        for place in found.iter().filter(|place| SHOWN.iter().any(|shown| place.ends_with(shown))) {
            for token in tokens {
                let mut changed = document.clone();
                *changed.pointer_mut(place).expect("the pointer is valid") = json!(token);
                match read_with(&changed.to_string(), None, &exec_policy()) {
                    Ok(access) => {
                        let warnings = format!("{:?}", access.warnings);
                        assert!(!warnings.contains(token), "{place}: {warnings}");
                    }
                    Err(error) => {
                        rejected += 1;
                        let message = error.to_string();
                        assert!(!message.contains(&token[5..]), "{place}: {message}");
                    }
                }
            }
        }
    }
    assert!(rejected > 50, "{rejected} rejected");
    for token in tokens {
        let as_context = read_with(&kubeconfig("", ""), Some(token), &policy());
        let as_path = read_with(token, None, &policy());
        for access in [as_context, as_path] {
            let message = access.map(drop).expect_err("must be refused").to_string();
            assert!(!message.contains(&token[5..]), "{message}");
        }
    }
}
