//! What is secret is listed, and nothing shows it.

use gatherer_plugin_api::{Policy, Secret};
use serde_json::{Value, json};

use super::super::{Access, read_with};
use super::{
    CANARY, EC_CERT, EC_SEC1_KEY, Folder, base64, exec_policy, kubeconfig, policy, with_user,
};

fn listed(access: &Access, text: &str) {
    let found = access.secrets.iter().map(Secret::expose).any(|secret| secret == text);
    assert!(found, "{text} is not listed");
    assert!(!format!("{access:?}").contains(text), "shown: {text}");
}

#[track_caller]
fn read(document: &str, policy: &Policy) -> Access {
    let access = read_with(document, None, policy).expect("a good one");
    let shown = format!("{access:?} {access:#?}");
    assert!(!shown.contains(CANARY) && !shown.contains(&base64(CANARY)), "{shown}");
    access
}

#[test]
fn tokens_and_passwords_are_listed_and_not_shown() {
    listed(&read(&with_user(&format!("token: ' {CANARY} '")), &policy()), CANARY);
    let basic = read(&with_user(&format!("username: admin, password: {CANARY}")), &policy());
    listed(&basic, CANARY);
    listed(&basic, &base64(&format!("admin:{CANARY}")));
    let folder = Folder::new();
    folder.write("token", CANARY);
    folder.write("config", with_user("tokenFile: token"));
    listed(&folder.read("config", &policy()).expect("read"), CANARY);
}

#[test]
fn a_client_key_is_listed_as_text_and_in_base64() {
    let (certificate, key) = (base64(EC_CERT), base64(EC_SEC1_KEY));
    let document =
        with_user(&format!("client-certificate-data: {certificate}, client-key-data: {key}"));
    let access = read(&document, &policy());
    listed(&access, EC_SEC1_KEY);
    listed(&access, &key);
    let clean = &EC_SEC1_KEY[EC_SEC1_KEY.find("-----BEGIN EC PRIVATE").expect("the key")..];
    listed(&access, clean);
    listed(&access, &base64(clean));
}

#[test]
fn what_a_program_is_told_is_listed() {
    let exec = |rest: &str| with_user(&format!("exec: {{apiVersion: v1, command: x, {rest}}}"));
    let env = format!("env: [{{name: PASSWORD, value: {CANARY}}}]");
    listed(&read(&exec(&env), &exec_policy()), CANARY);
    listed(&read(&exec(&format!("args: ['--client-secret={CANARY}']")), &exec_policy()), CANARY);
    listed(&read(&exec(&format!("args: [--password, {CANARY}]")), &exec_policy()), CANARY);
    let plain = read(&exec("args: [--region, eu-central-1, get-token]"), &exec_policy());
    assert!(plain.secrets.is_empty(), "plain arguments are no secrets");
}

#[test]
fn a_providers_tokens_are_listed() {
    let provider = |name: &str, config: &str| {
        with_user(&format!("auth-provider: {{name: {name}, config: {{{config}}}}}"))
    };
    for key in ["refresh-token", "client-secret"] {
        let others = "refresh-token: other, client-id: i, idp-issuer-url: 'https://idp'"
            .replace(&format!("{key}: other, "), "");
        let document = provider("oidc", &format!("{others}, {key}: {CANARY}"));
        listed(&read(&document, &policy()), CANARY);
    }
    let id_token = format!("{}.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln", "e30");
    listed(&read(&provider("oidc", &format!("id-token: {id_token}")), &policy()), &id_token);
    listed(&read(&provider("gcp", &format!("access-token: {CANARY}")), &policy()), CANARY);
    let program = provider("gcp", &format!("cmd-path: x, refresh-token: {CANARY}"));
    listed(&read(&program, &exec_policy()), CANARY);
}

#[test]
fn a_proxys_password_is_listed_as_written_and_as_meant() {
    let proxy = |url: &str| kubeconfig(&format!("server: 'https://h', proxy-url: '{url}'"), "");
    let access = read(&proxy(&format!("http://u:{CANARY}%40%2f@proxy:3128/")), &policy());
    listed(&access, &format!("{CANARY}%40%2f"));
    listed(&access, &format!("{CANARY}@/"));
    listed(&read(&proxy(&format!("http://u:a/{CANARY}@proxy")), &policy()), &format!("a/{CANARY}"));
    listed(&read(&proxy(&format!("{CANARY}@proxy")), &policy()), CANARY);
    assert!(read(&proxy("http://proxy:3128"), &policy()).secrets.is_empty());
}

/// Names, and paths of files, are what messages show.
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

/// Everything that a kubeconfig may hold, with each way to log in.
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

fn ways() -> Vec<Value> {
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

/// JSON pointers to all that stands in it.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                places(value, &format!("{at}/{}", key.replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_message_quotes_a_value_wherever_it_stands() {
    let (mut good, mut bad) = (0, 0);
    for way in ways() {
        let document = complete(&way);
        read_with(&document.to_string(), None, &exec_policy()).expect("good as it is");
        let mut found = Vec::new();
        places(&document, "", &mut found);
        // The whole is a path if it is no document.
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
                *changed.pointer_mut(place).expect("it stands there") = value;
                for policy in [policy(), exec_policy()] {
                    match read_with(&changed.to_string(), None, &policy) {
                        Ok(access) => {
                            good += 1;
                            // Fields that are no secrets may be shown.
                            let _ = format!("{access:?}");
                        }
                        Err(error) => {
                            bad += 1;
                            let shown = error.to_string();
                            assert!(!shown.contains(CANARY), "{place}: {shown}");
                            assert!(!shown.contains(&base64(CANARY)), "{place}: {shown}");
                        }
                    }
                }
            }
        }
    }
    assert!(good > 100 && bad > 1000, "{good} good, {bad} bad");
}

#[test]
fn a_document_that_is_cut_off_anywhere_gives_an_error_without_a_value() {
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
fn no_message_quotes_a_token_where_a_name_belongs() {
    let tokens = [
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl",
        "07401b.f395accd246ae52d",
        "d41d8cd98f00b204e9800998ecf8427e",
        "c2VjcmV0LXRva2VuLW9mLWEtdXNlcjEyMzQ=",
    ];
    let mut bad = 0;
    for way in ways() {
        let document = complete(&way);
        let mut found = Vec::new();
        places(&document, "", &mut found);
        for place in found.iter().filter(|place| SHOWN.iter().any(|shown| place.ends_with(shown))) {
            for token in tokens {
                let mut changed = document.clone();
                *changed.pointer_mut(place).expect("it stands there") = json!(token);
                match read_with(&changed.to_string(), None, &exec_policy()) {
                    Ok(access) => {
                        let said = format!("{:?}", access.warnings);
                        assert!(!said.contains(token), "{place}: {said}");
                    }
                    Err(error) => {
                        bad += 1;
                        let said = error.to_string();
                        assert!(!said.contains(&token[5..]), "{place}: {said}");
                    }
                }
            }
        }
    }
    assert!(bad > 50, "{bad} errors");
    for token in tokens {
        let given = [
            read_with(&kubeconfig("", ""), Some(token), &policy()),
            read_with(token, None, &policy()),
        ];
        for access in given {
            let said = access.map(drop).expect_err("there is no such thing").to_string();
            assert!(!said.contains(&token[5..]), "{said}");
        }
    }
}
