//! A fake of the instance metadata service, version 2.

use std::sync::atomic::{AtomicUsize, Ordering};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use jiff::Timestamp;
use serde_json::json;

use super::Ec2Key;

/// The name of the instance's role.
pub const INSTANCE_ROLE: &str = "inventory-of-instances";

const TOKEN: &str = "AQAEANcanary-of-the-metadata-service==";
const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/";

/// A fake metadata service. `answer` is the script of a `ScriptedServer` without TLS.
#[derive(Debug)]
pub struct ImdsFake {
    /// The keys of the instance's role. Each request for credentials gets the next one, and later ones the last one.
    /// Empty: the instance has no role.
    pub keys: Vec<Ec2Key>,
    /// The region and the zone of the instance.
    pub zone: [String; 2],
    next: AtomicUsize,
}

impl ImdsFake {
    /// The service of an instance whose role has these keys.
    pub fn new(keys: Vec<Ec2Key>) -> Self {
        let zone = ["eu-central-1", "eu-central-1a"].map(str::to_owned);
        Self { keys, zone, next: AtomicUsize::new(0) }
    }

    /// Answers a request of a client.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        if request.path() == "/latest/api/token" {
            return token(request);
        }
        if request.method != "GET" {
            return Action::answer(405, "");
        }
        if request.header("x-aws-ec2-metadata-token") != Some(TOKEN) {
            return text(401, "<html><body><h1>401 - Unauthorized</h1></body></html>");
        }
        let [region, zone] = &self.zone;
        match request.path() {
            "/latest/meta-data/placement/region" => text(200, region),
            "/latest/meta-data/placement/availability-zone" => text(200, zone),
            path => match path.strip_prefix(CREDENTIALS) {
                Some("") if !self.keys.is_empty() => text(200, INSTANCE_ROLE),
                Some(INSTANCE_ROLE) if !self.keys.is_empty() => self.credentials(),
                _ => text(404, "<html><body><h1>404 - Not Found</h1></body></html>"),
            },
        }
    }

    fn credentials(&self) -> Action {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let key = &self.keys[number.min(self.keys.len() - 1)];
        let document = json!({
            "Code": "Success",
            "LastUpdated": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "Type": "AWS-HMAC",
            "AccessKeyId": key.id,
            "SecretAccessKey": key.secret,
            "Token": key.token,
            "Expiration": key.expires.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        });
        text(200, &document.to_string())
    }
}

/// The answer to the request for a session of the service. It must say how long, and have passed no proxy.
fn token(request: &ReceivedRequest) -> Action {
    if request.method != "PUT" {
        return Action::answer(405, "");
    }
    if request.header("x-forwarded-for").is_some() {
        return text(403, "<html><body><h1>403 - Forbidden</h1></body></html>");
    }
    let seconds = request.header("x-aws-ec2-metadata-token-ttl-seconds");
    match seconds.and_then(|seconds| seconds.parse::<u32>().ok()) {
        Some(1..=21_600) => {
            let seconds = seconds.unwrap_or_default();
            text(200, TOKEN).header("x-aws-ec2-metadata-token-ttl-seconds", seconds)
        }
        _ => text(400, "<html><body><h1>400 - Bad Request</h1></body></html>"),
    }
}

fn text(status: u16, body: &str) -> Action {
    Action::answer(status, body).header("content-type", "text/plain")
}
