//! The kubeconfigs of a cluster, by name: valid ones, each with another kind of credential, and invalid
//! ones.

use std::fmt::Write as _;
use std::path::Path;

use super::pki::file;
use super::workloads::READERS;

/// The token of an administrator.
pub const ADMIN_TOKEN: &str = "admin-token-0123456789";
/// The token of a user without any rights.
pub const UNPRIVILEGED_TOKEN: &str = "view-token-0123456789";

/// A token that the API server does not know.
pub const UNKNOWN_TOKEN: &str = "nonsense-token-0123456789";

/// The content of the API server's `token-auth-file`.
pub(super) fn tokens() -> String {
    let mut text = format!(
        "{ADMIN_TOKEN},token-admin,1001,\"system:masters\"\n{UNPRIVILEGED_TOKEN},token-unprivileged,1002\n"
    );
    for (name, number) in READERS.iter().zip(2001..) {
        let _ = writeln!(text, "{},{name},{number}", reader_token(name));
    }
    text
}

/// The token of one of [`READERS`].
fn reader_token(name: &str) -> String {
    format!("{name}-token-0123456789")
}

/// The names of the kubeconfigs.
pub const KUBECONFIGS: [&str; 17] = [
    "admin",
    "admin-pkcs8",
    "admin-ec",
    "admin-files",
    "admin-relpaths",
    "token",
    "token-file",
    "exec",
    "insecure",
    "bad-ca",
    "expired",
    "server-expired",
    "tls-server-name",
    "wrong-name",
    "noaccess",
    "noaccess-token",
    "bad-token",
];

/// A kubeconfig with one cluster, user and context, all named `test`. `cluster` and `user` are lines of YAML
/// without indentation.
pub fn kubeconfig_yaml(url: &str, cluster: &str, user: &str) -> String {
    let mut text = String::from("apiVersion: v1\nkind: Config\ncurrent-context: test\n");
    let _ = writeln!(text, "clusters:\n- name: test\n  cluster:\n    server: {url}");
    for line in cluster.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text.push_str("users:\n- name: test\n  user:\n");
    for line in user.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text.push_str("contexts:\n- name: test\n  context: {cluster: test, user: test}\n");
    text
}

/// Writes `<name>.yaml` for every name, and the program of the kubeconfig `exec`.
pub(super) fn write(folder: &Path, pki: &Path, url: &str) {
    let program = folder.join("exec-plugin.sh");
    file(folder, "exec-plugin.sh", credential_program(ADMIN_TOKEN).as_bytes());
    crate::plugins::set_mode(&program, 0o700);
    for name in KUBECONFIGS {
        let (cluster, user) = parts(name, pki, &program);
        file(folder, &format!("{name}.yaml"), kubeconfig_yaml(url, &cluster, &user).as_bytes());
    }
    for name in READERS {
        let ca = format!("certificate-authority-data: {}", base64_file(&pki.join("ca.crt")));
        let user = format!("token: {}", reader_token(name));
        file(folder, &format!("{name}.yaml"), kubeconfig_yaml(url, &ca, &user).as_bytes());
    }
}

/// A program that prints a token like a credential plugin of kubectl.
pub fn credential_program(token: &str) -> String {
    let version = "client.authentication.k8s.io/v1beta1";
    format!(
        "#!/bin/sh\necho '{{\"apiVersion\":\"{version}\",\"kind\":\"ExecCredential\",\
         \"status\":{{\"token\":\"{token}\"}}}}'\n"
    )
}

/// The lines of a kubeconfig's cluster and user.
fn parts(name: &str, pki: &Path, program: &Path) -> (String, String) {
    let ca = format!("certificate-authority-data: {}", base64_file(&pki.join("ca.crt")));
    let certificate = |name: &str| {
        let part = |suffix: &str| base64_file(&pki.join(format!("{name}.{suffix}")));
        format!("client-certificate-data: {}\nclient-key-data: {}", part("crt"), part("key"))
    };
    let files = |folder: &str| {
        (
            format!("certificate-authority: {folder}/ca.crt"),
            format!("client-certificate: {folder}/admin.crt\nclient-key: {folder}/admin.key"),
        )
    };
    let with_server_name = |server_name: &str| format!("{ca}\ntls-server-name: {server_name}");
    let token = |token: &str| format!("token: {token}");
    let folder = pki.display();
    match name {
        "admin-pkcs8" | "admin-ec" | "expired" => (ca, certificate(name)),
        "admin-files" => files(&folder.to_string()),
        "admin-relpaths" => files("../pki"),
        "token" => (ca, token(ADMIN_TOKEN)),
        "token-file" => (ca, format!("tokenFile: {folder}/admin.token")),
        "exec" => {
            let version = "client.authentication.k8s.io/v1beta1";
            (ca, format!("exec: {{apiVersion: {version}, command: {}}}", program.display()))
        }
        "insecure" => ("insecure-skip-tls-verify: true".to_owned(), token(ADMIN_TOKEN)),
        "bad-ca" => {
            let other = base64_file(&pki.join("other-ca.crt"));
            (format!("certificate-authority-data: {other}"), certificate("admin"))
        }
        "server-expired" => (with_server_name("expired.test"), certificate("admin")),
        "tls-server-name" => (with_server_name("kubernetes.default.svc"), certificate("admin")),
        "wrong-name" => (with_server_name("wrong.test"), certificate("admin")),
        "noaccess" => (ca, certificate("unprivileged")),
        "noaccess-token" => (ca, token(UNPRIVILEGED_TOKEN)),
        "bad-token" => (ca, token(UNKNOWN_TOKEN)),
        _ => (ca, certificate("admin")),
    }
}

/// A file in base64, for a `*-data` field.
pub fn base64_file(path: &Path) -> String {
    use base64::Engine as _;
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
