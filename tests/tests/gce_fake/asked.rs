//! A client of the fake in the tests, without a network.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::gce::{GceFake, GceInventory};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

pub const HOST: &str = "compute.example.com";
pub const GRANT_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
pub const SCOPE: &str = "https://www.googleapis.com/auth/compute.readonly";
pub const ALL: &str = "/compute/v1/projects/example-project/aggregated/instances";
pub const ZONE: &str = "/compute/v1/projects/example-project/zones/europe-west1-b/instances";

/// A fake that a test asks directly.
pub struct Asked {
    pub fake: GceFake,
    pub token: String,
}

impl Asked {
    /// A client with a token.
    pub fn new(fake: GceFake) -> Self {
        let assertion = assertion(&claims(&fake, 0));
        let (status, answer) = answer_of(&fake.answer(&token_request(&assertion)));
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], fake.token_seconds);
        let token = answer["access_token"].as_str().expect("a token").to_owned();
        Self { fake, token }
    }

    pub fn sample() -> Self {
        Self::new(GceFake::new(GceInventory::sample()))
    }

    pub fn get(&self, target: &str) -> (u16, Value) {
        self.get_with(target, Some(&format!("Bearer {}", self.token)))
    }

    pub fn get_with(&self, target: &str, authorization: Option<&str>) -> (u16, Value) {
        let mut headers = vec![("host".to_owned(), HOST.to_owned())];
        headers.extend(authorization.map(|it| ("authorization".to_owned(), it.to_owned())));
        let (method, target) = ("GET".to_owned(), target.to_owned());
        let request = ReceivedRequest { method, target, headers, ..ReceivedRequest::default() };
        answer_of(&self.fake.answer(&request))
    }

    /// All pages of a list.
    pub fn pages(&self, target: &str) -> Vec<Value> {
        let mut pages = Vec::new();
        let mut next = target.to_owned();
        loop {
            let (status, page) = self.get(&next);
            assert_eq!(status, 200, "{next}: {page}");
            let token = page["nextPageToken"].as_str().map(encoded);
            pages.push(page);
            assert!(pages.len() < 100, "an endless list");
            let Some(token) = token else { return pages };
            let separator = if target.contains('?') { '&' } else { '?' };
            next = format!("{target}{separator}pageToken={token}");
        }
    }

    /// The ids of the instances of all pages, in their order.
    pub fn ids(&self, target: &str) -> Vec<String> {
        let pages = self.pages(target);
        let instances = pages.iter().flat_map(instances_of);
        instances.map(|instance| instance["id"].as_str().expect("an id").to_owned()).collect()
    }
}

/// The instances of a page, of an aggregated list or of one zone.
pub fn instances_of(page: &Value) -> Vec<&Value> {
    match &page["items"] {
        Value::Array(items) => items.iter().collect(),
        Value::Object(scopes) => {
            scopes.values().filter_map(|scope| scope["instances"].as_array()).flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// The status and the body of an answer; `null` if it is not JSON.
pub fn answer_of(answer: &Action) -> (u16, Value) {
    let Action::Answer { status, body, .. } = answer else { panic!("not an answer") };
    (*status, serde_json::from_slice(body).unwrap_or(Value::Null))
}

/// A text in a query.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"))
}

/// The claims of an assertion that the fake accepts, made this many seconds from now.
pub fn claims(fake: &GceFake, seconds: i64) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.expect("the time is after 1970").as_secs()).expect("it fits");
    let iat = now + seconds;
    let aud = format!("https://{HOST}/token");
    json!({"iss": fake.email, "scope": SCOPE, "aud": aud, "iat": iat, "exp": iat + 3600})
}

/// Signs claims with the key of the account.
pub fn assertion(claims: &Value) -> String {
    let key = PrivatePkcs8KeyDer::from_pem_slice(GceFake::key_pkcs8().as_bytes()).expect("PEM");
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("an RSA key");
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let signed = format!("{}.{}", part(&header), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .expect("the key can sign");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub fn token_request(assertion: &str) -> ReceivedRequest {
    form(&format!("grant_type={GRANT_TYPE}&assertion={assertion}"))
}

pub fn form(body: &str) -> ReceivedRequest {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    ReceivedRequest {
        method: "POST".to_owned(),
        target: "/token".to_owned(),
        headers: vec![
            header("host", HOST),
            header("content-type", "application/x-www-form-urlencoded"),
        ],
        body: body.as_bytes().to_vec(),
        ..ReceivedRequest::default()
    }
}
