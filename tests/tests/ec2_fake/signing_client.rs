//! A client that signs requests, independently of the module and of the fake.

use std::fmt::Write as _;

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Key};
use jiff::Timestamp;
use ring::{digest, hmac};

/// Sends requests to a fake, signed with a key.
pub struct Client {
    pub fake: Ec2Fake,
    pub key: Ec2Key,
    pub region: &'static str,
    pub now: Timestamp,
}

impl Client {
    pub fn new(fake: Ec2Fake) -> Self {
        let key = fake.key();
        Self { fake, key, region: "eu-central-1", now: Timestamp::now() }
    }

    /// A signed request with this form.
    pub fn request(&self, form: &str) -> ReceivedRequest {
        let body = format!("{form}&Version=2016-11-15");
        let time = self.now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "ec2.example.com"),
            ("x-amz-date", &time),
        ];
        if let Some(token) = &self.key.token {
            headers.push(("x-amz-security-token", token));
        }
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let lines = lines.concat();
        let hash = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let canonical = hash(&format!("POST\n/\n\n{lines}\n{names}\n{}", hash(&body)));
        let scope = format!("{}/{}/ec2/aws4_request", &time[..8], self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical}");
        let sign = |key: &[u8], text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
        };
        let secret = format!("AWS4{}", self.key.secret).into_bytes();
        let key = scope.split('/').fold(secret, |key, part| sign(&key, part));
        let signature = hex(&sign(&key, &text));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.key.id
        );
        headers.push(("authorization", &authorization));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        ReceivedRequest {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: headers.into_iter().map(owned).collect(),
            body: body.into_bytes(),
            ..ReceivedRequest::default()
        }
    }

    pub fn send(&self, form: &str) -> (u16, String) {
        answer(&self.fake, &self.request(form))
    }

    /// The status and the code of an error.
    pub fn code(&self, form: &str) -> (u16, String) {
        let (status, body) = self.send(form);
        (status, element(&body, "Code").unwrap_or_default())
    }
}

/// The status and the body of an answer.
pub fn answer(fake: &Ec2Fake, request: &ReceivedRequest) -> (u16, String) {
    let Action::Answer { status, body, .. } = fake.answer(request) else {
        panic!("not an answer");
    };
    (status, String::from_utf8(body).expect("UTF-8"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The text of the first element with this name.
pub fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    Some(rest.split_once('<')?.0.to_owned())
}
