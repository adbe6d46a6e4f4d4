//! Tests of reading the key.

use gatherer_plugin_api::testing::Recorder;
use serde_json::{Value, json};

use super::*;

const PKCS8: &str = include_str!("../../../plugin-support/src/http/test_keys/rsa2048-pkcs8.key");
const PKCS1: &str = include_str!("../../../plugin-support/src/http/test_keys/rsa2048-pkcs1.key");

const EMAIL: &str = "inventory@my-project.iam.gserviceaccount.com";

fn document() -> Value {
    json!({
        "type": "service_account", "project_id": "my-project", "private_key_id": "key-1",
        "private_key": PKCS8, "client_email": EMAIL, "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut document = document();
    document[name] = value;
    document
}

fn parameters(email: &str, path: &str, token_url: &str) -> Parameters {
    Parameters {
        service_account_email: email.to_owned(),
        cert_path: path.to_owned(),
        project_id: "my-project".to_owned(),
        zone: String::new(),
        endpoint_url: "https://compute.googleapis.com".to_owned(),
        token_url: token_url.to_owned(),
    }
}

/// The key in a file with these contents.
fn read_with(
    contents: impl AsRef<[u8]>,
    email: &str,
    token_url: &str,
) -> Result<ServiceAccountKey, GatherError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    std::fs::write(&path, contents).expect("written");
    let path = path.to_str().expect("UTF-8");
    let key = read(&parameters(email, path, token_url), &Recorder::new().context());
    key.map_err(|mut error| {
        error.message = error.message.replace(path, "KEY");
        error
    })
}

fn error(contents: impl AsRef<[u8]>, email: &str) -> GatherError {
    read_with(contents, email, "").expect_err("not a key")
}

#[test]
fn reads_the_json_file_and_both_forms_of_a_pem_key() {
    let key = read_with(document().to_string(), "", "").expect("a key");
    assert_eq!((key.email.as_str(), key.id.as_deref()), (EMAIL, Some("key-1")));
    assert_eq!(key.token_url.as_str(), "https://oauth2.googleapis.com/token");
    let with_mark = format!("\u{feff}\n{}", with("private_key", json!(PKCS1)));
    read_with(with_mark, "", "").expect("a key");
    for pem in [PKCS8, PKCS1, &format!("Bag Attributes\n{PKCS8}")] {
        let key = read_with(pem, &format!(" {EMAIL} "), "").expect("a key");
        assert_eq!((key.email.as_str(), key.id), (EMAIL, None));
        assert_eq!(key.token_url.as_str(), GOOGLE_TOKEN_URL);
    }
    // An older JSON key has only the key.
    let key = read_with(json!({"private_key": PKCS8}).to_string(), EMAIL, "").expect("a key");
    assert_eq!(key.email, EMAIL);
}

#[test]
fn the_parameter_and_the_file_name_the_same_account() {
    for email in
        ["", EMAIL, "Inventory@My-Project.iam.gserviceaccount.com", "100000000000000000001"]
    {
        assert_eq!(read_with(document().to_string(), email, "").expect(email).email, EMAIL);
    }
    let other = error(document().to_string(), "other@my-project.iam.gserviceaccount.com");
    assert_eq!(other.kind, ErrorKind::Configuration);
    assert!(other.message.contains("service_account_email"), "{other}");
    for contents in [PKCS8.to_owned(), with("client_email", json!(null)).to_string()] {
        let missing = error(contents, " ");
        assert!(missing.message.starts_with("the parameter service_account_email "), "{missing}");
    }
}

#[test]
fn the_token_url_is_that_of_the_parameter_or_an_https_url_in_the_file() {
    let other = with("token_uri", json!("https://tokens.example.com/token"));
    let url = |token_url: &str| {
        read_with(other.to_string(), "", token_url).map(|key| key.token_url.to_string())
    };
    assert_eq!(url("").expect("https"), "https://tokens.example.com/token");
    assert_eq!(url("http://127.0.0.1:1/token").expect("loopback"), "http://127.0.0.1:1/token");
    let refused = url("http://tokens.example.com/token").expect_err("not https");
    assert!(refused.message.starts_with("the parameter token_url "), "{refused}");
    for uri in [
        "http://oauth2.googleapis.com/token",
        "http://127.0.0.1:1/token",
        "https://user:hunter2@tokens.example.com/token",
        "https://tokens.example.com/token?a=hunter2",
        "https://tokens.example.com/#hunter2",
        "https://oauth2.googleapis.com\\@tokens.example.com/",
        "file:///etc/hunter2",
        "hunter2",
    ] {
        let refused = error(with("token_uri", json!(uri)).to_string(), "");
        assert_eq!(refused.kind, ErrorKind::Configuration, "{uri}");
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
}

#[test]
fn assertions_are_for_the_server_that_gets_them_or_for_google_behind_a_private_endpoint() {
    let google = "https://oauth2.googleapis.com/token";
    let private = "https://oauth2-inventory.p.googleapis.com/token";
    let old = "https://accounts.google.com/o/oauth2/token";
    let own = "https://tokens.example.com/token";
    for (token_uri, token_url, sent_to, audience) in [
        (google, "", google, google),
        (google, private, private, google),
        (old, private, private, old),
        (own, private, private, google),
        (google, own, own, own),
        (own, "", own, own),
        ("", private, private, google),
    ] {
        let file = with("token_uri", json!(token_uri)).to_string();
        let key = read_with(file, "", token_url).expect("a key");
        assert_eq!(key.token_url.as_str(), sent_to, "{token_uri} {token_url}");
        assert_eq!(key.audience.as_str(), audience, "{token_uri} {token_url}");
    }
}

#[test]
fn rejects_other_files_than_keys_without_quoting_them() {
    let mut encrypted = PKCS8.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    encrypted.push_str("hunter2");
    let mut messages = Vec::new();
    for contents in [
        b"hunter2".to_vec(),
        b"{hunter2".to_vec(),
        vec![0x30, 0x82, 0x0a, 0x00],
        encrypted.into_bytes(),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
        with("type", json!("authorized_user")).to_string().into_bytes(),
        with("type", json!("external_account")).to_string().into_bytes(),
        with("type", json!("impersonated_service_account")).to_string().into_bytes(),
        with("type", json!("hunter2")).to_string().into_bytes(),
        with("private_key", json!(null)).to_string().into_bytes(),
        with("private_key", json!("hunter2")).to_string().into_bytes(),
        with("private_key", json!(["hunter2"])).to_string().into_bytes(),
        with("universe_domain", json!("hunter2.example.com")).to_string().into_bytes(),
        vec![b' '; MAX_BYTES + 1],
    ] {
        let refused = error(&contents, EMAIL);
        let expected = if contents.windows(15).any(|part| part == b"hunter2.example") {
            ErrorKind::Unsupported
        } else {
            ErrorKind::Configuration
        };
        assert_eq!(refused.kind, expected, "{refused}");
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
        messages.push(refused.to_string());
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_key_in_the_parameter_is_not_quoted() {
    let context = Recorder::new().context();
    for text in [
        String::new(),
        " ".to_owned(),
        PKCS8.to_owned(),
        PKCS8.replace('\n', " "),
        document().to_string(),
        "hunter2/".repeat(200),
        "hunter2".repeat(50),
        "/etc/\u{7}hunter2".to_owned(),
    ] {
        let refused = read(&parameters("", &text, ""), &context).expect_err(&text);
        assert_eq!(refused.kind, ErrorKind::Configuration);
        assert!(refused.message.starts_with("the parameter cert_path "), "{refused}");
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
        assert!(!refused.to_string().contains("BEGIN"), "{refused}");
    }
    let missing = read(&parameters("", "/nowhere/key.json", ""), &context).expect_err("missing");
    assert_eq!(missing.message, "the file /nowhere/key.json in cert_path does not exist");
}

#[test]
fn the_private_key_is_a_secret() {
    let recorder = Recorder::new();
    let path = Path::new("/key.json");
    parse(document().to_string().as_bytes(), path, &parameters("", "", ""), &recorder.context())
        .expect("a key");
    assert_eq!(recorder.secrets(), [PKCS8]);
}
