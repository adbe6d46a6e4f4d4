//! Access to the files that a kubeconfig names: only regular files in allowed folders. A kubeconfig
//! may be uploaded by an untrusted user, and must not be able to send a file of this machine away.

use std::path::{Component, Path, PathBuf};

use gatherer_plugin_api::{GatherError, Policy};
use gatherer_plugin_support::file::FoundFile;

use super::config_node::{error, shown};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Folders that many programs share. The other files in such a folder do not belong to a kubeconfig
/// there, so the operator must allow them.
const SHARED_FOLDERS: [&str; 22] = [
    "/",
    "/boot",
    "/etc",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/run",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/lib",
    "/usr/local",
    "/usr/local/etc",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/local",
    "/var/log",
    "/var/spool",
    "/var/tmp",
];

/// Pseudo file systems; the folders below them are excluded too.
const SYSTEM_FOLDERS: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Usual extensions of files with certificates, keys and tokens.
const EXTENSIONS: [&str; 7] = ["pem", "crt", "cer", "cert", "key", "token", "txt"];

/// The longest name of a missing file that a message quotes, in bytes.
const LONGEST_NAME: usize = 255;

/// The folders whose files one kubeconfig may name.
#[derive(Debug, Clone)]
pub struct Files {
    origin: String,
    /// The path of the operator's file, for hints.
    config_file: String,
    /// The folder that relative names start from; `None` for an inline document.
    base: Option<PathBuf>,
    /// Whether the kubeconfig's folder is allowed, because it is not a shared folder.
    own: bool,
    /// The allowed folders, canonical. Empty for an inline document: its author is a user of the
    /// Manager, who has no files on this machine.
    allowed: Vec<PathBuf>,
}

impl Files {
    /// For a kubeconfig file, or for an inline document if `kubeconfig` is `None`.
    pub fn new(origin: &str, kubeconfig: Option<&Path>, policy: &Policy) -> Self {
        // Two folders: the one in the kubeconfig's path, which kubectl uses, and the real one if the
        // path is a symbolic link. A user who can create the link could also create files there.
        let base = kubeconfig.and_then(Path::parent).map(Path::to_path_buf);
        let real = kubeconfig.and_then(|path| path.canonicalize().ok());
        let real = real.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let own = base.iter().cloned().chain(real).filter_map(|folder| folder.canonicalize().ok());
        let mut allowed: Vec<PathBuf> = own.filter(|folder| is_own(folder)).collect();
        let own = !allowed.is_empty();
        let configured = policy.credential_folders.iter().map(Path::new);
        let configured = configured.filter(|_| kubeconfig.is_some());
        allowed.extend(
            // A relative folder would depend on the program's working directory.
            configured
                .filter(|folder| folder.is_absolute())
                .filter_map(|folder| folder.canonicalize().ok()),
        );
        Self {
            origin: origin.to_owned(),
            config_file: policy.config_file.clone(),
            base,
            own,
            allowed,
        }
    }

    /// For the files below a folder that the kubelet mounts into the pod.
    pub fn below(origin: &str, folder: &Path) -> Self {
        Self {
            origin: origin.to_owned(),
            config_file: String::new(),
            base: Some(folder.to_owned()),
            own: true,
            allowed: folder.canonicalize().into_iter().collect(),
        }
    }

    /// Reads a file that a field names.
    pub fn read(&self, field: &str, name: &str) -> Result<Vec<u8>, GatherError> {
        let failure = |file: &str, why: &str| {
            error(&self.origin, format_args!("{field}: the file {file} {why}"))
        };
        if name.contains('\0') {
            return Err(failure(&self.shown_name(name), "cannot exist: its name contains a NUL"));
        }
        let Some(folder) = &self.base else { return Err(self.refusal(field, name)) };
        // `join` with an absolute name returns that name.
        let path = folder.join(name);
        let found = FoundFile::find(&path).and_then(|found| Ok((found.real_path()?, found)));
        let found = match found {
            Ok((real, found)) if self.allows(&real) => found,
            // The error is the same whether or not the forbidden file exists.
            Ok(_) => return Err(self.refusal(field, name)),
            Err(_) if !self.allows_missing(&path) => return Err(self.refusal(field, name)),
            Err(error) => return Err(failure(&self.shown_name(name), &error.to_string())),
        };
        found.read(MAX_BYTES).map_err(|error| failure(&shown(name), &error.to_string()))
    }

    /// The name of a missing file, for messages. A field for a path may contain a secret by mistake,
    /// for example a key in `client-key` instead of `client-key-data`. So the name is quoted only if
    /// it looks like a path.
    fn shown_name(&self, name: &str) -> String {
        let is_rooted = ["/", "./", "../"].iter().any(|start| name.starts_with(start));
        // Tokens and base64 contain more than lower-case letters.
        let is_words = name.chars().all(|c| c.is_ascii_lowercase() || "-_./".contains(c));
        let has_extension = Path::new(name)
            .extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
        // Only in the kubeconfig's own folder: the message must not reveal what exists elsewhere.
        let is_beside = || match &self.base {
            Some(base) if self.own => {
                let first = name.split('/').next().unwrap_or_default();
                base.join(first).symlink_metadata().is_ok()
            }
            _ => false,
        };
        let looks_like_path =
            is_rooted || is_words || has_extension || name.contains("/../") || is_beside();
        let is_unusual = name.contains(|c: char| c.is_control() || "+=".contains(c));
        if looks_like_path && !is_unusual && name.len() <= LONGEST_NAME {
            shown(name)
        } else {
            "that it names".to_owned()
        }
    }

    /// The folder that relative names start from.
    pub fn base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    fn allows(&self, real: &Path) -> bool {
        self.allowed.iter().any(|folder| real.starts_with(folder) && real != folder)
    }

    /// Whether a file that cannot be opened would be in an allowed folder: the deepest existing
    /// folder above it is allowed, and the rest of the path does not leave it.
    fn allows_missing(&self, path: &Path) -> bool {
        for folder in path.ancestors().skip(1) {
            if let Ok(real) = folder.canonicalize() {
                let rest = path.strip_prefix(folder).unwrap_or(path);
                let inside = rest.components().all(|part| matches!(part, Component::Normal(_)));
                return inside && self.allows(&real.join(rest));
            }
        }
        false
    }

    fn refusal(&self, field: &str, name: &str) -> GatherError {
        let flatten = "kubectl config view --flatten";
        let why = match (&self.base, self.own) {
            (None, _) => "is not allowed: an inline kubeconfig must not name files",
            (Some(_), true) => "is outside the kubeconfig's folder",
            (Some(_), false) => {
                "is not allowed: a kubeconfig in a shared system folder must not name files"
            }
        };
        let hint = match &self.base {
            None => format!("put the contents into the document ({flatten})"),
            Some(_) => format!(
                "put the contents into the kubeconfig ({flatten}), or add the file's folder to \
                 credential_folders in {}",
                self.config_file
            ),
        };
        error(&self.origin, format_args!("{field}: the file {} {why}", self.shown_name(name)))
            .with_hint(hint)
    }
}

/// Whether the files in this folder can be assumed to belong to a kubeconfig in it.
fn is_own(folder: &Path) -> bool {
    !SHARED_FOLDERS.iter().any(|shared| folder == Path::new(shared))
        && !SYSTEM_FOLDERS.iter().any(|system| folder.starts_with(system))
}
