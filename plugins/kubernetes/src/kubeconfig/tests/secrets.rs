//! What is secret is listed, and nothing shows it.

use gatherer_plugin_api::{Policy, Secret};

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
