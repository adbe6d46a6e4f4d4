//! The kubeconfigs of a cluster, by name: those that work, each by another kind of credential, and
//! those that cannot.

use std::fmt::Write as _;
use std::path::Path;

use super::pki::file;
use super::workloads::READERS;

/// What an administrator's token is.
pub const ADMIN_TOKEN: &str = "admin-token-0123456789";
/// The token of somebody whom no rule lets see a node.
pub const NOBODY_TOKEN: &str = "view-token-0123456789";

/// What `token-auth-file` of the API server says.
pub(super) fn tokens() -> String {
    let mut text = format!(
        "{ADMIN_TOKEN},token-admin,1001,\"system:masters\"\n{NOBODY_TOKEN},token-nobody,1002\n"
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
pub const NAMES: [&str; 17] = [
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

/// A kubeconfig for one cluster, user and context, all called `test`: `cluster` and `user` are lines
/// of YAML, not indented.
pub fn document(url: &str, cluster: &str, user: &str) -> String {
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

/// Writes `<name>.yaml` for every name, and the program that `exec` starts.
pub(super) fn write(folder: &Path, pki: &Path, url: &str) {
    let program = folder.join("exec-plugin.sh");
    file(folder, "exec-plugin.sh", credential_program(ADMIN_TOKEN).as_bytes());
    crate::plugins::set_mode(&program, 0o700);
    for name in NAMES {
        let (cluster, user) = parts(name, pki, &program);
        file(folder, &format!("{name}.yaml"), document(url, &cluster, &user).as_bytes());
    }
    for name in READERS {
        let ca = format!("certificate-authority-data: {}", data(&pki.join("ca.crt")));
        let user = format!("token: {}", reader_token(name));
        file(folder, &format!("{name}.yaml"), document(url, &ca, &user).as_bytes());
    }
}

/// A program that prints a token as kubectl's credential plugins do.
pub fn credential_program(token: &str) -> String {
    let version = "client.authentication.k8s.io/v1beta1";
    format!(
        "#!/bin/sh\necho '{{\"apiVersion\":\"{version}\",\"kind\":\"ExecCredential\",\
         \"status\":{{\"token\":\"{token}\"}}}}'\n"
    )
}

/// The lines of a kubeconfig's cluster and user.
fn parts(name: &str, pki: &Path, program: &Path) -> (String, String) {
    let ca = format!("certificate-authority-data: {}", data(&pki.join("ca.crt")));
    let certificate = |name: &str| {
        let part = |suffix: &str| data(&pki.join(format!("{name}.{suffix}")));
        format!("client-certificate-data: {}\nclient-key-data: {}", part("crt"), part("key"))
    };
    let files = |folder: &str| {
        (
            format!("certificate-authority: {folder}/ca.crt"),
            format!("client-certificate: {folder}/admin.crt\nclient-key: {folder}/admin.key"),
        )
    };
    let called = |server_name: &str| format!("{ca}\ntls-server-name: {server_name}");
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
            let other = data(&pki.join("other-ca.crt"));
            (format!("certificate-authority-data: {other}"), certificate("admin"))
        }
        "server-expired" => (called("expired.test"), certificate("admin")),
        "tls-server-name" => (called("kubernetes.default.svc"), certificate("admin")),
        "wrong-name" => (called("wrong.test"), certificate("admin")),
        "noaccess" => (ca, certificate("nobody")),
        "noaccess-token" => (ca, token(NOBODY_TOKEN)),
        "bad-token" => (ca, token("nonsense-token-0123456789")),
        _ => (ca, certificate("admin")),
    }
}

/// A file in base64, as the `*-data` fields hold it.
pub fn data(path: &Path) -> String {
    use base64::Engine as _;
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
