//! Tests of `in-cluster`: what the pod gives, and what a request must not change.

use std::os::unix::fs::symlink;

use gatherer_plugin_api::{Options, Policy, Secret};
use insta::assert_snapshot;
use secrecy::ExposeSecret as _;

use super::super::in_cluster::{Pod, is_in_cluster, read};
use super::{CANARY, EC_CERT, Folder, add_case, policy, refusal};

/// The options of an endpoint whose operator allows the identity of the machine.
fn allowed() -> Options {
    let policy = Policy { allow_machine_identity: true, ..policy() };
    Options { policy, ..Options::default() }
}

/// A folder as a kubelet mounts it: every file is a link to the latest version.
fn mounted() -> Folder {
    let folder = Folder::new();
    folder.write("..1/token", "first-token\n");
    folder.write("..1/ca.crt", EC_CERT);
    symlink("..1", folder.path.join("..data")).expect("a link");
    for name in ["token", "ca.crt"] {
        symlink(format!("..data/{name}"), folder.path.join(name)).expect("a link");
    }
    folder
}

fn pod(folder: &Folder) -> Pod {
    Pod {
        host: Some("10.96.0.1".to_owned()),
        port: Some("443".to_owned()),
        folder: folder.path.clone(),
    }
}

#[test]
fn only_the_word_itself_is_the_pod() {
    assert!(is_in_cluster("in-cluster") && is_in_cluster(" in-cluster\n"));
    for path in ["./in-cluster", "/etc/in-cluster", "in-cluster.yaml", "In-Cluster", ""] {
        assert!(!is_in_cluster(path), "{path}");
    }
}

#[test]
fn the_access_has_the_server_the_token_and_the_authority_of_the_pod() {
    let folder = mounted();
    let access = read(Some(""), &allowed(), &pod(&folder)).expect("a pod");
    assert_eq!(access.server, "https://10.96.0.1:443/");
    assert_eq!(access.ca.as_deref(), Some(EC_CERT.as_bytes()));
    assert!(access.is_in_pod && !access.insecure && access.auth.token.is_none());
    let secrets: Vec<&String> = access.secrets.iter().map(Secret::expose).collect();
    assert_eq!(secrets, ["first-token"]);
    assert!(!format!("{access:?}").contains("first-token"));
}

#[test]
fn the_token_is_read_again_after_the_kubelet_has_renewed_it() {
    let folder = mounted();
    let access = read(None, &allowed(), &pod(&folder)).expect("a pod");
    let file = access.token_file.expect("the token is in a file");
    folder.write("..2/token", "second-token");
    std::fs::remove_file(folder.path.join("..data")).expect("a link");
    symlink("..2", folder.path.join("..data")).expect("a link");
    assert_eq!(file.read().expect("a token").expose_secret(), "second-token");
}

#[test]
fn an_ipv6_address_gets_brackets() {
    let folder = mounted();
    for (host, port, url) in [
        ("fd00::1", "443", "https://[fd00::1]:443/"),
        ("::1", "6443", "https://[::1]:6443/"),
        ("[fd00::1]", "443", "https://[fd00::1]:443/"),
        ("kubernetes.default.svc", "443", "https://kubernetes.default.svc:443/"),
    ] {
        let pod = Pod { host: Some(host.into()), port: Some(port.into()), ..pod(&folder) };
        assert_eq!(read(None, &allowed(), &pod).expect("a pod").server, url);
    }
}

#[test]
fn refuses_what_the_operator_or_the_pod_does_not_give() {
    let folder = mounted();
    let mut text = String::new();
    let mut add = |case: &str, context: Option<&str>, options: &Options, pod: &Pod| {
        let message = refusal(read(context, options, pod));
        let place = folder.path.to_str().expect("UTF-8");
        add_case(&mut text, case, &message.replace(place, "FOLDER"));
    };
    let (allowed, given) = (allowed(), pod(&folder));
    add("not allowed", None, &Options { policy: policy(), ..Options::default() }, &given);
    add("context", Some("other"), &allowed, &given);
    add("insecure", None, &Options { insecure: true, ..allowed.clone() }, &given);
    let ca_file = Some("/etc/ssl/other.pem".to_owned());
    add("ca_file", None, &Options { ca_file, ..allowed.clone() }, &given);
    add("no host", None, &allowed, &Pod { host: None, ..given.clone() });
    add("no port", None, &allowed, &Pod { port: None, ..given.clone() });
    for (host, port) in
        [("10.0.0.1", "0"), ("10.0.0.1", "tcp://x:1"), ("a b", "443"), ("u@h", "443")]
    {
        let pod = Pod { host: Some(host.into()), port: Some(port.into()), ..given.clone() };
        add(&format!("{host} {port}"), None, &allowed, &pod);
    }
    add("no folder", None, &allowed, &Pod { folder: folder.path.join("none"), ..given.clone() });
    for (case, name, content) in [
        ("empty token", "token", ""),
        ("two lines", "token", "a\nb"),
        ("empty ca.crt", "ca.crt", ""),
        ("ca.crt without a certificate", "ca.crt", CANARY),
    ] {
        let folder = mounted();
        std::fs::write(folder.path.join("..1").join(name), content).expect("a file");
        add(case, None, &allowed, &Pod { folder: folder.path.clone(), ..given.clone() });
    }
    for name in ["token", "ca.crt"] {
        let folder = mounted();
        std::fs::remove_file(folder.path.join("..1").join(name)).expect("a file");
        let message =
            refusal(read(None, &allowed, &Pod { folder: folder.path.clone(), ..given.clone() }));
        let place = folder.path.to_str().expect("UTF-8");
        add_case(&mut text, &format!("missing {name}"), &message.replace(place, "FOLDER"));
    }
    assert_snapshot!(text);
}
