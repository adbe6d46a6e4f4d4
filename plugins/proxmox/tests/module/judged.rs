//! Two authors on each side: the client proxmoxer and the module read the simulator fakepve and our own fake, and agree on each
//! guest.

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use gatherer_plugin_proxmox::Proxmox;
use gatherer_tests::fakes::fakepve::{
    FAKEPVE_GUESTS, FAKEPVE_PARTIAL_SECRET, FAKEPVE_PASSWORD, FAKEPVE_TOKEN_SECRET, FAKEPVE_USER,
    FakePve,
};
use gatherer_tests::fakes::proxmox::{FakeProxmox, PASSWORD, Release, TOKEN_SECRET, USER};
use gatherer_tests::{Judge, JudgedGuest};
use serde_json::{Value, json};

use super::Served;

/// The environment of the judges, or the end of the test.
macro_rules! judge {
    () => {
        match Judge::new() {
            Ok(judge) => judge,
            Err(reason) => gatherer_tests::skip!("{reason}"),
        }
    };
}

fn ours(gathered: &Gathered) -> Vec<JudgedGuest> {
    JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests)
}

fn gather(pve: &FakePve, credentials: &Value) -> Result<Gathered, GatherError> {
    let mut parameters = json!({"host": "127.0.0.1", "port": pve.port()});
    let all = parameters.as_object_mut().expect("an object");
    all.extend(credentials.as_object().expect("an object").clone());
    let options = Options {
        ca_file: Some(pve.ca_file().display().to_string()),
        retries: Some(0),
        ..Options::default()
    };
    Recorder::new().options(options).gather::<Proxmox>(parameters)
}

fn proxmoxer(judge: &Judge, port: u16, ca_file: &str, login: &[&str]) -> Vec<JudgedGuest> {
    let port = port.to_string();
    let (user, password) = (login[0], login[1]);
    let mut arguments = vec!["127.0.0.1", &port, user, password, ca_file];
    arguments.extend(&login[2..]);
    judge.read("proxmox.py", &arguments)
}

#[test]
fn proxmoxer_agrees_on_each_guest_of_fakepve() {
    let judge = judge!();
    for offline in [false, true] {
        let pve = FakePve::start(&judge, offline);
        let ca_file = pve.ca_file().display().to_string();
        let password = json!({"username": FAKEPVE_USER, "password": FAKEPVE_PASSWORD});
        let gathered = gather(&pve, &password).expect("a complete answer");
        assert_eq!(gathered.hosts.len(), 4);
        let guests = ours(&gathered);
        assert_eq!(guests.len(), FAKEPVE_GUESTS);
        let login = [FAKEPVE_USER, FAKEPVE_PASSWORD];
        assert_eq!(guests, proxmoxer(&judge, pve.port(), &ca_file, &login), "offline: {offline}");

        let token = json!({"username": FAKEPVE_USER, "api_token_id": "inventory", "api_token_secret": FAKEPVE_TOKEN_SECRET});
        assert_eq!(ours(&gather(&pve, &token).expect("a complete answer")), guests);
        let login = [FAKEPVE_USER, FAKEPVE_TOKEN_SECRET, "inventory"];
        assert_eq!(guests, proxmoxer(&judge, pve.port(), &ca_file, &login));
    }
}

#[test]
fn fakepve_refuses_wrong_credentials_and_leaves_out_what_a_token_may_not_see() {
    let judge = judge!();
    let pve = FakePve::start(&judge, false);
    for (credentials, kind) in [
        (json!({"username": FAKEPVE_USER, "password": "wrong"}), ErrorKind::Authentication),
        (
            json!({"api_token_id": "gatherer@pve!inventory", "api_token_secret": "wrong"}),
            ErrorKind::Authentication,
        ),
        (
            json!({"api_token_id": "partial@pve!one", "api_token_secret": FAKEPVE_PARTIAL_SECRET}),
            ErrorKind::Permission,
        ),
    ] {
        let error = gather(&pve, &credentials).expect_err("refused");
        assert_eq!(error.kind, kind, "{error}");
    }
}

#[test]
fn proxmoxer_agrees_on_each_guest_of_our_fake() {
    let judge = judge!();
    let fakes = [
        FakeProxmox::cluster(Release::Six),
        FakeProxmox::cluster(Release::Nine),
        FakeProxmox::standalone(Release::Nine),
        FakeProxmox::cluster(Release::Nine).with_offline("pve-b"),
        FakeProxmox::cluster(Release::Six).with_offline("pve-b"),
    ];
    for (fake, expected) in fakes.into_iter().zip([6, 6, 3, 6, 6]) {
        let served = Served::new(fake);
        let guests = ours(&served.gather().expect("a complete answer"));
        assert_eq!(guests.len(), expected);
        for login in [&[USER, PASSWORD] as &[&str], &[USER, TOKEN_SECRET, "inventory"]] {
            let judged = proxmoxer(&judge, served.port(), &served.ca_file(), login);
            assert_eq!(guests, judged);
        }
    }
}
