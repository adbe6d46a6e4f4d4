//! Module NutanixAHV, with a fake Prism of each API.

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::assert_message;
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixFault, NutanixInventory};
use serde_json::{Value, json};

use super::{Cases, with};

fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "prism", "module": "NutanixAHV", "hostname": "127.0.0.1",
        "port": server.port().to_string(), "username": "inventory",
        "password": "pa55-of-prism", "ca_file": server.ca_file(), "retries": "0",
    })
}

/// A server that refuses the list with this word in its path, if there is one.
fn serve(make: fn() -> NutanixFake, refused: &'static str) -> TlsServer {
    let (fake, refusing) = (make(), make().with(NutanixFault::Forbidden));
    TlsServer::start(move |request: &ReceivedRequest| {
        let is_refused = !refused.is_empty() && request.path().contains(refused);
        if is_refused { refusing.answer(request) } else { fake.answer(request) }
    })
}

fn v4() -> NutanixFake {
    NutanixFake::central_v4(NutanixInventory::sample(), 2)
}

fn v3() -> NutanixFake {
    NutanixFake::central_v3(NutanixInventory::sample())
}

fn v2() -> NutanixFake {
    NutanixFake::element(NutanixInventory::sample())
}

#[test]
fn each_right_or_setting_that_is_missing_has_its_step() {
    let mut cases = Cases::new("nutanix");
    let rights = ["right: view clusters", "right: view hosts", "right: view VMs"];
    // The statuses if the step with this index fails, and those before it are ok.
    let failed_at = |steps: &[&str], index: usize| {
        let status = |at: usize| match at.cmp(&index) {
            std::cmp::Ordering::Less => "ok",
            std::cmp::Ordering::Equal => "failed",
            std::cmp::Ordering::Greater => "not-tried",
        };
        let steps = steps.iter().enumerate().map(|(at, step)| format!("{step} {}", status(at)));
        steps.collect::<Vec<_>>().join(", ")
    };
    let central = ["product", "login", rights[0], rights[1], rights[2], "objects"];
    let element = ["product", "login", rights[1], rights[2], "objects"];
    for (name, make, steps) in [
        ("v4", v4 as fn() -> NutanixFake, &central[..]),
        ("v3", v3, &central),
        ("v2", v2, &element),
    ] {
        let all = steps.len();
        let server = serve(make, "");
        let mut good = failed_at(steps, all);
        if name == "v3" {
            // It does not list the VMs of the ESXi host.
            good = good.replace("objects ok", "objects warning");
        }
        cases.add(&format!("{name}: good"), &endpoint(&server), &good);
        let wrong = with(&endpoint(&server), json!({"password": "wrong"}));
        let expected = format!("product not-tried, {}", failed_at(&central[1..], 0));
        cases.add(&format!("{name}: the password"), &wrong, &expected);
        // The other rights are checked too.
        let failed_alone = |index: usize| {
            let status = |at: usize| match at {
                _ if at == index => "failed",
                _ if at == steps.len() - 1 => "not-tried",
                _ => "ok",
            };
            let steps = steps.iter().enumerate().map(|(at, step)| format!("{step} {}", status(at)));
            steps.collect::<Vec<_>>().join(", ")
        };
        let lists: &[(&str, usize)] = match name {
            "v4" => &[("config/clusters", 2), ("config/hosts", 3), ("config/vms", 4)],
            "v3" => &[("hosts/list", 3), ("vms/list", 4)],
            _ => &[("v2.0/hosts", 2), ("v2.0/vms", 3)],
        };
        for (refused, index) in lists {
            let server = serve(make, refused);
            let case = format!("{name}: {}", steps[*index]);
            cases.add(&case, &endpoint(&server), &failed_alone(*index));
        }
    }
    let server = serve(v4, "/cvms");
    let warned = failed_at(&central, central.len()).replace("objects ok", "objects warning");
    cases.add("v4: the right to view controller VMs", &endpoint(&server), &warned);

    // A list without any VM, although the hosts run some.
    let server = TlsServer::start({
        let fake = v4().with(NutanixFault::EmptyVmList);
        move |request| fake.answer(request)
    });
    cases.add("v4: the VMs in the list", &endpoint(&server), &failed_at(&central, 5));

    let server = serve(v2, "");
    let forced = with(&endpoint(&server), json!({"api": "v3"}));
    let expected = format!("product ok, login not-tried, {}", failed_at(&central[2..], 0));
    cases.add("v2: another version in the parameter api", &forced, &expected);
    let none = with(&endpoint(&server), json!({"ca_file": null}));
    let all: Vec<_> = central.iter().map(|step| format!("{step} not-tried")).collect();
    cases.add(
        "the authority of the certificate",
        &none,
        &format!("tls failed, {}", all.join(", ")),
    );
    let other = TlsServer::start(|_| Action::answer(200, "<html>a login page</html>"));
    cases.add("Prism at this port", &endpoint(&other), &failed_at(&central, 0));
    assert_message!(cases.table);
}
