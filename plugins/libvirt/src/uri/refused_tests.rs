//! The sentence for each part of a URI that libvirt takes and the allow-list refuses: which part, why, and what to
//! use instead.

use gatherer_plugin_api::ErrorKind;

use super::Uri;

/// URIs, by the part that is refused.
const REFUSED: [(&str, &[&str]); 9] = [
    ("no driver", &["", "qemu", "my-alias", "qemu:/system"]),
    (
        "driver",
        &[
            "secret:///system",
            "network:///system",
            "storage:///system",
            "interface:///system",
            "nodedev:///system",
            "nwfilter:///system",
            "remote:///",
            "remote+ext:///system",
            "openvz:///system",
            "vmwareplayer:///session",
            "vmwarews:///session",
            "vmwarefusion:///session",
            "parallels:///system",
            "libxl:///system",
            "kvm:///system",
            "uml:///system",
            "phyp://h/",
            "xenapi://h/",
            "hunter2:///system",
        ],
    ),
    (
        "transport",
        &[
            "qemu+ext://h/system?command=/tmp/x",
            "qemu+ext://h/system",
            "qemu+rsh://h/system",
            "esx+ssh://h/",
        ],
    ),
    (
        "user",
        &[
            "qemu+tcp://admin:secret@h/system",
            "qemu+ssh://u@/system",
            "qemu+ssh://-oProxyCommand=x@h/system",
            "qemu+ssh://%2DoProxyCommand=x@h/system",
            "qemu+ssh://j%C3%B6rg@h/system",
            "qemu+tls://a%20b@h/system",
        ],
    ),
    (
        "host and port",
        &[
            "qemu+ssh://-oProxyCommand=x/system",
            "qemu+ssh://[::1/system",
            "qemu://[fe80::1%25eth0]/system",
            "qemu://k\u{f6}ln.example/system",
            "qemu+unix://h/system",
            "qemu+ssh://h:0/system",
            "qemu+ssh://h:65536/system",
            "qemu+ssh://h:+22/system",
            "qemu+ssh://h:x/system",
        ],
    ),
    (
        "path",
        &[
            "qemu:///embed",
            "qemu:///embed?root=/tmp/x",
            "qemu:///%65mbed",
            "qemu+ssh://h/embed",
            "qemu:///other",
            "vpx://h/$(x)",
            "test:///",
            "test:///a$b",
            "test+tcp://h/etc/passwd",
        ],
    ),
    (
        "characters",
        &[
            "qemu:///system\0",
            "qemu:///sys%00tem",
            "qemu+ssh://a b/system",
            "qemu:///system#x",
            "qemu:///%ff",
        ],
    ),
    (
        "parameter",
        &[
            "qemu+ssh://h/system?command=/tmp/x",
            "qemu+ssh://h/system?Command=/tmp/x",
            "qemu+ssh://h/system?comm%61nd=/tmp/x",
            "qemu+ssh://h/system?no_tty=1;command=/tmp/x",
            "qemu+libssh://h/system?sshconfig=/tmp/x",
            "qemu+ssh://h/system?netcat=/tmp/x",
            "qemu+ssh://h/system?proxy=native",
            "qemu+ssh://h/system?name=qemu:///embed",
            "qemu+tls://h/system?authfile=/tmp/x",
            "qemu+tls://h/system?root=/tmp/x",
            "qemu+tls://h/system?debug=1",
            "qemu+tls://h/system?auth=sasl",
            "esx://h/?transport=http",
            "esx://h/?vcenter=vc",
            "esx://h/?auto_answer=1",
            "esx://h/?gateway=g",
            "qemu+tls://h/system?hunter2=1",
            "qemu:///system?no_tty=1&no_tty=1",
        ],
    ),
    (
        "value of a parameter",
        &[
            "qemu+tls://h/system?no_verify=2",
            "qemu+ssh://h/system?no_tty=yes",
            "qemu+tls://h/system?mode=embed",
            "qemu+tls://h/system?tls_priority=-VERS-ALL",
            "qemu+tls://h/system?pkipath=pki",
            "qemu+libssh2://h/system?known_hosts_verify=no",
            "qemu+libssh2://h/system?sshauth=none",
            "qemu+libssh2://h/system?known_hosts=known_hosts",
            "qemu+ssh://h/system?keyfile=-oProxyCommand=x",
            "qemu+ssh://h/system?socket=/a%20b",
        ],
    ),
];

#[test]
fn each_refused_part_of_a_uri_has_its_reason_and_what_to_use_instead() {
    let mut sentences = Vec::new();
    for (part, uris) in REFUSED {
        sentences.push(format!("# {part}"));
        for uri in uris {
            let error = Uri::parse(uri).expect_err(uri);
            assert_eq!(error.kind, ErrorKind::Configuration, "{uri}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
            sentences.push(format!("{uri:?}\n  {error}"));
        }
    }
    insta::assert_snapshot!(sentences.join("\n"));
}
