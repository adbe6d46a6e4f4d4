//! The login: credentials, domains, tokens that end, and what is never sent or logged.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::Action;
use serde_json::json;

use super::{PASSWORD, Served, guests, recorder, sample, suse_cloud, with};

#[test]
fn a_password_an_application_credential_and_a_clouds_yaml_give_the_same() {
    let served = Served::fake(sample());
    let port = served.server.port();
    let credential = &served.fake.inventory.users[0].application_credential;
    let document = format!(
        "clouds:\n  lab:\n    auth:\n      auth_url: https://127.0.0.1:{port}/v3\n      username: admin\n      \
         password: {PASSWORD}\n      project_name: admin\n      user_domain_name: Default\n      \
         project_domain_id: default\n    region_name: RegionOne\n  other: {{}}\n"
    );
    let first = served.suse_cloud().expect("a complete answer");
    for parameters in [
        json!({}),
        json!({
            "username": "", "password": "", "project": "",
            "application_credential_id": credential.0, "application_credential_secret": credential.1,
        }),
        json!({
            "auth_url": "", "username": "", "password": "", "project": "", "clouds_yaml": document,
            "cloud": "lab",
        }),
    ] {
        let gathered = served.open_stack(&parameters).expect("a complete answer");
        assert_eq!(gathered.hosts, first.hosts, "{parameters}");
    }
}

#[test]
fn the_domain_of_the_user_is_used() {
    let served = Served::fake(sample());
    let operator = json!({"username": "operator", "user_domain": "operations"});
    assert!(served.open_stack(&operator).is_ok());
    let error = served.open_stack(&json!({"username": "operator"})).expect_err("another domain");
    assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
}

#[test]
fn a_wrong_password_is_sent_once() {
    let served = Served::fake(sample());
    for parameters in [
        json!({"password": "wrong"}),
        json!({"project": "other"}),
        json!({"application_credential_id": "x", "application_credential_secret": "y", "password": ""}),
    ] {
        let before = served.requests().len();
        let error = served.open_stack(&parameters).expect_err("not accepted");
        assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
        assert_eq!(served.requests().len() - before, 1, "{parameters}");
    }
}

#[test]
fn a_token_that_ends_in_the_middle_is_renewed_and_the_page_repeated() {
    for token_requests in 1..=4 {
        let fake = with(sample(), |fake| {
            fake.page_size = 3;
            fake.token_requests = Some(token_requests);
        });
        let served = Served::fake(fake).without_retries();
        let gathered = served.suse_cloud().expect("a complete answer");
        assert_eq!((guests(&gathered).len(), gathered.retries), (11, 0));
        assert!(served.fake.logins() > 1);
    }
}

#[test]
fn a_token_whose_end_is_in_the_past_is_used_until_it_is_refused() {
    let served = Served::changed(sample(), "/auth/tokens", |reply| {
        reply["token"]["expires_at"] = json!("2001-01-01T00:00:00.000000Z");
    });
    served.suse_cloud().expect("a complete answer");
    assert_eq!(served.fake.logins(), 1);
}

#[test]
fn a_token_that_nova_never_accepts_is_requested_twice() {
    let served = Served::script(sample(), |fake, request| {
        if request.path().contains("/servers/") {
            return Action::answer(401, "");
        }
        fake.answer(request)
    });
    let error = served.suse_cloud().expect_err("not accepted");
    assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
    assert_eq!(served.fake.logins(), 2);
}

#[test]
fn password_and_token_are_secret() {
    let served = Served::fake(sample());
    let recorder = recorder(&served.server, 1).record_every_log_line();
    recorder
        .gather::<gatherer_plugin_openstack::SuseCloud>(suse_cloud(served.server.port()))
        .expect("a complete answer");
    let secrets = recorder.secrets();
    assert!(secrets.iter().any(|secret| secret.starts_with("gAAAAABtoken-1")), "{secrets:?}");
    for line in recorder.log_lines() {
        let is_secret = |secret: &&str| line.message.contains(*secret);
        let found = [PASSWORD, "gAAAAAB"].iter().find(|secret| is_secret(secret));
        assert_eq!(found, None, "{}", line.message);
    }
}

#[test]
fn the_secrets_of_a_clouds_yaml_are_reported_before_they_are_sent() {
    let served = Served::fake(sample());
    let document =
        "clouds: {a: {auth: {auth_url: 'https://127.0.0.1:1', username: u, password: hunter22}}}";
    let parameters =
        json!({"clouds_yaml": format!("{document}\n"), "auth_url": "", "password": ""});
    served.open_stack(&parameters).expect_err("nothing answers there");
    assert!(served.recorder.secrets().contains(&"hunter22".to_owned()));
}

/// Neither the password nor the token leaves for the host of a redirect.
#[test]
fn a_redirect_to_another_host_gets_no_credential() {
    for path in ["/v3/auth/tokens", "/compute/v2.1/servers/detail"] {
        let other = Served::fake(sample());
        let target = format!("https://localhost:{}{path}", other.server.port());
        let served = Served::script(sample(), move |fake, request| {
            if request.path() == path {
                let redirect = Action::answer(307, "");
                return redirect.header("location", &target);
            }
            fake.answer(request)
        });
        served.suse_cloud().expect_err("a redirect to another host");
        for request in other.server.received() {
            let text = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.body));
            assert!(!text.contains("gAAAAAB") && !text.contains(PASSWORD), "{text}");
        }
    }
}

#[test]
fn another_service_is_recognized() {
    let page = Action::answer(200, "<!DOCTYPE html><html></html>");
    let cases = [
        (Action::answer(404, ""), ErrorKind::Configuration),
        (Action::answer(300, "{}"), ErrorKind::Configuration),
        (page, ErrorKind::Protocol),
        (Action::answer(201, "{}"), ErrorKind::Protocol),
        (Action::answer(201, "[]").header("x-subject-token", "gAAAAABx"), ErrorKind::Protocol),
    ];
    for (answer, kind) in cases {
        let served = Served::script(sample(), move |_, _| answer.clone());
        let error = served.suse_cloud().expect_err("another service");
        assert_eq!(error.kind, kind, "{error}");
    }
}
