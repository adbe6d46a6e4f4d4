//! The files that a kubeconfig names: only those that lie where they may, and only plain ones.
//! A kubeconfig is uploaded by somebody; it must not be able to send a file of this machine away.

use std::path::{Component, Path, PathBuf};

use gatherer_plugin_api::{GatherError, Policy};
use gatherer_plugin_support::file::FoundFile;

use super::view::{error, shown};

/// The largest file that is read.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Folders that hold so much of a machine that a kubeconfig in one of them says nothing about
/// the other files there: those need the operator's word.
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

/// Folders whose files are not files, with all that is below them.
const SYSTEM_FOLDERS: [&str; 3] = ["/dev", "/proc", "/sys"];

/// What names of files with certificates, keys and tokens end with.
const EXTENSIONS: [&str; 7] = ["pem", "crt", "cer", "cert", "key", "token", "txt"];

/// The longest name that is quoted of a file that was not found.
const LONGEST_NAME: usize = 255;

/// Where the files of one kubeconfig may lie.
#[derive(Debug, Clone)]
pub struct Files {
    origin: String,
    config_file: String,
    /// Where relative names start; an inline document has none.
    base: Option<PathBuf>,
    /// Whether the kubeconfig's folder counts as its own.
    own: bool,
    /// Canonical folders: what a file's real name must begin with. For an inline document none:
    /// somebody sent it, who has no files here.
    allowed: Vec<PathBuf>,
}

impl Files {
    /// For a kubeconfig file, or an inline document if there is none.
    pub fn new(origin: &str, kubeconfig: Option<&Path>, policy: &Policy) -> Self {
        // The folder that its name says, in which kubectl looks, and the one in which it really
        // lies if its name is a link. Who can put links there can put files there.
        let base = kubeconfig.and_then(Path::parent).map(Path::to_path_buf);
        let real = kubeconfig.and_then(|path| path.canonicalize().ok());
        let real = real.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let own = base.iter().cloned().chain(real).filter_map(|folder| folder.canonicalize().ok());
        let mut allowed: Vec<PathBuf> = own.filter(|folder| is_own(folder)).collect();
        let own = !allowed.is_empty();
        let operators = policy.credential_folders.iter().map(Path::new);
        let operators = operators.filter(|_| kubeconfig.is_some());
        allowed.extend(
            // A relative folder would depend on where the program was started.
            operators
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

    /// Reads a file that a field names.
    pub fn read(&self, field: &str, name: &str) -> Result<Vec<u8>, GatherError> {
        let fault = |file: &str, what: &str| {
            error(&self.origin, format_args!("{field}: the file {file} {what}"))
        };
        if name.contains('\0') {
            return Err(fault(&self.called(name), "cannot exist: its name holds a NUL"));
        }
        let Some(folder) = &self.base else { return Err(self.refusal(field, name)) };
        // An absolute name takes the folder's place.
        let path = folder.join(name);
        let found = FoundFile::find(&path).and_then(|found| Ok((found.real_path()?, found)));
        let found = match found {
            Ok((real, found)) if self.allows(&real) => found,
            // Whether a file exists that may not be read is not told either.
            Ok(_) => return Err(self.refusal(field, name)),
            Err(_) if !self.allows_absent(&path) => return Err(self.refusal(field, name)),
            Err(error) => return Err(fault(&self.called(name), &error.to_string())),
        };
        found.read(MAX_BYTES).map_err(|error| fault(&shown(name), &error.to_string()))
    }

    /// How messages call a file that was not found. What stands where a path belongs may be a
    /// secret itself, a key in `client-key` instead of `client-key-data` for example; so it is
    /// quoted only if it looks like a path.
    fn called(&self, name: &str) -> String {
        let rooted = ["/", "./", "../"].iter().any(|start| name.starts_with(start));
        // No token and no base64 has only small letters.
        let words = name.chars().all(|c| c.is_ascii_lowercase() || "-_./".contains(c));
        let suffixed = Path::new(name)
            .extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|own| extension == *own));
        // Only beside the kubeconfig: what exists elsewhere is not told.
        let beside = || match &self.base {
            Some(base) if self.own => {
                let first = name.split('/').next().unwrap_or_default();
                base.join(first).symlink_metadata().is_ok()
            }
            _ => false,
        };
        let like_a_path = rooted || words || suffixed || name.contains("/../") || beside();
        let odd = name.contains(|c: char| c.is_control() || "+=".contains(c));
        if like_a_path && !odd && name.len() <= LONGEST_NAME {
            shown(name)
        } else {
            "that it names".to_owned()
        }
    }

    /// Where a relative command starts.
    pub fn base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    fn allows(&self, real: &Path) -> bool {
        self.allowed.iter().any(|folder| real.starts_with(folder) && real != folder)
    }

    /// Whether a file that cannot be opened would lie in an allowed folder: the deepest folder
    /// above it that exists does, and the rest leads nowhere else.
    fn allows_absent(&self, path: &Path) -> bool {
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
            (None, _) => "may not be named by a kubeconfig that is given as text",
            (Some(_), true) => "does not lie in the kubeconfig's folder",
            (Some(_), false) => "may not be named by a kubeconfig in a folder of the whole system",
        };
        let hint = match &self.base {
            None => format!("put the contents into the document ({flatten})"),
            Some(_) => format!(
                "put the contents into the kubeconfig ({flatten}), or name the file's folder in \
                 credential_folders in {}",
                self.config_file
            ),
        };
        error(&self.origin, format_args!("{field}: the file {} {why}", self.called(name)))
            .with_hint(hint)
    }
}

/// Whether the files beside a kubeconfig in this folder can be taken for its own.
fn is_own(folder: &Path) -> bool {
    !SHARED_FOLDERS.iter().any(|shared| folder == Path::new(shared))
        && !SYSTEM_FOLDERS.iter().any(|system| folder.starts_with(system))
}
