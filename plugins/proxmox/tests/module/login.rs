//! Logins with passwords and tokens, permissions, and certificates.

use gatherer_plugin_api::{ErrorKind, Options};
use gatherer_plugin_proxmox::Proxmox;
use gatherer_tests::fakes::proxmox::{
    FakeProxmox, PASSWORD, Release, TOKEN_ID, TOKEN_SECRET, USER, refusal,
};
use serde_json::{Value, json};

use super::{Served, gather, guests, parameters, warnings};
use gatherer_plugin_api::testing::Recorder;

fn cluster() -> FakeProxmox {
    FakeProxmox::cluster(Release::Nine)
}

fn token(port: u16) -> Value {
    json!({"host": "127.0.0.1", "port": port, "api_token_id": TOKEN_ID, "api_token_secret": TOKEN_SECRET})
}

#[test]
fn a_ticket_is_reported_as_a_secret_and_sent_as_a_cookie() {
    let served = Served::new(cluster());
    let recorder = served.recorder();
    let gathered = recorder.gather::<Proxmox>(parameters(served.port())).expect("complete");
    assert_eq!(guests(&gathered), 6);
    let secrets = recorder.secrets();
    assert_eq!(secrets.len(), 1);
    let received = served.server.received();
    let logins = received.iter().filter(|request| request.method == "POST").count();
    assert_eq!(logins, 1);
    let cookie = format!("PVEAuthCookie={}", secrets[0]);
    assert!(received[1..].iter().all(|request| request.header("cookie") == Some(&cookie)));
}

#[test]
fn logs_nothing_secret() {
    let served = Served::new(cluster());
    let recorder = served.recorder().record_every_log_line();
    recorder.gather::<Proxmox>(parameters(served.port())).expect("complete");
    let ticket = recorder.secrets().pop().expect("a ticket");
    for line in recorder.log_lines() {
        let line = line.to_string();
        assert!(!line.contains(PASSWORD) && !line.contains(&ticket), "{line}");
    }
    recorder.gather::<Proxmox>(token(served.port())).expect("complete");
    for line in recorder.log_lines() {
        assert!(!line.to_string().contains(TOKEN_SECRET), "{line}");
    }
}

#[test]
fn a_token_needs_no_login() {
    let served = Served::new(cluster());
    let gathered = served.recorder().gather::<Proxmox>(token(served.port())).expect("complete");
    assert_eq!(guests(&gathered), 6);
    let received = served.server.received();
    assert!(received.iter().all(|request| request.method == "GET"));
    let expected = format!("PVEAPIToken={TOKEN_ID}={TOKEN_SECRET}");
    assert!(received.iter().all(|request| request.header("authorization") == Some(&expected)));
}

#[test]
fn a_ticket_that_expires_in_the_middle_is_renewed() {
    let mut fake = cluster();
    // The eight requests for the lists and nodes, and two configurations.
    fake.requests_of_a_ticket = 10;
    let served = Served::new(fake);
    let gathered = served.gather().expect("complete");
    assert_eq!(guests(&gathered), 6);
    let received = served.server.received();
    assert_eq!(received.iter().filter(|request| request.method == "POST").count(), 2);
}

#[test]
fn refused_credentials_are_named_with_a_hint() {
    let served = Served::new(cluster());
    let mut messages = Vec::new();
    let mut wrong = parameters(served.port());
    wrong["password"] = json!("wrong-password");
    let mut other_realm = parameters(served.port());
    other_realm["username"] = json!("gatherer");
    let mut wrong_token = token(served.port());
    wrong_token["api_token_secret"] = json!("wrong-secret");
    for parameters in [wrong, other_realm, wrong_token] {
        let before = served.server.received().len();
        let error = served.recorder().gather::<Proxmox>(parameters).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
        assert_eq!(served.server.received().len(), before + 1, "the credentials are sent once");
        let text = format!("{}\n  hint: {}", error.message, error.hint.unwrap_or_default());
        messages.push(text.replace(&served.port().to_string(), "PORT"));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_user_with_a_second_factor_is_told_to_use_a_token() {
    let mut fake = cluster();
    fake.second_factor = true;
    let error = gather(fake).expect_err("no second factor can be given");
    assert_eq!(error.kind, ErrorKind::Authentication);
    insta::assert_snapshot!(format!("{}\n{}", error.message, error.hint.unwrap_or_default()));
}

/// The answer of the list would be 200 with fewer guests.
#[test]
fn a_filtered_view_is_a_permission_error_before_the_list_is_read() {
    for permissions in [
        json!({}),
        json!({"/": {"Sys.Audit": 1}, "/nodes": {"Sys.Audit": 1}, "/vms/100": {"VM.Audit": 1}}),
        json!({"/": {"VM.Audit": 0, "Sys.Audit": 0}}),
        json!({"/vms": {"VM.Audit": 1}}),
    ] {
        let mut fake = cluster();
        fake.permissions = permissions.clone();
        fake.hidden = vec![101, 102, 103, 104, 900];
        let served = Served::new(fake);
        for parameters in [parameters(served.port()), token(served.port())] {
            let error = served.recorder().gather::<Proxmox>(parameters).expect_err("filtered");
            assert_eq!(error.kind, ErrorKind::Permission, "{permissions}");
            let hint = error.hint.unwrap_or_default();
            assert!(hint.contains("VM.Audit") && hint.contains("Sys.Audit"), "{hint}");
            assert!(hint.contains("propagation"), "{hint}");
        }
        assert!(!served.paths().contains(&"/cluster/resources".to_owned()));
    }
}

/// The permissions have no path on which the user has the role NoAccess.
#[test]
fn a_guest_or_pool_with_the_role_no_access_is_a_permission_error() {
    let mut messages = Vec::new();
    for path in ["/vms/101", "/pool/databases"] {
        let mut fake = cluster();
        fake.hidden = vec![101];
        let entry =
            json!({"path": path, "type": "group", "ugid": "auditors", "roleid": "NoAccess"});
        fake.acl.as_array_mut().expect("a list").push(entry);
        let error = gather(fake).expect_err("a guest is hidden");
        assert_eq!(error.kind, ErrorKind::Permission);
        messages.push(error.message);
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn without_a_right_on_the_root_the_cluster_has_no_name() {
    let mut fake = cluster();
    fake.permissions = json!({"/vms": {"VM.Audit": 1}, "/nodes": {"Sys.Audit": 1}});
    let gathered = gather(fake).expect("complete");
    assert_eq!(guests(&gathered), 6);
    assert_eq!(super::guest(&gathered, 104).0.id.as_deref(), Some("pve-a/104"));
    insta::assert_snapshot!(warnings(&gathered)[0]);
}

#[test]
fn a_forbidden_request_is_a_permission_error_with_the_role_to_grant() {
    let fake = cluster();
    let served = Served::script(move |request| match request.path() {
        path if path.ends_with("/nodes/pve-b/status") => {
            refusal(403, "Permission check failed (/nodes/pve-b, Sys.Audit)")
        }
        _ => fake.answer(request),
    });
    let error = served.gather().expect_err("forbidden");
    assert_eq!(error.kind, ErrorKind::Permission);
    assert!(error.hint.is_some_and(|hint| hint.contains("PVEAuditor")));
}

#[test]
fn certificates_are_verified_unless_verify_ssl_is_false() {
    let served = Served::new(cluster());
    let gather = |verify_ssl: Value, options: Options| {
        let mut parameters = parameters(served.port());
        parameters["verify_ssl"] = verify_ssl;
        Recorder::new().options(options).gather::<Proxmox>(parameters)
    };
    for verify_ssl in [json!(true), json!(null)] {
        let error = gather(verify_ssl, Options::default()).expect_err("not trusted");
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(error.hint.is_some_and(|hint| hint.contains("/etc/pve/pve-root-ca.pem")));
    }
    let unverified = |gathered: gatherer_plugin_api::testing::Gathered| {
        let warnings = warnings(&gathered);
        warnings.iter().filter(|warning| warning.contains("not verified")).count()
    };
    let insecure = Options { insecure: true, ..Options::default() };
    for (verify_ssl, options) in [
        (json!(false), Options::default()),
        (json!(false), insecure.clone()),
        (json!(true), insecure.clone()),
        (json!(null), insecure),
    ] {
        assert_eq!(unverified(gather(verify_ssl, options).expect("complete")), 1);
    }
}

#[test]
fn both_kinds_of_credentials_use_the_token_with_a_warning() {
    let served = Served::new(cluster());
    let mut both = token(served.port());
    both["username"] = json!(USER);
    both["password"] = json!("not used");
    let gathered = served.recorder().gather::<Proxmox>(both).expect("complete");
    assert!(served.server.received().iter().all(|request| request.method == "GET"));
    insta::assert_snapshot!(warnings(&gathered)[0]);
}

#[test]
fn an_invalid_host_is_a_configuration_error() {
    for host in ["", "https://pve1:8006", "pve1/x", "root@pve1"] {
        let parameters = json!({"host": host, "port": 8006, "username": "a", "password": "b"});
        let error = Recorder::new().gather::<Proxmox>(parameters).expect_err("not a host");
        assert_eq!(error.kind, ErrorKind::Configuration, "{host}");
    }
}
