//! No part of a URI can inject a command into a shell.

use gatherer_tests::{assert_message, skip};
use serde_json::json;

use crate::recording_ssh::RecordingSsh;
use crate::{assert_rejected, endpoint, libvirt_is_missing, run, with_policy};

/// The texts that each part is filled with. `TRAP` is a file that must not be created.
const HOSTILE: [&str; 17] = [
    "$(touch TRAP)",
    "$(touch${IFS}TRAP)",
    "`touch TRAP`",
    "x|touch TRAP",
    "x;touch TRAP",
    "x&touch TRAP",
    "x\ntouch TRAP\n",
    "';touch TRAP;'",
    "\";touch TRAP;\"",
    "'\\'';touch TRAP;'\\''",
    "x>TRAP",
    "x TRAP",
    "*",
    "~root",
    "-oProxyCommand=touch TRAP",
    "-oPermitLocalCommand=yes -oLocalCommand=touch TRAP",
    "x#\\",
];

const PARAMETERS: [&str; 15] = [
    "no_tty",
    "no_verify",
    "socket",
    "socket=/run/",
    "mode",
    "pkipath",
    "tls_priority",
    "keyfile",
    "known_hosts",
    "known_hosts_verify",
    "sshauth",
    "netcat",
    "command",
    "name",
    "proxy",
];

fn encoded(text: &str) -> String {
    text.bytes().flat_map(|byte| format!("%{byte:02X}").into_bytes()).map(char::from).collect()
}

#[test]
fn shell_characters_in_any_part_run_and_write_nothing() {
    if let Some(reason) = libvirt_is_missing() {
        skip!("{reason}");
    }
    let ssh = RecordingSsh::new(false);
    let trap = ssh.trap().display().to_string();
    let mut endpoints = Vec::new();
    for hostile in HOSTILE {
        let once = encoded(&hostile.replace("TRAP", &trap));
        for value in [&once, &once.replace('%', "%25")] {
            let mut uris = vec![
                format!("qemu+ssh://{value}@h/system"),
                format!("qemu+ssh://{value}/system"),
                format!("qemu+ssh://h:{value}/system"),
                format!("qemu+ssh://h/{value}"),
                format!("qemu+ssh://h/system?{value}=1"),
                format!("qemu+ssh://h/system?no_tty=1;{value}"),
                format!("test+ssh://h/{value}"),
                format!("esx+ssh://h/{value}"),
            ];
            for parameter in PARAMETERS {
                let equals = if parameter.contains('=') { "" } else { "=" };
                uris.push(format!("qemu+ssh://h/system?{parameter}{equals}{value}"));
            }
            for uri in uris {
                endpoints.push(endpoint(&format!("e{}", endpoints.len()), &uri));
            }
        }
    }
    let outcome = ssh.on_path_of(run(&endpoints)).run();
    ssh.assert_untouched(outcome.home());
    let mut called = 0;
    for endpoint in outcome.inventory()["endpoints"].as_array().expect("a list") {
        // Some characters are allowed in parts that libvirt does not pass to a program.
        match endpoint["error"]["kind"].as_str() {
            Some("configuration") => {}
            Some("connection") => called += 1,
            _ => panic!("{endpoint:#}"),
        }
    }
    assert_eq!(ssh.calls("ssh").len(), called);
    for call in ssh.calls("ssh") {
        let command = call.last().expect("libvirt's command");
        assert_eq!(&call[call.len() - 3..call.len() - 1], ["--", "h"]);
        assert!(command.starts_with("sh -c 'if 'nc' -q") || command.contains("which virt-ssh"));
    }
    for call in ssh.calls("nc") {
        assert!(call == ["-q"] || call[0] == "-U" && call[1].starts_with('/'), "{call:?}");
    }
}

#[test]
fn allowed_values_reach_ssh_and_the_remote_side_unchanged() {
    if let Some(reason) = libvirt_is_missing() {
        skip!("{reason}");
    }
    let (with_helper, without) = (RecordingSsh::new(true), RecordingSsh::new(false));
    let socket = "/run/user/1000/lib_virt+x,y:z=@h-1.2/sock";
    for (user, host, uri) in [
        ("first.last", "kvm1.example.com", "qemu+ssh://first.last@kvm1.example.com:2222/system"),
        ("EXAMPLE\\u1", "h", "qemu+ssh://EXAMPLE%5Cu1@h:2222/system"),
        ("u@EXAMPLE.COM", "2001:db8::1", "qemu+ssh://u%40EXAMPLE.COM@[2001:db8::1]:2222/system"),
    ] {
        for ssh in [&with_helper, &without] {
            let uri = format!("{uri}?socket={socket}&mode=legacy");
            let outcome = ssh.on_path_of(run(&[endpoint("e", &uri)])).run();
            assert_eq!(outcome.endpoint("e")["error"]["kind"], "connection", "{uri}");
            let call = ssh.calls("ssh").pop().expect("ssh was called");
            assert_eq!(&call[..4], ["-p", "2222", "-l", user]);
            assert_eq!(&call[call.len() - 3..call.len() - 1], ["--", host]);
        }
    }
    let sockets: Vec<_> = without.calls("nc").into_iter().filter(|call| call[0] == "-U").collect();
    assert_eq!(sockets, vec![["-U", socket]; 3]);
}

#[test]
fn the_remote_helper_gets_the_uri_without_the_connection_parameters() {
    if let Some(reason) = libvirt_is_missing() {
        skip!("{reason}");
    }
    let ssh = RecordingSsh::new(true);
    let uri = "qemu+ssh://u@h/system?known_hosts=/kh&tls_priority=NORMAL&pkipath=/p&sshauth=agent";
    ssh.on_path_of(run(&[endpoint("e", uri)])).run();
    assert_eq!(ssh.calls("virt-ssh-helper"), [["-r", "qemu:///system"]]);

    let outcome = run(&[endpoint("e", "test:///default?known_hosts=/kh&mode=auto")]).run();
    let endpoint = outcome.endpoint("e");
    assert_eq!(endpoint["status"], "complete", "{endpoint:#}");
    let warning = &endpoint["warnings"][0];
    assert_eq!(warning["object"], "uri", "{endpoint:#}");
    assert_message!(warning["message"].as_str().expect("text"));
}

#[test]
fn ssh_accepts_unknown_hosts_only_if_the_operator_allows_it() {
    if let Some(reason) = libvirt_is_missing() {
        skip!("{reason}");
    }
    let ssh = RecordingSsh::new(true);
    let mut insecure = endpoint("insecure", "qemu+ssh://h/system");
    insecure["insecure"] = json!(true);
    let no_verify = endpoint("no-verify", "qemu+ssh://h/system?no_verify=1");
    let auto = endpoint("auto", "qemu+libssh://127.0.0.1:1/system?known_hosts_verify=auto");
    let endpoints = [insecure, no_verify, auto];

    for policy in ["", "allow_unverified_ssh = [\"other\"]", "allow_exec = \"all\""] {
        let outcome = with_policy(ssh.on_path_of(run(&endpoints)), policy).run();
        let words = ["/.ssh/known_hosts", "allow_unverified_ssh", "config.toml"];
        for id in ["insecure", "no-verify", "auto"] {
            assert_rejected(&outcome, id, &words);
        }
        assert!(ssh.calls("ssh").is_empty(), "{policy}");
    }
    let all = "allow_unverified_ssh = [\"insecure\", \"no-verify\", \"auto\"]";
    for policy in [all, "allow_unverified_ssh = \"all\""] {
        let outcome = with_policy(ssh.on_path_of(run(&endpoints)), policy).run();
        for id in ["insecure", "no-verify", "auto"] {
            let endpoint = outcome.endpoint(id);
            assert_eq!(endpoint["error"]["kind"], "connection", "{endpoint:#}");
        }
    }
    let calls = ssh.calls("ssh");
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| call.contains(&"StrictHostKeyChecking=no".to_owned())));
    let wrong = run(&endpoints[..1]);
    let outcome = with_policy(wrong, "allow_unverified_ssh = true").run();
    outcome.expect_code(3);
}
