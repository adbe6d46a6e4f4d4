//! Where the credentials come from, and where they go.

use std::fmt::Write as _;

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{
    Context, ErrorKind, GatherError, Gatherer, Options, Policy, ProxySettings, Secret,
};
use gatherer_plugin_ec2::Parameters;
use gatherer_plugin_ec2::credentials::Machine;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, ScriptedServer, closed_port};
use serde::Deserialize;
use serde_json::{Value, json};

use super::scripted::{action, empty_list, error, form};

/// The module on another machine than this one.
pub struct OnMachine;

#[derive(Deserialize)]
pub struct WithMachine {
    metadata: Option<String>,
    credentials_file: Option<String>,
    #[serde(flatten)]
    parameters: Parameters,
}

impl Gatherer for OnMachine {
    type Parameters = WithMachine;

    fn gather(parameters: WithMachine, context: &Context) -> Result<(), GatherError> {
        let machine = Machine {
            metadata: parameters.metadata.map(|url| url.parse().expect("a URL")),
            credentials_file: parameters.credentials_file.map(Into::into),
        };
        gatherer_plugin_ec2::gather(&parameters.parameters, &machine, context)
    }
}

fn recorder(allow_machine_identity: bool) -> Recorder {
    let config_file = "/etc/vhg/config.toml".to_owned();
    let policy = Policy { config_file, allow_machine_identity, ..Policy::default() };
    Recorder::new().options(Options { retries: Some(0), policy, ..Options::default() })
}

/// Answers as EC2 to the access key `id` with its session token, as STS, and as the metadata service.
fn answer(request: &ReceivedRequest, id: &str, token: Option<&str>) -> Action {
    match (request.method.as_str(), request.path()) {
        ("PUT", "/latest/api/token") => Action::answer(200, "session-of-metadata"),
        ("GET", _) if request.header("x-aws-ec2-metadata-token") != Some("session-of-metadata") => {
            Action::answer(401, "")
        }
        ("GET", "/latest/meta-data/iam/security-credentials/") => Action::answer(200, "inventory"),
        ("GET", "/latest/meta-data/iam/security-credentials/inventory") => Action::json(
            200,
            &json!({"Code": "Success", "AccessKeyId": "ASIAROLE", "SecretAccessKey": "role-secret",
                "Token": "role-token", "Expiration": "2026-11-28T18:00:00Z"}),
        ),
        ("POST", _) if action(request) == "AssumeRoleWithWebIdentity" => Action::answer(
            200,
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAWEB</AccessKeyId>\
             <SecretAccessKey>web-secret</SecretAccessKey><SessionToken>web-token</SessionToken>\
             </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
        ),
        _ => {
            let signature = request.header("authorization").unwrap_or_default();
            let is_key = signature.contains(&format!("Credential={id}/"));
            if is_key && request.header("x-amz-security-token") == token {
                empty_list(&action(request))
            } else {
                error(401, "AuthFailure")
            }
        }
    }
}

fn serve(id: &'static str, token: Option<&'static str>) -> ScriptedServer {
    ScriptedServer::http(move |request| answer(request, id, token))
}

/// The parameters of an endpoint without credentials.
fn without_credentials(server: &ScriptedServer) -> Value {
    json!({
        "region": "eu-central-1", "endpoint_url": server.url("/"),
        "sts_endpoint_url": server.url("/"), "metadata": server.url("/"), "dedicated_hosts": false,
    })
}

fn with(server: &ScriptedServer, members: Value) -> Value {
    let mut parameters = without_credentials(server);
    let Value::Object(members) = members else { panic!("an object") };
    parameters.as_object_mut().expect("an object").extend(members);
    parameters
}

fn gather(parameters: Value) -> Result<Gathered, GatherError> {
    recorder(true).gather::<OnMachine>(parameters)
}

fn web_token() -> &'static str {
    // {"alg":"RS256"}.{"sub":"inventory"}.signature
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJpbnZlbnRvcnkifQ.c2lnbmF0dXJl"
}

#[test]
fn the_role_of_the_machine_comes_from_its_metadata_service_and_never_through_a_proxy() {
    let server = serve("ASIAROLE", Some("role-token"));
    gather(without_credentials(&server)).expect("complete");
    let paths: Vec<_> = server.received().iter().map(|it| it.path().to_owned()).collect();
    assert_eq!(paths[0], "/latest/api/token");
    let header = "x-aws-ec2-metadata-token-ttl-seconds";
    assert_eq!(server.received()[0].header(header), Some("60"));
    assert_eq!(paths.iter().filter(|path| *path == "/latest/api/token").count(), 1);

    let dead = format!("http://{}", closed_port());
    let proxy = ProxySettings { all: Some(Secret::new(dead)), ..ProxySettings::default() };
    let policy = Policy { allow_machine_identity: true, ..Policy::default() };
    let options = Options { retries: Some(0), proxy, policy, ..Options::default() };
    let failure = Recorder::new().options(options);
    let failure = failure.gather::<OnMachine>(without_credentials(&server));
    let failure = failure.expect_err("only the calls of EC2 use the proxy");
    assert!(failure.message.contains("proxy"), "{failure}");
    assert_eq!(server.received().len(), paths.len() + 3, "the metadata service was asked directly");
}

#[test]
fn secrets_of_the_machine_are_redacted() {
    let server = serve("ASIAROLE", Some("role-token"));
    let recorder = recorder(true);
    recorder.gather::<OnMachine>(without_credentials(&server)).expect("complete");
    let secrets = recorder.secrets();
    for secret in ["session-of-metadata", "role-secret", "role-token"] {
        assert!(secrets.iter().any(|known| known == secret), "{secret}");
    }
}

#[test]
fn a_machine_without_a_role_or_a_metadata_service_is_explained() {
    let server = ScriptedServer::http(|request| match request.method.as_str() {
        "PUT" => Action::answer(200, "session-of-metadata"),
        _ => Action::answer(404, ""),
    });
    let failure = gather(without_credentials(&server)).expect_err("no role");
    assert_eq!(failure.kind, ErrorKind::Configuration);
    assert_eq!(failure.message, "this machine has no role (instance profile)");

    let mut parameters = without_credentials(&server);
    parameters["metadata"] = json!(format!("http://{}/", closed_port()));
    let failure = gather(parameters).expect_err("no service");
    assert_eq!(failure.kind, ErrorKind::Connection);
    assert!(failure.hint.expect("a hint").contains("hop limit"));
}

#[test]
fn a_web_identity_is_exchanged_for_a_role() {
    let server = serve("ASIAWEB", Some("web-token"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{}\n", web_token())).expect("a file");
    let role = "arn:aws:iam::123456789012:role/inventory";
    let members = json!({"role_arn": role, "web_identity_token_file": file});
    gather(with(&server, members.clone())).expect("complete");
    let login = &server.received()[0];
    assert_eq!(form(login, "RoleArn").as_deref(), Some(role));
    assert_eq!(form(login, "WebIdentityToken").as_deref(), Some(web_token()));
    assert_eq!(login.header("authorization"), None, "the request is not signed");

    std::fs::write(&file, "root:x:0:0:root:/root:/bin/bash\n").expect("a file");
    let sent = server.received().len();
    let failure = gather(with(&server, members)).expect_err("no token");
    assert!(failure.message.ends_with("is not a JSON Web Token"), "{failure}");
    assert_eq!(server.received().len(), sent, "no other file is sent");
}

#[test]
fn a_profile_has_an_access_key() {
    let server = serve("AKIAPROFILE", None);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("credentials");
    let text = "[cloud]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = profile-secret\n\
                [program]\ncredential_process = touch ran\n";
    std::fs::write(&file, text).expect("a file");
    let members = |profile| json!({"profile": profile, "credentials_file": file});
    gather(with(&server, members("cloud"))).expect("complete");
    for (profile, why) in [
        ("program", "the profile has no access key, and credential_process is not supported"),
        ("other", "it does not have this profile"),
    ] {
        let failure = gather(with(&server, members(profile))).expect_err(profile);
        assert_eq!(failure.kind, ErrorKind::Configuration);
        assert!(failure.message.ends_with(why), "{failure}");
    }
}

#[test]
fn temporary_keys_of_the_endpoint_have_a_token() {
    let server = serve("ASIAKEY", Some("key-token"));
    let keys = |token: Option<&str>| {
        let members = json!({"access_key_id": "ASIAKEY", "secret_access_key": "key-secret",
            "session_token": token});
        recorder(false).gather::<OnMachine>(with(&server, members))
    };
    keys(Some("key-token")).expect("complete");
    let sent = server.received().len();
    let failure = keys(None).expect_err("no token");
    assert_eq!(failure.kind, ErrorKind::Authentication);
    assert_eq!(server.received().len(), sent + 1, "a key that is refused is not sent again");
}

#[test]
fn credentials_of_the_machine_are_renewed_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let expired = |always: bool| {
        let calls = AtomicUsize::new(0);
        ScriptedServer::http(move |request| {
            let is_call = request.method == "POST";
            if is_call && (calls.fetch_add(1, Ordering::Relaxed) == 1 || always) {
                return error(400, "ExpiredToken");
            }
            answer(request, "ASIAROLE", Some("role-token"))
        })
    };
    let logins = |server: &ScriptedServer| {
        server.received().iter().filter(|request| request.method == "PUT").count()
    };
    let server = expired(false);
    gather(without_credentials(&server)).expect("complete");
    assert_eq!(logins(&server), 2);
    let server = expired(true);
    let failure = gather(without_credentials(&server)).expect_err("always expired");
    assert_eq!(failure.kind, ErrorKind::Authentication);
    assert_eq!(logins(&server), 2);
}

#[test]
fn the_identity_of_the_machine_needs_the_operators_permission_and_amazons_service() {
    let server = serve("ASIAROLE", Some("role-token"));
    let mut report = String::new();
    let mut note = |allowed: bool, members: Value| {
        let parameters = with(&server, members);
        let failure = recorder(allowed).gather::<OnMachine>(parameters).expect_err("refused");
        assert_eq!(failure.kind, ErrorKind::Configuration, "{failure}");
        let _ = writeln!(report, "{failure}");
    };
    note(false, json!({}));
    note(false, json!({"profile": "default"}));
    note(false, json!({"role_arn": "arn:aws:iam::1:role/r", "web_identity_token_file": "/t"}));
    note(true, json!({"endpoint_url": "https://ec2.example.com"}));
    note(
        true,
        json!({"sts_endpoint_url": "https://sts.example.com", "role_arn": "r",
        "web_identity_token_file": "/t"}),
    );
    note(true, json!({"role_arn": "arn:aws:iam::1:role/r"}));
    note(true, json!({"profile": "default", "role_arn": "arn:aws:iam::1:role/r"}));
    note(true, json!({"access_key_id": "AKIAEXAMPLE"}));
    note(
        true,
        json!({"access_key_id": "AKIAEXAMPLE", "secret_access_key": "hunter2-secret",
        "profile": "default"}),
    );
    assert!(!report.contains("hunter2"));
    insta::assert_snapshot!(report);
    assert_eq!(server.received().len(), 0);
}
