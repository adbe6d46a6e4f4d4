//! Rows about the other credentials of a user: tokens, passwords, programs, providers, and files.

use gatherer_tests::servers::kubernetes::{
    ADMIN_TOKEN, UNKNOWN_TOKEN, UNPRIVILEGED_TOKEN, credential_program,
};

use super::certificates::read;
use super::{Parts, Row, base64};

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn rows(parts: &Parts) -> Vec<Row> {
    let row = |form: &str, user: &str| Row::new(form, parts.kubeconfig(&parts.authority(), user));
    let admin = parts.certificates.client("admin-user", "ec:P-256");
    let (certificate, key) = (read(&admin.certificate), read(&admin.key));
    let data = format!(
        "client-certificate-data: {}\nclient-key-data: {}",
        base64(&certificate),
        base64(&key)
    );
    let (program_v1beta1, program_v1alpha1) = (
        credential_program(ADMIN_TOKEN),
        credential_program(ADMIN_TOKEN).replace("v1beta1", "v1alpha1"),
    );
    let exec = |version: &str, rest: &str| {
        format!(
            "exec: {{apiVersion: client.authentication.k8s.io/{version}, command: ./program{rest}}}"
        )
    };
    let credential = "#!/bin/sh\ncat \"$(dirname \"$0\")/credential.json\"\n";
    let with_certificate = serde_json::json!({
        "apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
        "status": {"clientCertificateData": certificate, "clientKeyData": key},
    });
    let mut rows = vec![
        row("token", &format!("token: {ADMIN_TOKEN}")),
        row("token of an unknown user", &format!("token: {UNKNOWN_TOKEN}")),
        row("token of a user without rights", &format!("token: {UNPRIVILEGED_TOKEN}")),
        row("token in quotes with a line break", &format!("token: \"{ADMIN_TOKEN}\\n\"")),
        row("token with blanks around it", &format!("token: \"  {ADMIN_TOKEN} \"")),
        row("empty token beside a client certificate", &format!("token: \"\"\n{data}")),
        row(
            "token of an unknown user beside a client certificate",
            &format!("token: {UNKNOWN_TOKEN}\n{data}"),
        ),
        row("token beside tokenFile", &format!("token: {UNKNOWN_TOKEN}\ntokenFile: token"))
            .file("token", ADMIN_TOKEN),
        row(
            "token beside a tokenFile that is missing",
            &format!("token: {ADMIN_TOKEN}\ntokenFile: missing"),
        ),
        row("tokenFile", "tokenFile: token").file("token", ADMIN_TOKEN),
        row("tokenFile with white space", "tokenFile: ./token")
            .file("token", format!("\n {ADMIN_TOKEN}\r\n\n")),
        row("tokenFile that is empty", "tokenFile: token").file("token", ""),
        row("tokenFile that is missing", "tokenFile: missing"),
        row(
            "tokenFile outside the kubeconfig's folder",
            &format!("tokenFile: {}/admin.token", parts.certificates.folder().display()),
        ),
        row("username and password", "username: admin\npassword: canary-password"),
        row("username without password", "username: admin"),
        row(
            "token beside username",
            &format!("token: {ADMIN_TOKEN}\nusername: admin\npassword: canary-password"),
        ),
        row("no credential", ""),
        row("client certificate beside", "client-certificate: c.crt\nclient-key: c.key")
            .file("c.crt", &certificate[..])
            .file("c.key", &key[..]),
        row(
            "client certificate as data beside a file that is missing",
            &format!("{data}\nclient-certificate: missing\nclient-key: missing"),
        ),
        row(
            "client certificate without a key",
            &format!("client-certificate-data: {}", base64(&certificate)),
        ),
        row("client key without a certificate", &format!("client-key-data: {}", base64(&key))),
        row(
            "client certificate with base64 in several lines",
            &format!(
                "client-certificate-data: |\n  {}\nclient-key-data: {}",
                wrapped(&base64(&certificate)),
                base64(&key)
            ),
        ),
        row(
            "client certificate that is PEM in place of base64",
            &format!(
                "client-certificate-data: {}\nclient-key-data: {}",
                serde_json::json!(certificate),
                base64(&key)
            ),
        ),
        row(
            "client certificate with base64 without padding",
            &format!(
                "client-certificate-data: {}\nclient-key-data: {}",
                base64(format!("{certificate}\n")).trim_end_matches('='),
                base64(format!("{key}\n\n")).trim_end_matches('=')
            ),
        ),
        row("exec", &exec("v1beta1", "")).file("program", &program_v1beta1[..]),
        row("exec, allowed by the operator", &exec("v1beta1", ""))
            .file("program", &program_v1beta1[..])
            .allowed_by_operator(),
        row("exec v1alpha1, allowed by the operator", &exec("v1alpha1", ""))
            .file("program", &program_v1alpha1[..])
            .allowed_by_operator(),
        row("exec that prints another version, allowed by the operator", &exec("v1beta1", ""))
            .file("program", &program_v1alpha1[..])
            .allowed_by_operator(),
        row("exec that prints a client certificate, allowed by the operator", &exec("v1beta1", ""))
            .file("program", credential)
            .file("credential.json", with_certificate.to_string())
            .allowed_by_operator(),
        row(
            "exec with args and env, allowed by the operator",
            &exec("v1beta1", ", args: [a], env: [{name: B, value: c}]"),
        )
        .file(
            "program",
            format!(
                "#!/bin/sh\n[ \"$1$B\" = ac ] || exit 1\n{}",
                program_v1beta1.trim_start_matches("#!/bin/sh\n")
            ),
        )
        .allowed_by_operator(),
        row("exec that fails, allowed by the operator", &exec("v1beta1", ""))
            .file("program", "#!/bin/sh\nexit 3\n")
            .allowed_by_operator(),
        row("exec that is missing, allowed by the operator", &exec("v1beta1", ""))
            .allowed_by_operator(),
        row("exec without apiVersion, allowed by the operator", "exec: {command: ./program}")
            .file("program", &program_v1beta1[..])
            .allowed_by_operator(),
        row(
            "auth-provider gcp with a token",
            &format!(
                "auth-provider: {{name: gcp, config: {{access-token: {ADMIN_TOKEN}, expiry: \"2999-01-01T00:00:00Z\"}}}}"
            ),
        ),
        row(
            "auth-provider oidc with a token that is not a JWT",
            &format!(
                "auth-provider: {{name: oidc, config: {{idp-issuer-url: \"https://127.0.0.1:1\", client-id: a, id-token: {ADMIN_TOKEN}}}}}"
            ),
        ),
        row("auth-provider unknown", "auth-provider: {name: unknown}"),
        row(
            "impersonation of a user with rights",
            &format!("token: {ADMIN_TOKEN}\nas: someone\nas-groups: [\"system:masters\"]"),
        ),
        row(
            "impersonation of a user without rights",
            &format!("token: {ADMIN_TOKEN}\nas: someone"),
        ),
        row("unknown field of a user", &format!("token: {ADMIN_TOKEN}\nunknown: {{a: 1}}")),
    ];
    let authority = parts.authority();
    let elsewhere = parts.kubeconfig(&authority, &format!("token: {ADMIN_TOKEN}"));
    rows.push(Row::new(
        "context whose user is missing",
        elsewhere.replace("users:\n- name: test\n", "users:\n- name: other\n"),
    ));
    rows.push(Row::new("context without user", elsewhere.replace(", user: test", "")));
    rows.push(Row::new("two users of one name, the last with rights", {
        let first = "users:\n- name: test\n  user: {token: unknown}\n- name: test\n";
        elsewhere.replace("users:\n- name: test\n", first)
    }));
    rows.push(Row::new(
        "user whose name has blanks",
        elsewhere
            .replace("users:\n- name: test", "users:\n- name: a b ")
            .replace("user: test", "user: a b"),
    ));
    rows
}

/// base64 in lines, as the value of a YAML block.
fn wrapped(text: &str) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    lines.join("\n  ")
}
