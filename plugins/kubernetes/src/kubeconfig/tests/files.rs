//! Files: which may be named, and what is tried with them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use gatherer_plugin_api::Policy;
use rustix::fs::{FileType, Mode};
use secrecy::ExposeSecret as _;

use super::super::read_with;
use super::{
    CANARY, EC_CERT, EC_SEC1_KEY, Folder, base64, kubeconfig, policy, refused, text, with_user,
};

const HINT: &str = "(put the contents into the kubeconfig (kubectl config view --flatten), or name \
                    the file's folder in credential_folders in /etc/vhg/config.toml)";

const INLINE_HINT: &str = "(put the contents into the document (kubectl config view --flatten))";

fn make_fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .expect("a FIFO");
}

/// What a kubeconfig in `sub/` of a folder says to a token file of this name.
fn said_of(folder: &Folder, name: &str, policy: &Policy) -> String {
    folder.write("sub/config", with_user(&format!("tokenFile: '{name}'")));
    let said = refused(folder.read("sub/config", policy));
    let origin = format!("kubeconfig {}/sub/config: users[0].user.tokenFile: ", text(&folder.path));
    let said = said.strip_prefix(&origin).unwrap_or_else(|| panic!("{said}"));
    said.replace(text(&folder.path), "FOLDER")
}

fn outside(name: &str) -> String {
    format!("the file \"{name}\" does not lie in the kubeconfig's folder {HINT}")
}

#[test]
fn files_beside_and_below_the_kubeconfig_are_read() {
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
    let access = folder.read("config", &policy()).expect("all are its own");
    assert_eq!(access.ca.as_deref(), Some(EC_CERT.as_bytes()));
    assert!(access.auth.client_certificate_data.is_some() && access.auth.client_key_data.is_some());
    assert!(access.auth.client_certificate.is_none() && access.auth.client_key.is_none());
}

#[test]
fn a_dotdot_path_out_of_the_folder_is_refused() {
    let folder = Folder::new();
    folder.write("token", "abc");
    folder.write("sub/own", "abc");
    assert_eq!(said_of(&folder, "../token", &policy()), outside("../token"));
    assert_eq!(said_of(&folder, "x/../../token", &policy()), outside("x/../../token"));
    assert_eq!(said_of(&folder, "../sub-not/../token", &policy()), outside("../sub-not/../token"));
    // Out and in again is in.
    folder.write("sub/config", with_user("tokenFile: ../sub/own"));
    folder.read("sub/config", &policy()).expect("it lies in the folder");
}

#[test]
fn a_symlink_out_is_refused() {
    let folder = Folder::new();
    folder.write("secret", "abc");
    folder.write("sub/own", "abc");
    symlink("../secret", folder.path.join("sub/token")).expect("a link");
    symlink("/etc/shadow", folder.path.join("sub/shadow")).expect("a link");
    symlink("own", folder.path.join("sub/inside")).expect("a link");
    assert_eq!(said_of(&folder, "token", &policy()), outside("token"));
    assert_eq!(said_of(&folder, "shadow", &policy()), outside("shadow"));
    folder.write("sub/config", with_user("tokenFile: inside"));
    folder.read("sub/config", &policy()).expect("a link that stays inside");
}

#[test]
fn a_symlinked_folder_is_refused() {
    let folder = Folder::new();
    folder.write("elsewhere/token", "abc");
    fs::create_dir(folder.path.join("sub")).expect("made");
    symlink("../elsewhere", folder.path.join("sub/link")).expect("a link");
    assert_eq!(said_of(&folder, "link/token", &policy()), outside("link/token"));
    // What is missing there is not told from what is there.
    assert_eq!(said_of(&folder, "link/none", &policy()), outside("link/none"));
    assert_eq!(said_of(&folder, "link/../secret", &policy()), outside("link/../secret"));
}

#[test]
fn a_folder_whose_name_begins_alike_is_another() {
    let folder = Folder::new();
    folder.write("subway/token", "abc");
    assert_eq!(said_of(&folder, "../subway/token", &policy()), outside("../subway/token"));
}

#[test]
fn etc_shadow_cannot_be_sent_as_a_token() {
    let folder = Folder::new();
    assert_eq!(said_of(&folder, "/etc/shadow", &policy()), outside("/etc/shadow"));
    let inline = refused(super::read(&with_user("tokenFile: /etc/shadow")));
    assert_eq!(
        inline,
        format!(
            "the kubeconfig: users[0].user.tokenFile: the file \"/etc/shadow\" may not be named by \
             a kubeconfig that is given as text {INLINE_HINT}"
        )
    );
    for (field, other) in [
        ("client-certificate", "client-key-data: YQ=="),
        ("client-key", "client-certificate-data: YQ=="),
    ] {
        let said = refused(super::read(&with_user(&format!("{field}: /etc/shadow, {other}"))));
        assert!(said.contains(&format!("users[0].user.{field}: the file")), "{said}");
        assert!(said.ends_with(INLINE_HINT), "{said}");
    }
    let ca = kubeconfig("server: 'https://h', certificate-authority: /etc/shadow", "");
    assert!(refused(super::read(&ca)).ends_with(INLINE_HINT));
}

#[test]
fn a_kubeconfig_in_a_folder_of_the_system_names_no_files() {
    let folder = Folder::new();
    // The folder of a link counts as well as that of the file; /proc/self/cwd lies in /proc.
    for place in ["/", "/etc/", "/proc/self/", "/tmp/", "/dev/", "/var/lib/", "/usr/share/"] {
        let path = format!("{place}kubeconfig-that-is-not-there");
        let files = super::super::files::Files::new("k", Some(Path::new(&path)), &policy());
        let said = files.read("tokenFile", "./shadow").expect_err("refused").to_string();
        let why = "may not be named by a kubeconfig in a folder of the whole system";
        assert_eq!(said, format!("k: tokenFile: the file \"./shadow\" {why} {HINT}"), "{place}");
    }
    drop(folder);
}

#[test]
fn proc_self_environ_is_refused() {
    let folder = Folder::new();
    assert_eq!(said_of(&folder, "/proc/self/environ", &policy()), outside("/proc/self/environ"));
    symlink("/proc/self/environ", folder.path.join("sub/environ")).expect("a link");
    assert_eq!(said_of(&folder, "environ", &policy()), outside("environ"));
    let inline = refused(super::read(&with_user("tokenFile: /proc/self/environ")));
    assert!(inline.ends_with(INLINE_HINT), "{inline}");
}

#[test]
fn dev_zero_is_refused() {
    let folder = Folder::new();
    assert_eq!(said_of(&folder, "/dev/zero", &policy()), outside("/dev/zero"));
    let dev = Policy { credential_folders: vec!["/dev".to_owned()], ..policy() };
    assert_eq!(said_of(&folder, "/dev/zero", &dev), "the file \"/dev/zero\" is not a regular file");
    let said = refused(read_with("/dev/zero", None, &policy()));
    assert_eq!(said, "kubeconfig /dev/zero: is not a regular file");
}

#[test]
fn a_fifo_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    fs::create_dir(folder.path.join("sub")).expect("made");
    make_fifo(&folder.path.join("sub/token"));
    assert_eq!(said_of(&folder, "token", &policy()), "the file \"token\" is not a regular file");
    make_fifo(&folder.path.join("config"));
    let said = refused(folder.read("config", &policy()));
    assert!(said.ends_with("/config: is not a regular file"), "{said}");
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = Folder::new();
    folder.write("sub/large", vec![b'x'; 1024 * 1024 + 1]);
    folder.write("sub/bytes", b"\xff\xfe\x00");
    folder.write("sub/empty", " \n");
    folder.write("sub/passwords", format!("root:{CANARY}\nbin:x\n"));
    fs::create_dir(folder.path.join("sub/folder")).expect("made");
    for (name, sentence) in [
        ("none.pem", "the file \"none.pem\" does not exist"),
        ("./none", "the file \"./none\" does not exist"),
        ("folder/none", "the file \"folder/none\" does not exist"),
        ("none", "the file \"none\" does not exist"),
        ("n0ne", "the file that it names does not exist"),
        ("folder", "the file \"folder\" is a folder"),
        ("large", "the file \"large\" is larger than 1 MiB"),
        ("bytes", "the file holds something else than a token"),
        ("empty", "the file is empty"),
        (
            "passwords",
            "the file holds a line break, a blank or another character that no token has",
        ),
        (".", &outside(".")),
    ] {
        assert_eq!(said_of(&folder, name, &policy()), sentence, "{name}");
    }
    let nul = refused(super::read(&with_user("tokenFile: \"a\\0b\"")));
    assert!(nul.ends_with("the file that it names cannot exist: its name holds a NUL"), "{nul}");
    for (name, sentence) in [("none", "does not exist"), ("sub", "is a folder")] {
        let said = refused(folder.read(name, &policy()));
        assert_eq!(said, format!("kubeconfig {}/{name}: {sentence}", text(&folder.path)));
    }
}

#[test]
fn a_secret_where_a_path_belongs_is_not_quoted() {
    let folder = Folder::new();
    let encoded = base64(EC_SEC1_KEY);
    for secret in [CANARY, "e30.eyJleHAiOjB9.c2lnbmF0dXJl", "ab/cd/Ef+gh", &encoded, EC_SEC1_KEY] {
        for field in ["tokenFile", "client-certificate-data: YQ==, client-key"] {
            let document = with_user(&format!("{field}: {}", serde_json::Value::from(secret)));
            folder.write("misplaced", &document);
            let in_a_file = folder.read("misplaced", &policy());
            for said in [refused(super::read(&document)), refused(in_a_file)] {
                assert!(said.contains("the file that it names "), "{said}");
                assert!(!said.contains(&secret[..8]), "{said}");
            }
        }
    }
}

#[test]
fn a_kubeconfig_that_may_not_be_read_is_told() {
    if rustix::process::geteuid().is_root() {
        gatherer_tests::skip!("root may read every file");
    }
    let folder = Folder::new();
    let path = folder.write("config", with_user("token: abc"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("set");
    let said = refused(folder.read("config", &policy()));
    assert_eq!(said, format!("kubeconfig {}: cannot be read: permission denied", text(&path)));
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
    // A folder that the operator names by a link.
    symlink("shared", folder.path.join("link")).expect("a link");
    folder.read("sub/config", &allowed(&folder.path.join("link"))).expect("the same folder");
    // Relative, missing or another's folders allow nothing.
    for folders in ["shared", "", ".", "/nowhere-at-all"] {
        let policy = Policy { credential_folders: vec![folders.to_owned()], ..policy() };
        assert!(refused(folder.read("sub/config", &policy)).ends_with(HINT), "{folders}");
    }
}

#[test]
fn an_inline_document_names_no_file_not_even_in_the_operators_folders() {
    let folder = Folder::new();
    let token = folder.write("shared/token", "abc");
    let ca = folder.write("shared/ca.crt", EC_CERT);
    let allowed = |path: &str| Policy { credential_folders: vec![path.to_owned()], ..policy() };
    let cluster = format!("server: 'https://h', certificate-authority: {}", text(&ca));
    let why = "may not be named by a kubeconfig that is given as text";
    for (document, name) in [
        (with_user(&format!("tokenFile: {}", text(&token))), text(&token)),
        (with_user("tokenFile: token"), "token"),
        (with_user("tokenFile: ./none"), "./none"),
        (kubeconfig(&cluster, ""), text(&ca)),
    ] {
        for folders in [text(&folder.path), "/", "."] {
            let said = refused(read_with(&document, None, &allowed(folders)));
            let said = said.split_once(": the file ").expect("names the file").1;
            assert_eq!(said, format!("\"{name}\" {why} {INLINE_HINT}"), "{folders}");
        }
    }
}

#[test]
fn a_kubeconfig_that_is_a_link_has_the_folders_of_both_its_names() {
    let folder = Folder::new();
    folder.write("real/config", with_user("tokenFile: token"));
    folder.write("named/token", "abc");
    symlink("../real/config", folder.path.join("named/config")).expect("a link");
    folder.read("named/config", &policy()).expect("as kubectl looks for it");
    // What the real one has beside it is found only by its own name.
    let token = folder.write("real/token", "def");
    folder.write("real/config", with_user(&format!("tokenFile: {}", text(&token))));
    folder.read("named/config", &policy()).expect("it lies beside the real one");
}

#[test]
fn a_token_file_is_read_anew_under_the_same_checks() {
    let folder = Folder::new();
    let path = folder.write("token", "first\n");
    folder.write("config", with_user("token: '', tokenFile: token"));
    let access = folder.read("config", &policy()).expect("an empty token hides no file");
    assert!(access.auth.token.is_none() && access.auth.token_file.is_none());
    let file = access.token_file.expect("a token file");
    assert_eq!(file.read().expect("read").expose_secret(), "first");
    fs::write(&path, "second").expect("written");
    assert_eq!(file.read().expect("read").expose_secret(), "second");
    fs::remove_file(&path).expect("removed");
    symlink("/etc/passwd", &path).expect("a link");
    let error = file.read().expect_err("a link out").to_string();
    assert!(error.ends_with(HINT), "{error}");
}
