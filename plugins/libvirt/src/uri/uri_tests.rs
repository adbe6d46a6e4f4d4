//! Tests of the URI for libvirt, of errors, and of warnings about verification.

use super::Uri;

fn connect_string(text: &str) -> String {
    Uri::parse(text).expect(text).to_connect_string()
}

#[test]
fn usual_uris_reach_libvirt_unchanged() {
    for text in [
        "qemu:///system",
        "qemu:///session",
        "qemu+unix:///system?socket=%2Frun%2Flibvirt%2Flibvirt-sock-ro",
        "qemu+tcp://kvm1.example.com/system",
        "qemu+tls://kvm1:16600/system?pkipath=%2Fetc%2Fpki&no_verify=1",
        "qemu://[fe80::1]:16514/system",
        "xen:///",
        "lxc:///system",
        "vbox+tcp://h/session",
        "esx://root@esx1.example.com/?no_verify=1",
        "vpx://DOMAIN%5Cuser@vc/dc1/cluster1/esx1?no_verify=1",
        "hyperv://hv1",
        "test:///default",
        "test:///srv/a%20b/node.xml",
    ] {
        assert_eq!(connect_string(text), text);
    }
}

#[test]
fn ssh_never_prompts() {
    for transport in ["ssh", "libssh", "libssh2"] {
        let text = format!("qemu+{transport}://u@h/system?no_tty=0&keyfile=/k");
        let expected = format!("qemu+{transport}://u@h/system?keyfile=%2Fk&no_tty=1");
        assert_eq!(connect_string(&text), expected);
    }
}

#[test]
fn errors_name_the_part_and_never_quote_secrets() {
    for text in [
        "qemu+tcp://admin:hunter2@h/system",
        "qemu+ssh://h/system?hunter2",
        "qemu+ssh://h/system?x=hunter2",
        "qemu+ssh://h/system?command=hunter2",
        "hunter2://h/system",
        "hunter2",
    ] {
        let error = Uri::parse(text).expect_err(text).to_string();
        assert!(!error.contains("hunter2") && !error.contains("admin"), "{error}");
        assert!(error.contains("uri"), "{error}");
    }
    let error = Uri::parse("qemu+ssh://h/system?command=x").expect_err("rejected");
    assert!(error.message.contains("command"), "{error}");
}

#[test]
fn a_uri_is_shown_without_user_and_parameters() {
    let uri = Uri::parse("qemu+ssh://hunter2@h:22/system?keyfile=/hunter2").expect("allowed");
    assert_eq!(uri.to_string(), "qemu+ssh://h:22/system");
}

#[test]
fn only_tcp_and_tls_have_a_target_to_probe() {
    let target = |text: &str| {
        let uri = Uri::parse(text).expect(text);
        uri.tcp_target().map(|(host, port)| format!("{host} {port}"))
    };
    assert_eq!(target("qemu+tcp://h/system").as_deref(), Some("h 16509"));
    assert_eq!(target("qemu+tls://h/system").as_deref(), Some("h 16514"));
    assert_eq!(target("qemu://h:1/system").as_deref(), Some("h 1"));
    assert_eq!(target("qemu+tcp:///system").as_deref(), Some("localhost 16509"));
    for none in ["qemu:///system", "qemu+ssh://h/system", "esx://h/", "test:///default"] {
        assert_eq!(target(none), None, "{none}");
    }
}

fn insecure(text: &str) -> (String, Option<&'static str>) {
    let (uri, warning) = Uri::parse(text).expect(text).without_verification();
    (uri.to_connect_string(), warning)
}

#[test]
fn insecure_warns_about_each_channel_that_verifies() {
    let uris = ["qemu+tls://h/system", "esx://h/", "qemu+ssh://h/system", "qemu+libssh://h/system"];
    let warning = |text| format!("{text}\n  {}\n", insecure(text).1.expect("a warning"));
    let auto = "qemu+libssh2://h/system?known_hosts_verify=auto";
    let of_auto = Uri::parse(auto).expect(auto).verification_warning().expect("a warning");
    insta::assert_snapshot!(uris.map(warning).concat() + &format!("{auto}\n  {of_auto}\n"));
}

#[test]
fn insecure_sets_no_verify_for_tls_and_hypervisors() {
    for (text, expected) in [
        ("qemu+tls://h/system?no_verify=0", "qemu+tls://h/system?no_verify=1"),
        ("qemu://h/system", "qemu://h/system?no_verify=1"),
        ("esx://h/", "esx://h/?no_verify=1"),
    ] {
        assert_eq!(insecure(text).0, expected);
    }
}

#[test]
fn insecure_sets_no_verify_for_ssh_but_not_for_the_ssh_libraries() {
    assert_eq!(insecure("qemu+ssh://h/system").0, "qemu+ssh://h/system?no_tty=1&no_verify=1");
    // libssh and libssh2 ignore no_verify.
    for transport in ["libssh", "libssh2"] {
        let (uri, warning) = insecure(&format!("qemu+{transport}://h/system"));
        assert!(!uri.contains("no_verify"), "{uri}");
        assert!(warning.is_some_and(|text| text.contains("known_hosts_verify")), "{warning:?}");
    }
}

#[test]
fn insecure_changes_nothing_if_libvirt_verifies_nothing() {
    for text in ["test:///default", "qemu:///system", "qemu+unix:///system", "qemu+tcp://h/system"]
    {
        assert_eq!(insecure(text), (text.to_owned(), None));
    }
}

#[test]
fn no_verify_in_a_uri_warns_like_insecure() {
    let warning = |text: &str| Uri::parse(text).expect(text).verification_warning();
    for text in ["qemu+tls://h/system", "qemu://h/system", "esx://h/", "qemu+ssh://h/system"] {
        assert_eq!(warning(text), None, "{text}");
        assert_eq!(warning(&format!("{text}?no_verify=0")), None, "{text}");
        let of_insecure = insecure(text).1;
        assert!(of_insecure.is_some(), "{text}");
        assert_eq!(warning(&format!("{text}?no_verify=1")), of_insecure, "{text}");
    }
    for without_effect in ["qemu+tcp://h/system", "qemu:///system", "qemu+libssh://h/system"] {
        assert_eq!(warning(&format!("{without_effect}?no_verify=1")), None, "{without_effect}");
    }
    assert_eq!(warning("qemu+libssh2://h/system?known_hosts_verify=normal"), None);
    let ignored = warning("qemu+libssh2://h/system?known_hosts_verify=ignore");
    assert!(ignored.is_some());
}

#[test]
fn only_a_local_test_driver_reads_a_file() {
    let file = |text: &str| {
        Uri::parse(text).expect(text).test_file().map(|path| path.display().to_string())
    };
    assert_eq!(file("test:///srv/a%20b.xml").as_deref(), Some("/srv/a b.xml"));
    assert_eq!(file("test+unix:///dev/zero").as_deref(), Some("/dev/zero"));
    for none in ["test:///default", "test://h/default", "test+tcp://h/", "qemu:///system"] {
        assert_eq!(file(none), None, "{none}");
    }
}
