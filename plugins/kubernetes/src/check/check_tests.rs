//! Tests of the login and of servers that answer reviews in another way, with a scripted API server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{CheckStep, ErrorKind, Options, StepStatus};
use gatherer_plugin_support::testing::{Action, ReceivedRequest, ScriptedServer};
use jiff::Timestamp;
use serde_json::json;

use crate::Kubernetes;
use crate::client::testing::kubeconfig;

/// A server with one node that knows the user of every request.
fn good(request: &ReceivedRequest) -> Action {
    match request.path() {
        "/apis/authentication.k8s.io/v1/selfsubjectreviews" => {
            let status = json!({"userInfo": {"username": "system:serviceaccount:a:b"}});
            Action::json(201, &json!({"kind": "SelfSubjectReview", "status": status}))
        }
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let status = json!({"allowed": true});
            Action::json(201, &json!({"kind": "SelfSubjectAccessReview", "status": status}))
        }
        "/version" => Action::json(200, &json!({"gitVersion": "v1.33.1"})),
        "/api/v1/nodes" => {
            let metadata = json!({"continue": "next", "remainingItemCount": 41});
            let list = json!({"kind": "NodeList", "metadata": metadata, "items": [{}]});
            Action::json(200, &list)
        }
        path => panic!("unexpected request for {path}"),
    }
}

fn failure(status: u16, reason: &str) -> Action {
    let body = json!({"kind": "Status", "status": "Failure", "code": status, "reason": reason,
        "message": format!("{reason}: the server says no")});
    Action::json(status, &body)
}

fn check(
    user: &str,
    script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static,
) -> (Vec<CheckStep>, Recorder, ScriptedServer) {
    let server = ScriptedServer::http(script);
    let recorder = Recorder::new().options(Options { retries: Some(0), ..Options::default() });
    let parameters = json!({"kubeconfig": kubeconfig(&server.url(""), user)});
    let steps = recorder.check::<Kubernetes>(parameters);
    (steps, recorder, server)
}

fn step<'a>(steps: &'a [CheckStep], name: &str) -> &'a CheckStep {
    steps.iter().find(|step| step.name == name).expect("there is such a step")
}

/// A token that expires after this number of seconds.
fn token(seconds: i64) -> String {
    let claims = json!({"exp": Timestamp::now().as_second() + seconds}).to_string();
    format!("{{token: e30.{}.signature}}", URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn the_login_names_the_user_and_warns_of_a_token_that_expires_soon() {
    let (steps, recorder, server) = check(&token(10 * 24 * 3600), good);
    let login = step(&steps, "login");
    assert_eq!(login.status, StepStatus::Warning, "{login:?}");
    assert!(login.message.contains("system:serviceaccount:a:b"), "{login:?}");
    assert!(recorder.expiries().iter().any(|expiry| expiry.what.contains("token")));
    assert_eq!(step(&steps, "objects").message, "nodes: 42");
    assert_eq!(step(&steps, "product").message, "Kubernetes v1.33.1");
    let posts = server.received().into_iter().filter(|request| request.method != "GET");
    let paths: Vec<_> = posts.map(|request| request.path().to_owned()).collect();
    assert!(paths.iter().all(|path| path.ends_with("reviews")), "{paths:?}");

    let (steps, _, _) = check(&token(100 * 24 * 3600), good);
    assert_eq!(step(&steps, "login").status, StepStatus::Ok);
}

#[test]
fn a_refused_request_without_credentials_is_not_a_login() {
    let (steps, _, _) = check("{}", |request| match request.path() {
        path if path.ends_with("reviews") => failure(403, "Forbidden"),
        _ => good(request),
    });
    let login = step(&steps, "login");
    assert_eq!((login.status, login.kind), (StepStatus::Failed, Some(ErrorKind::Permission)));
    assert_eq!(step(&steps, "objects").status, StepStatus::NotTried);
}

#[test]
fn a_web_server_without_the_api_fails_the_login() {
    let not_found = |request: &ReceivedRequest| match request.path() {
        path if path.ends_with("reviews") => Action::answer(404, "404 page not found"),
        _ => good(request),
    };
    let (steps, _, _) = check("", not_found);
    assert_eq!(step(&steps, "login").status, StepStatus::Ok);
    assert_eq!(step(&steps, "right: list nodes").status, StepStatus::Ok);
    let (steps, _, _) = check("", |_| Action::answer(404, "404 page not found"));
    assert_eq!(step(&steps, "login").kind, Some(ErrorKind::Configuration), "{steps:?}");
}

#[test]
fn a_review_that_says_no_is_confirmed_by_the_list_itself() {
    let denied = |request: &ReceivedRequest| match request.path() {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            Action::json(201, &json!({"status": {"allowed": false}}))
        }
        _ => good(request),
    };
    let (steps, _, _) = check("", denied);
    assert_eq!(step(&steps, "right: list nodes").status, StepStatus::Ok);
    let (steps, _, _) = check("", move |request| match request.path() {
        "/api/v1/nodes" => failure(403, "Forbidden"),
        _ => denied(request),
    });
    let right = step(&steps, "right: list nodes");
    assert_eq!((right.status, right.kind), (StepStatus::Failed, Some(ErrorKind::Permission)));
}

#[test]
fn a_response_that_is_not_of_an_api_server_fails_the_step_that_requested_it() {
    let nonsense = [
        ("/apis/authentication.k8s.io/v1/selfsubjectreviews", "login", json!({"status": 3})),
        ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "right: list nodes", json!([])),
        ("/version", "product", json!({"version": 1})),
        ("/api/v1/nodes", "objects", json!({"items": []})),
    ];
    for (path, name, answer) in nonsense {
        let (steps, _, _) = check("", move |request| {
            if request.path() == path { Action::json(200, &answer) } else { good(request) }
        });
        let failed = step(&steps, name);
        assert_eq!(failed.kind, Some(ErrorKind::Protocol), "{path}: {steps:?}");
    }
}
