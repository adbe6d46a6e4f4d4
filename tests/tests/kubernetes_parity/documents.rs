//! Rows about the kubeconfig as a document: YAML, contexts, and members that are missing.

use gatherer_tests::servers::kubernetes::ADMIN_TOKEN;

use super::{Parts, Row};

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn rows(parts: &Parts) -> Vec<Row> {
    let token = format!("token: {ADMIN_TOKEN}");
    let good = parts.kubeconfig(&parts.authority(), &token);
    let insecure = parts.kubeconfig("insecure-skip-tls-verify: true", &token);
    let row = |form: &str, text: String| Row::new(format!("document: {form}"), text);
    let flag = |form: &str, value: &str| {
        let form = format!("insecure-skip-tls-verify is {form}");
        row(&form, insecure.replace("verify: true", &format!("verify: {value}")))
    };
    let json = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": parts.url, "insecure-skip-tls-verify": true}}],
        "users": [{"name": "test", "user": {"token": ADMIN_TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    let utf16: Vec<u8> =
        std::iter::once(0xfeffu16).chain(good.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let merged = good
        .replace("  user:\n    token", "  user:\n    <<: &defaults {username: \"\"}\n    token");
    let bad = good.replace(ADMIN_TOKEN, "unknown");
    vec![
        row("ends in ---", format!("{good}---\n")),
        row("begins with ---", format!("---\n{good}")),
        row("begins with a comment and ---", format!("# a\n---\n{good}")),
        row("ends in ...", format!("{good}...\n")),
        row("two, the first with rights", format!("{good}---\n{bad}")),
        row("two, the last with rights", format!("{bad}---\n{good}")),
        row("two, the first empty", format!("---\n---\n{good}")),
        row("two, the last invalid", format!("{good}---\n{{\n")),
        row("begins with %YAML", format!("%YAML 1.2\n---\n{good}")),
        row("merge key", merged),
        row(
            "anchor and alias",
            good.replacen("name: test", "name: &n test", 1)
                .replace("cluster: test,", "cluster: *n,"),
        ),
        row("JSON", json.to_string()),
        row("JSON in several lines", serde_json::to_string_pretty(&json).expect("JSON")),
        row("JSON with text after it", format!("{json}\ntext")),
        row("tabs as indentation", good.replace("  ", "\t")),
        row(
            "JSON indented with tabs",
            serde_json::to_string_pretty(&json).expect("JSON").replace("  ", "\t"),
        ),
        row("CRLF", good.replace('\n', "\r\n")),
        row("byte order mark", format!("\u{feff}{good}")),
        row("comment at the ends of lines", good.replace("kind: Config", "kind: Config # a")),
        row(
            "key twice, the last with rights",
            good.replace("    token:", "    token: unknown\n    token:"),
        ),
        row("section twice", format!("{good}users: []\n")),
        row(
            "unknown member",
            format!("{good}unknown: [1]\nextensions: [{{name: a, extension: {{}}}}]\n"),
        ),
        row("preferences", format!("{good}preferences: {{colors: true}}\n")),
        row("without apiVersion and kind", good.replace("apiVersion: v1\nkind: Config\n", "")),
        row("without apiVersion", good.replace("apiVersion: v1\n", "")),
        row("another apiVersion", good.replace("apiVersion: v1", "apiVersion: v2")),
        row("another kind", good.replace("kind: Config", "kind: Pod")),
        row("without current-context", good.replace("current-context: test\n", "")),
        row(
            "empty current-context",
            good.replace("current-context: test", "current-context: \"\""),
        ),
        row(
            "current-context that is missing",
            good.replace("current-context: test", "current-context: other"),
        ),
        row("context without cluster", good.replace("cluster: test, ", "")),
        row("context whose cluster is missing", good.replace("{cluster: test", "{cluster: other")),
        row(
            "context that is null",
            good.replace("context: {cluster: test, user: test}", "context:"),
        ),
        row(
            "two contexts of one name, the last right",
            good.replace(
                "contexts:\n",
                "contexts:\n- {name: test, context: {cluster: x, user: x}}\n",
            ),
        ),
        row(
            "two clusters of one name, the last right",
            good.replace(
                "clusters:\n",
                "clusters:\n- {name: test, cluster: {server: \"https://127.0.0.1:1\"}}\n",
            ),
        ),
        row("entry without a name", good.replace("users:\n", "users:\n- user: {token: unknown}\n")),
        row("entry that is null", good.replace("users:\n", "users:\n- null\n")),
        row(
            "names that are numbers",
            good.replace("name: test", "name: 1").replace(": test", ": 1"),
        ),
        row(
            "names that are numbers in quotes",
            good.replace("name: test", "name: \"1\"").replace(": test", ": \"1\""),
        ),
        row("token that is a number", good.replace(ADMIN_TOKEN, "1234")),
        row(
            "users that are null",
            good.replace("users:\n- name: test\n  user:\n", "users:\nx:\n- name: test\n  user:\n"),
        ),
        row(
            "users that are a map",
            good.replace("users:\n- name: test\n  user:\n", "users:\n  test:\n    user:\n"),
        ),
        row("members with capital letters", good.replace("token:", "Token:")),
        row(
            "sections with capital letters",
            good.replace("users:", "Users:").replace("server:", "SERVER:"),
        ),
        row(
            "binary tag",
            good.replace("token: ", "token: !!binary ")
                .replace(ADMIN_TOKEN, &super::base64(ADMIN_TOKEN)),
        ),
        row("string tag", good.replace("token: ", "token: !!str ")),
        row("folded text", good.replace("token: ", "token: >-\n      ")),
        row(
            "quoted escapes",
            good.replace(&token, &format!("token: \"\\x61{}\"", &ADMIN_TOKEN[1..])),
        ),
        row("empty", String::new()),
        row("only a comment", "# a\n".to_owned()),
        row("a list", "- a\n".to_owned()),
        row("a string", "text\n".to_owned()),
        row("invalid", "a: [\n".to_owned()),
        row("NUL byte", format!("{good}\0")),
        Row::new("document: UTF-16", utf16),
        Row::new("document: invalid UTF-8 in a comment", [good.as_bytes(), b"# \xff\n"].concat()),
        flag("yes", "yes"),
        flag("on", "on"),
        flag("y", "y"),
        flag("True", "True"),
        flag("TRUE", "TRUE"),
        flag("tRue", "tRue"),
        flag("\"true\"", "\"true\""),
        flag("\"yes\"", "\"yes\""),
        flag("1", "1"),
        flag("null", "null"),
        flag("~", "~"),
        flag("no", "no"),
        flag("text", "text"),
    ]
}
