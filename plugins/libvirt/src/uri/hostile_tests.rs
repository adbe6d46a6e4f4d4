//! Tests that no part of a URI accepts text that a shell, ssh or a library could interpret.

use std::path::Path;

use gatherer_plugin_api::{ErrorKind, Policy};

use super::{Parameter, Uri};

/// Decoded texts that no part may contain with a transport that has a remote shell.
const HOSTILE: [&str; 27] = [
    "$(touch x)",
    "${IFS}",
    "$HOME",
    "`touch x`",
    "a|b",
    "a;b",
    "a&b",
    "a&&b",
    "a\nb",
    "a'b",
    "a\"b",
    "a\\",
    "*",
    "?",
    "[ab]",
    "{a,b}",
    "~",
    "~root",
    "a b",
    "a\tb",
    "-oProxyCommand=x",
    "%24%28touch%20x%29",
    "%h",
    "a>b",
    "a<b",
    "a#b",
    "a!b",
];

fn encoded(text: &str) -> String {
    text.bytes().flat_map(|byte| format!("%{byte:02X}").into_bytes()).map(char::from).collect()
}

const PARAMETERS: [&str; 10] = [
    "no_tty",
    "no_verify",
    "socket",
    "mode",
    "pkipath",
    "tls_priority",
    "keyfile",
    "known_hosts",
    "known_hosts_verify",
    "sshauth",
];

#[test]
fn no_part_of_an_ssh_uri_accepts_shell_characters() {
    for transport in ["ssh", "libssh", "libssh2"] {
        for text in HOSTILE {
            let hostile = encoded(text);
            let mut uris = vec![
                format!("qemu+{transport}://{hostile}@h/system"),
                format!("qemu+{transport}://{hostile}/system"),
                format!("qemu+{transport}://h/{hostile}"),
                format!("qemu+{transport}://h/system?{hostile}=1"),
                format!("test+{transport}://h/{hostile}"),
                format!("qemu+{transport}://h:{hostile}/system"),
            ];
            for parameter in PARAMETERS {
                uris.push(format!("qemu+{transport}://h/system?{parameter}={hostile}"));
            }
            // Inside a path a - does not start an option.
            if !text.starts_with('-') {
                uris.push(format!("qemu+{transport}://h/system?socket=/run/{hostile}"));
            }
            for uri in uris {
                match Uri::parse(&uri) {
                    Err(error) => assert_eq!(error.kind, ErrorKind::Configuration, "{uri}"),
                    // Accepted only in a parameter that is not passed to libvirt (tls_priority, which
                    // allows ! and %).
                    Ok(parsed) => assert_eq!(
                        parsed.to_connect_string(),
                        format!("qemu+{transport}://h/system?no_tty=1"),
                        "{uri}"
                    ),
                }
            }
        }
    }
}

#[test]
fn file_names_reject_characters_that_ssh_or_a_library_expands() {
    for expanded in ["$(x)", "${HOME}", "%h", "%2e%2e", "~", "*", "`x`", "\n", "a'b"] {
        let path = format!("/srv/{}", encoded(expanded));
        for uri in [
            format!("qemu+ssh://h/system?keyfile={path}"),
            format!("qemu+libssh://h/system?known_hosts={path}"),
            format!("qemu+tls://h/system?pkipath={path}"),
            format!("qemu+unix:///system?socket={path}"),
            format!("test://{path}"),
        ] {
            Uri::parse(&uri).expect_err(&uri);
        }
    }
    for relative in ["file", "./file", "../file", "~root/file", ""] {
        for parameter in ["keyfile", "known_hosts", "socket"] {
            let uri = format!("qemu+libssh2://h/system?{parameter}={relative}");
            Uri::parse(&uri).expect_err(&uri);
        }
    }
}

#[test]
fn accepts_uris_from_practice() {
    for uri in [
        "qemu+ssh://first.last@kvm1.example.com:2222/system",
        "qemu+ssh://EXAMPLE%5Cfirst.last@kvm1/system",
        "qemu+ssh://user%40EXAMPLE.COM@kvm1/system",
        "qemu+ssh://u@[2001:db8::1]:22/session",
        "qemu+ssh://h/system?socket=/run/libvirt/libvirt-sock-ro&mode=legacy",
        "qemu+ssh://h/system?socket=/run/user/1000/libvirt/a_b+c,d:e=f@g-h.sock",
        "qemu+ssh://h/system?keyfile=~/.ssh/id_ed25519",
        "qemu+ssh://h/system?keyfile=/home/j%C3%BCrgen/.ssh/my%20key",
        "qemu+libssh2://h/system?known_hosts=~/.ssh/known_hosts&known_hosts_verify=normal",
        "qemu+libssh2://h/system?sshauth=agent,privkey,password,keyboard-interactive",
        "qemu+tls://j%C3%BCrgen@h/system?tls_priority=NORMAL:-VERS-ALL:%2BVERS-TLS1.2:%25COMPAT",
        "qemu+tls://h/system?tls_priority=@LIBVIRT,SYSTEM",
        "vpx://EXAMPLE%5Cu@vc/Data%20center%201/folder%252f1/cluster(a)/esx1.example.com",
        "hyperv://Administrator@hv1/",
        "test:///srv/a%20b/n%C3%B6de.xml",
    ] {
        Uri::parse(uri).unwrap_or_else(|error| panic!("{uri}: {error}"));
    }
}

#[test]
fn closed_sets_reject_other_values_and_ignore_case_like_libvirt() {
    for wrong in [
        "no_verify=2",
        "no_verify=true",
        "no_verify=",
        "no_verify",
        "no_tty=yes",
        "mode=",
        "mode=Auto",
        "mode=embed",
        "known_hosts_verify=",
        "known_hosts_verify=no",
        "sshauth=",
        "sshauth=agent,",
        "sshauth=agent,none",
        "tls_priority=",
        "tls_priority=-VERS-ALL",
    ] {
        for transport in ["tls", "libssh2"] {
            let uri = format!("qemu+{transport}://h/system?{wrong}");
            Uri::parse(&uri).expect_err(&uri);
        }
    }
    // libvirt ignores the case of these values, so the check for `auto` must ignore it too.
    let uri = Uri::parse("qemu+libssh2://h/system?KNOWN_HOSTS_VERIFY=Auto&sshauth=Agent");
    let uri = uri.expect("allowed");
    assert_eq!(uri.value(Parameter::KnownHostsVerify), Some("auto"));
    assert_eq!(uri.value(Parameter::Sshauth), Some("agent"));
    assert!(uri.verification_warning().is_some());
}

#[test]
fn parameters_without_effect_are_reported_and_do_not_reach_libvirt() {
    let uri = Uri::parse("qemu+ssh://h/system?known_hosts=/kh&tls_priority=NORMAL&mode=auto");
    let uri = uri.expect("allowed");
    assert_eq!(uri.to_connect_string(), "qemu+ssh://h/system?mode=auto&no_tty=1");
    assert!(uri.unused_parameters().eq(["known_hosts", "tls_priority"]));
    let uri = Uri::parse("test:///default?keyfile=/k&socket=/s&no_verify=1").expect("allowed");
    assert_eq!(uri.to_connect_string(), "test:///default");
}

#[test]
fn rejects_hypervisors_with_a_transport_and_uris_that_are_too_long() {
    for driver in ["esx", "vpx", "gsx", "hyperv"] {
        let error = Uri::parse(&format!("{driver}+ssh://h/")).expect_err("a transport");
        assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
        assert!(error.message.contains("transport") && error.message.contains(driver), "{error}");
        Uri::parse(&format!("{driver}://h/$(x)")).expect_err("a path that is not allowed");
    }
    let long = format!("vpx://h/{}", "a".repeat(9_000));
    assert!(Uri::parse(&long).expect_err("too long").message.contains("8 KiB"));
}

fn policy(allow_unverified_ssh: bool) -> Policy {
    Policy { config_file: "/etc/vhg.toml".into(), allow_unverified_ssh, ..Policy::default() }
}

#[test]
fn ssh_writes_known_hosts_only_with_the_operators_permission() {
    let check = |text: &str, insecure, allowed| {
        let uri = Uri::parse(text).expect(text);
        uri.check_unverified_ssh(insecure, &policy(allowed), Some(Path::new("/home/me")))
    };
    let mut errors = Vec::new();
    for (uri, insecure) in [
        ("qemu+ssh://h/system?no_verify=1", false),
        ("qemu+ssh://h/system", true),
        ("qemu+libssh://h/system?known_hosts_verify=AUTO", false),
    ] {
        let error = check(uri, insecure, false).expect_err(uri);
        assert_eq!(error.kind, ErrorKind::Configuration, "{uri}");
        errors.push(format!("{uri}\n  {error}\n"));
        check(uri, insecure, true).unwrap_or_else(|error| panic!("{uri}: {error}"));
    }
    insta::assert_snapshot!(errors.concat());
    for (uri, insecure) in [
        ("qemu+ssh://h/system?no_verify=0", false),
        ("qemu+tls://h/system?no_verify=1", true),
        ("qemu+libssh://h/system?known_hosts_verify=ignore", true),
        ("qemu+libssh2://h/system?known_hosts_verify=auto", true),
    ] {
        check(uri, insecure, false).unwrap_or_else(|error| panic!("{uri}: {error}"));
    }
}
