//! Tests of the files that a kubeconfig may name.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use gatherer_plugin_api::Policy;
use insta::assert_snapshot;
use rustix::fs::{FileType, Mode};
use secrecy::ExposeSecret as _;

use super::super::read_with;
use super::{
    CANARY, EC_CERT, EC_SEC1_KEY, Folder, add_case, base64, kubeconfig, policy, refusal, text,
    token, with_user,
};

/// The option that the hint names if the operator could allow the file.
const OPTION: &str = "credential_folders in /etc/vhg/config.toml";

fn make_fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .expect("a FIFO");
}

/// The refusal of a kubeconfig in `sub/` that names this token file.
fn refusal_of(folder: &Folder, name: &str, policy: &Policy) -> String {
    folder.write("sub/config", with_user(&format!("tokenFile: '{name}'")));
    let message = refusal(folder.read("sub/config", policy));
    let origin = format!("kubeconfig {}/sub/config: users[0].user.tokenFile: ", text(&folder.path));
    let message = message.strip_prefix(&origin).unwrap_or_else(|| panic!("{message}"));
    message.replace(text(&folder.path), "FOLDER")
}

/// Asserts that the file is refused with the same message as a missing file outside the folder.
#[track_caller]
fn assert_outside(folder: &Folder, name: &str) {
    let of_missing = refusal_of(folder, "/missing", &policy());
    let expected = of_missing.replace("\"/missing\"", &format!("\"{name}\""));
    assert_eq!(refusal_of(folder, name, &policy()), expected);
    assert!(expected.contains(OPTION), "{expected}");
}

#[test]
fn reads_files_in_and_below_the_kubeconfigs_folder() {
    let folder = Folder::new();
    folder.write("pki/ca.crt", EC_CERT);
    folder.write("client.crt", EC_CERT);
    folder.write("client.key", EC_SEC1_KEY);
    let cluster = "server: 'https://h', certificate-authority: pki/ca.crt";
    let key = format!(
        "client-certificate: ./client.crt, client-key: '{}/client.key'",
        text(&folder.path)
    );
    folder.write("config", kubeconfig(cluster, &key));
    let access = folder.read("config", &policy()).expect("files in its own folder");
    assert_eq!(access.ca.as_deref(), Some(EC_CERT.as_bytes()));
    assert!(access.client_certificate.is_some());
}

#[test]
fn refuses_a_dotdot_path_out_of_the_folder() {
    let folder = Folder::new();
    folder.write("token", "abc");
    folder.write("sub/own", "abc");
    assert_outside(&folder, "../token");
    assert_outside(&folder, "x/../../token");
    assert_outside(&folder, "../sub-not/../token");
    // A path that leaves the folder and enters it again is allowed.
    folder.write("sub/config", with_user("tokenFile: ../sub/own"));
    folder.read("sub/config", &policy()).expect("a file in the folder");
}

#[test]
fn refuses_a_symlink_out_of_the_folder() {
    let folder = Folder::new();
    folder.write("secret", "abc");
    folder.write("sub/own", "abc");
    symlink("../secret", folder.path.join("sub/token")).expect("a link");
    symlink("/etc/shadow", folder.path.join("sub/shadow")).expect("a link");
    symlink("own", folder.path.join("sub/inside")).expect("a link");
    assert_outside(&folder, "token");
    assert_outside(&folder, "shadow");
    folder.write("sub/config", with_user("tokenFile: inside"));
    folder.read("sub/config", &policy()).expect("a link that stays inside");
}

#[test]
fn refuses_a_symlinked_folder() {
    let folder = Folder::new();
    folder.write("elsewhere/token", "abc");
    fs::create_dir(folder.path.join("sub")).expect("a new folder");
    symlink("../elsewhere", folder.path.join("sub/link")).expect("a link");
    assert_outside(&folder, "link/token");
    // Missing files have the same message, so that it does not reveal what exists.
    assert_outside(&folder, "link/none");
    assert_outside(&folder, "link/../secret");
}

#[test]
fn refuses_a_folder_whose_name_only_begins_with_an_allowed_name() {
    let folder = Folder::new();
    folder.write("subway/token", "abc");
    assert_outside(&folder, "../subway/token");
}

#[test]
fn etc_shadow_cannot_be_sent_as_a_token() {
    let folder = Folder::new();
    assert_outside(&folder, "/etc/shadow");
    let mut messages = String::new();
    add_case(&mut messages, "file", &refusal_of(&folder, "/etc/shadow", &policy()));
    let inline = refusal(super::read(&with_user("tokenFile: /etc/shadow")));
    add_case(&mut messages, "inline document", &inline);
    assert_snapshot!(messages);
    for (field, other) in [
        ("client-certificate", "client-key-data: YQ=="),
        ("client-key", "client-certificate-data: YQ=="),
    ] {
        let message = refusal(super::read(&with_user(&format!("{field}: /etc/shadow, {other}"))));
        assert!(message.contains(&format!("users[0].user.{field}: the file")), "{message}");
        assert!(message.contains("--flatten"), "{message}");
    }
    let ca = kubeconfig("server: 'https://h', certificate-authority: /etc/shadow", "");
    assert!(refusal(super::read(&ca)).contains("--flatten"));
}

#[test]
fn a_kubeconfig_in_a_shared_folder_names_no_files() {
    let mut messages = String::new();
    // Not only the real folder counts, but also the one in the path: /proc/self/cwd is in /proc.
    for place in ["/", "/etc/", "/proc/self/", "/tmp/", "/dev/", "/var/lib/", "/usr/share/"] {
        let path = format!("{place}missing-kubeconfig");
        let files = super::super::files::Files::new("k", Some(Path::new(&path)), &policy());
        let error = files.read("tokenFile", "./shadow").expect_err("must be refused");
        assert!(error.to_string().contains(OPTION), "{place}: {error}");
        add_case(&mut messages, place, &error.to_string());
    }
    assert_snapshot!(messages);
}

#[test]
fn refuses_proc_self_environ() {
    let folder = Folder::new();
    assert_outside(&folder, "/proc/self/environ");
    symlink("/proc/self/environ", folder.path.join("sub/environ")).expect("a link");
    assert_outside(&folder, "environ");
    let inline = refusal(super::read(&with_user("tokenFile: /proc/self/environ")));
    assert!(inline.contains("--flatten"), "{inline}");
}

#[test]
fn refuses_dev_zero() {
    let folder = Folder::new();
    assert_outside(&folder, "/dev/zero");
    let mut messages = String::new();
    let dev = Policy { credential_folders: vec!["/dev".to_owned()], ..policy() };
    add_case(&mut messages, "as a token file", &refusal_of(&folder, "/dev/zero", &dev));
    let kubeconfig = refusal(read_with("/dev/zero", None, &policy()));
    add_case(&mut messages, "as a kubeconfig", &kubeconfig);
    assert_snapshot!(messages);
}

#[test]
fn refuses_a_fifo_without_blocking() {
    let folder = Folder::new();
    fs::create_dir(folder.path.join("sub")).expect("a new folder");
    make_fifo(&folder.path.join("sub/token"));
    let message = refusal_of(&folder, "token", &policy());
    assert!(message.contains("\"token\" is not a regular file"), "{message}");
    make_fifo(&folder.path.join("config"));
    let message = refusal(folder.read("config", &policy()));
    assert!(message.contains("/config: is not a regular file"), "{message}");
}

#[test]
fn reports_files_that_cannot_be_read() {
    let folder = Folder::new();
    folder.write("sub/large", vec![b'x'; 1024 * 1024 + 1]);
    folder.write("sub/bytes", b"\xff\xfe\x00");
    folder.write("sub/empty", " \n");
    folder.write("sub/passwords", format!("root:{CANARY}\nbin:x\n"));
    fs::create_dir(folder.path.join("sub/folder")).expect("a new folder");
    let mut messages = String::new();
    for name in [
        "none.pem",
        "./none",
        "folder/none",
        "none",
        "n0ne",
        "folder",
        "large",
        "bytes",
        "empty",
        "passwords",
    ] {
        add_case(&mut messages, name, &refusal_of(&folder, name, &policy()));
    }
    assert_outside(&folder, ".");
    let with_nul = refusal(super::read(&with_user("tokenFile: \"a\\0b\"")));
    add_case(&mut messages, "a name with a NUL", &with_nul);
    for name in ["none", "sub"] {
        let message = refusal(folder.read(name, &policy()));
        let message = message.replace(text(&folder.path), "FOLDER");
        add_case(&mut messages, &format!("the kubeconfig {name}"), &message);
    }
    assert_snapshot!(messages);
}

#[test]
fn does_not_quote_a_secret_in_a_field_for_a_path() {
    let folder = Folder::new();
    let encoded = base64(EC_SEC1_KEY);
    for secret in [CANARY, "e30.eyJleHAiOjB9.c2lnbmF0dXJl", "ab/cd/Ef+gh", &encoded, EC_SEC1_KEY] {
        for field in ["tokenFile", "client-certificate-data: YQ==, client-key"] {
            let document = with_user(&format!("{field}: {}", serde_json::Value::from(secret)));
            folder.write("misplaced", &document);
            let in_a_file = folder.read("misplaced", &policy());
            for message in [refusal(super::read(&document)), refusal(in_a_file)] {
                assert!(message.contains("the file that it names "), "{message}");
                assert!(!message.contains(&secret[..8]), "{message}");
            }
        }
    }
}

#[test]
fn reports_a_kubeconfig_without_read_permission() {
    if rustix::process::geteuid().is_root() {
        gatherer_tests::skip!("root may read every file");
    }
    let folder = Folder::new();
    let path = folder.write("config", with_user("token: abc"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("its own file");
    let message = refusal(folder.read("config", &policy()));
    assert!(message.starts_with(&format!("kubeconfig {}: ", text(&path))), "{message}");
}

#[test]
fn the_operators_folders_are_allowed() {
    let folder = Folder::new();
    let token = folder.write("shared/deep/token", " abc\n");
    let allowed =
        |path: &Path| Policy { credential_folders: vec![text(path).to_owned()], ..policy() };
    let operators = allowed(&folder.path.join("shared"));
    folder.write("sub/config", with_user("tokenFile: ../shared/deep/token"));
    folder.read("sub/config", &operators).expect("a relative name");
    let absolute = with_user(&format!("tokenFile: {}", text(&token)));
    folder.write("sub/config", &absolute);
    let access = folder.read("sub/config", &operators).expect("an absolute name");
    assert_eq!(access.token_file.expect("a file").read().expect("read").expose_secret(), "abc");
    // The operator's folder may be a symbolic link.
    symlink("shared", folder.path.join("link")).expect("a link");
    folder.read("sub/config", &allowed(&folder.path.join("link"))).expect("the same folder");
    // A relative, missing or other folder does not allow the file.
    for folders in ["shared", "", ".", "/nowhere-at-all"] {
        let policy = Policy { credential_folders: vec![folders.to_owned()], ..policy() };
        assert!(refusal(folder.read("sub/config", &policy)).contains(OPTION), "{folders}");
    }
}

#[test]
fn an_inline_document_names_no_files_even_in_the_operators_folders() {
    let folder = Folder::new();
    let token = folder.write("shared/token", "abc");
    let ca = folder.write("shared/ca.crt", EC_CERT);
    let allowed = |path: &str| Policy { credential_folders: vec![path.to_owned()], ..policy() };
    let cluster = format!("server: 'https://h', certificate-authority: {}", text(&ca));
    for (document, name) in [
        (with_user(&format!("tokenFile: {}", text(&token))), text(&token)),
        (with_user("tokenFile: token"), "token"),
        (with_user("tokenFile: ./none"), "./none"),
        (kubeconfig(&cluster, ""), text(&ca)),
    ] {
        for folders in [text(&folder.path), "/", "."] {
            let message = refusal(read_with(&document, None, &allowed(folders)));
            // The hint does not name the operator's option, which would not help.
            assert!(message.contains(&format!("the file \"{name}\" ")), "{folders}: {message}");
            assert!(message.contains("--flatten") && !message.contains(OPTION), "{message}");
        }
    }
}

#[test]
fn a_symlinked_kubeconfig_may_name_files_in_both_folders() {
    let folder = Folder::new();
    folder.write("real/config", with_user("tokenFile: token"));
    folder.write("named/token", "abc");
    symlink("../real/config", folder.path.join("named/config")).expect("a link");
    folder.read("named/config", &policy()).expect("a file in the link's folder, as for kubectl");
    // A file in the real folder needs its absolute name.
    let token = folder.write("real/token", "def");
    folder.write("real/config", with_user(&format!("tokenFile: {}", text(&token))));
    folder.read("named/config", &policy()).expect("a file in the real folder");
}

#[test]
fn each_read_of_a_token_file_makes_the_same_checks() {
    let folder = Folder::new();
    let path = folder.write("token", "first\n");
    folder.write("config", with_user("token: '', tokenFile: token"));
    let access = folder.read("config", &policy()).expect("an empty token counts as absent");
    assert!(access.auth.token.is_none() && access.auth.token_file.is_none());
    let file = access.token_file.expect("a token file");
    assert_eq!(file.read().expect("read").expose_secret(), "first");
    fs::write(&path, "second").expect("the file can be written");
    assert_eq!(file.read().expect("read").expose_secret(), "second");
    fs::remove_file(&path).expect("the file can be removed");
    symlink("/etc/passwd", &path).expect("a link");
    let error = file.read().expect_err("a link out of the folder").to_string();
    assert!(error.contains(OPTION), "{error}");
}

#[test]
fn a_token_file_takes_precedence_over_a_token_if_it_can_be_read() {
    let folder = Folder::new();
    folder.write("token", "from-file");
    folder.write("config", with_user("token: from-document, tokenFile: token"));
    let access = folder.read("config", &policy()).expect("both are set");
    assert!(access.auth.token.is_none());
    let file = access.token_file.expect("a token file");
    assert_eq!(file.read().expect("read").expose_secret(), "from-file");
    for name in ["missing", "/etc/shadow"] {
        folder.write("config", with_user(&format!("token: from-document, tokenFile: {name}")));
        let access = folder.read("config", &policy()).expect("the token is used");
        assert_eq!(token(&access.auth), Some("from-document"));
        assert!(access.token_file.is_none());
        assert_eq!(access.warnings.len(), 1, "{name}: {:?}", access.warnings);
    }
}
