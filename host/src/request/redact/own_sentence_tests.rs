//! Tests of what redaction leaves alone: user names, and the words of our own sentences.

use super::{Redactor, Secrets, is_user_name};

fn redact(secret: &str, text: &str) -> String {
    Redactor::new([secret].iter().collect()).redact(text)
}

fn redact_url(url: &str, text: &str) -> String {
    let mut secrets = Secrets::default();
    secrets.add_url(url);
    Redactor::new(secrets).redact(text)
}

#[test]
fn no_password_leaves_a_gap_in_our_own_sentences() {
    for sentence in [
        "401 Unauthorized: the server does not accept the password of the user admin (check user and password)",
        "the proxy refused to open a tunnel: put the host into no_proxy, or \"proxy\": \"none\"",
        "the certificate's issuer is not trusted; connection refused, no answer, permission denied",
        "`virtual-host-gatherer modules Kubernetes` lists its parameters",
        "give the user a ClusterRole: `kubectl create clusterrole --verb=list --resource=nodes`",
        "the file /root/.ssh/id is not trusted: it belongs to root and is writable by everybody",
    ] {
        let words = sentence
            .split(|sign: char| !sign.is_ascii_alphanumeric() && !"-_".contains(sign))
            .map(|word| word.trim_matches(['-', '_']))
            .filter(|word| word.len() > 4)
            .flat_map(|word| [word, &word[1..], &word[..word.len() - 1]]);
        // These come from outside.
        let others = ["admin", "id"];
        for secret in words {
            if others.iter().any(|other| secret.contains(other) || other.contains(secret)) {
                continue;
            }
            assert_eq!(redact(secret, sentence), sentence, "{secret}");
        }
    }
}

#[test]
fn parts_that_come_from_outside_are_redacted_also_if_a_secret_is_a_common_word() {
    for (secret, text, shown) in [
        ("file", "GET https://me:file@host/file: 404", "GET https://me:***@host/file: 404"),
        ("host", "login with password=host at host", "login with password=*** at host"),
        ("list", r#"{"user":"list","password":"list"}"#, r#"{"user":"list","password":"***"}"#),
        ("list", r#"Login { password: "list" }"#, r#"Login { password: "***" }"#),
        ("failed", "token: failed", "token: failed"),
        ("failed", "sent %66ailed and f\\x61iled", "sent *** and ***"),
        ("kubec", "kubec.example.com: kubeconfig", "***.example.com: kubeconfig"),
        ("hunter", "the hunter failed", "the *** failed"),
        ("hosthunter", "the hosthunter failed", "the *** failed"),
        ("2000", "2000 of 5000 nodes", "*** of 5000 nodes"),
        ("admin-password", "no login with admin-password", "no login with ***"),
        (":{#A", "< :{#A >", "< *** >"),
    ] {
        assert_eq!(redact(secret, text), shown, "{secret}");
    }
}

#[test]
fn a_user_name_in_a_url_is_not_secret_and_a_password_or_token_is() {
    let text = "/root/.ssh/known_hosts: root@kvm1";
    assert_eq!(redact_url("qemu+ssh://root@kvm1/system", text), text);
    assert_eq!(redact_url("https://backup@h/", "the backup of https://backup@h/"), {
        "the backup of https://backup@h/"
    });
    assert_eq!(redact_url("https://backup:zebra@h/", "backup zebra"), "backup ***");
    let token = "ghp0123456789abcdef0123";
    assert_eq!(redact_url(&format!("https://{token}@h/"), token), "***");
    assert!(is_user_name("administrator%40vsphere.local") && is_user_name("DOMAIN\\me"));
    assert!(!is_user_name("") && !is_user_name("me:zebra") && !is_user_name(token));
}

#[test]
fn the_paths_of_files_in_a_kubeconfig_are_not_secret() {
    let kubeconfig = "users:\n- name: a\n  user:\n    client-key: /etc/kube/key.pem\n    tokenFile: \
                      ./zebra77\n    token: zebra88\n";
    let text = "the file /etc/kube/key.pem, the file ./zebra77, zebra88";
    assert_eq!(redact(kubeconfig, text), "the file /etc/kube/key.pem, the file ./zebra77, ***");
}
