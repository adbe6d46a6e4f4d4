//! Checks the files that a URI names, and replaces known hosts by a private copy.
//!
//! libssh and libssh2 write to the file of known hosts that they get, and the user that runs the
//! program authenticates with the key that a request names. So both must be in folders that are meant
//! for such files, and the libraries get a private copy of the known hosts. The copy has no name in
//! the file system, and disappears with the worker in any case.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use gatherer_plugin_api::{GatherError, Policy};
use gatherer_plugin_support::file::{FileError, FoundFile};

use crate::uri::{Channel, Parameter, Uri};

/// The largest file of known hosts; enough for about 100,000 hosts.
const KNOWN_HOSTS_MAX_BYTES: usize = 16 * 1024 * 1024;
/// The largest key, certificate or certificate revocation list.
const CREDENTIAL_MAX_BYTES: usize = 1024 * 1024;

/// The files that libvirt opens in the folder of `pkipath`, if they exist.
const PKI_FILES: [&str; 4] = ["cacert.pem", "cacrl.pem", "clientcert.pem", "clientkey.pem"];
/// The suffixes of the files that ssh and libssh open beside a key, if they exist.
const KEY_FILE_SUFFIXES: [&str; 3] = [".pub", "-cert.pub", "-cert"];

/// The home folders of the user that runs the program.
#[derive(Debug, Clone, Default)]
pub struct HomeFolders {
    /// The home folder from the user database, which ssh and libssh use.
    pub login: Option<PathBuf>,
    /// The home folder from `HOME`, which libvirt uses. The operator or the Manager sets it.
    pub environment: Option<PathBuf>,
    /// The folder of libvirt's client configuration.
    pub libvirt: Option<PathBuf>,
}

impl HomeFolders {
    /// The home folders of the user that runs this process.
    pub fn of_current_user() -> Self {
        let absolute =
            |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
        let login = crate::ffi::home_of_user();
        let environment = std::env::var_os("HOME").and_then(absolute);
        let config = std::env::var_os("XDG_CONFIG_HOME").and_then(absolute);
        let home = environment.as_ref().or(login.as_ref());
        let config = config.or_else(|| home.map(|home| home.join(".config")));
        Self { libvirt: config.map(|config| config.join("libvirt")), login, environment }
    }

    /// The home folder that replaces `~`, and that messages mention.
    pub fn login(&self) -> Option<&Path> {
        self.login.as_deref().or(self.environment.as_deref())
    }
}

/// Copies that libvirt opens instead of the files that the URI names. Dropping this removes them.
#[derive(Debug, Default)]
pub struct PrivateCopies {
    known_hosts: Option<PrivateCopy>,
}

#[derive(Debug)]
struct PrivateCopy {
    /// The copy exists as long as this descriptor is open.
    _file: File,
    /// The path by which this process can open the copy.
    path: PathBuf,
    /// The name of the original file.
    original: String,
}

impl PrivateCopies {
    /// The error with the names of the original files, which the operator knows, not the copies'.
    pub fn restore_original_names(&self, error: GatherError) -> GatherError {
        let Some(file) = &self.known_hosts else { return error };
        let message = error.message.replace(&*file.path.to_string_lossy(), &file.original);
        GatherError { message, ..error }
    }
}

/// Checks the files that the URI names, and changes the URI to the files that libvirt opens.
pub fn prepare(
    uri: &mut Uri,
    policy: &Policy,
    homes: &HomeFolders,
) -> Result<PrivateCopies, GatherError> {
    let allowed = CredentialFolders::new(policy, homes);
    if let Some(name) = uri.value(Parameter::Keyfile) {
        let path = allowed.key(Parameter::Keyfile, name)?;
        if !uri.set_file(Parameter::Keyfile, &path) {
            return Err(file_error(
                Parameter::Keyfile,
                "is a link to a name with characters that are not allowed",
            ));
        }
    }
    if let Some(folder) = uri.value(Parameter::Pkipath) {
        check_pki(Path::new(folder))?;
    }
    let mut files = PrivateCopies::default();
    if let Channel::Libssh | Channel::Libssh2 = uri.channel() {
        let (original, contents) = known_hosts(uri, &allowed, homes)?;
        let copy = PrivateCopy::new(original, &contents)?;
        uri.set_file(Parameter::KnownHosts, &copy.path);
        files.known_hosts = Some(copy);
    }
    Ok(files)
}

/// The path that users write for an empty list of known hosts.
const NO_FILE: &str = "/dev/null";

/// The name and contents of the file of known hosts that libvirt would read.
fn known_hosts(
    uri: &Uri,
    allowed: &CredentialFolders,
    homes: &HomeFolders,
) -> Result<(String, Vec<u8>), GatherError> {
    let Some(name) = uri.value(Parameter::KnownHosts) else {
        // Without the parameter libvirt reads its own file, which may be missing.
        let Some(path) = homes.libvirt.as_ref().map(|folder| folder.join("known_hosts")) else {
            return Ok(("known_hosts".to_owned(), Vec::new()));
        };
        let name = path.display().to_string();
        let accepts_any = uri.value(Parameter::KnownHostsVerify) == Some("ignore");
        let is_no_file = path.canonicalize().is_ok_and(|path| path == Path::new(NO_FILE));
        return match gatherer_plugin_support::file::read(&path, KNOWN_HOSTS_MAX_BYTES) {
            Ok(bytes) => Ok((name, bytes)),
            Err(FileError::NotFound) => Ok((name, Vec::new())),
            Err(_) if accepts_any || is_no_file => Ok((name, Vec::new())),
            Err(error) => Err(GatherError::configuration(format!(
                "libvirt's known hosts file {name} {error}"
            ))),
        };
    };
    if name == NO_FILE {
        return Ok((name.to_owned(), Vec::new()));
    }
    let parameter = Parameter::KnownHosts;
    let is_required = matches!(uri.value(Parameter::KnownHostsVerify), None | Some("normal"));
    let bytes = match allowed.find(parameter, name)? {
        Some(found) => found
            .read(KNOWN_HOSTS_MAX_BYTES)
            .map_err(|error| file_error(parameter, &error.to_string()))?,
        None if is_required => return Err(file_error(parameter, &FileError::NotFound.to_string())),
        // A URI that accepts unknown hosts does not need the file.
        None => Vec::new(),
    };
    Ok((name.to_owned(), bytes))
}

impl PrivateCopy {
    /// Writes a file in memory. Programs that this process starts do not inherit it.
    fn new(original: String, contents: &[u8]) -> Result<Self, GatherError> {
        let failed = |error: std::io::Error| {
            GatherError::internal(format!("the file of known hosts cannot be copied: {error}"))
        };
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let mut file = rustix::fs::memfd_create("known_hosts", flags)
            .map(File::from)
            .map_err(|error| failed(error.into()))?;
        file.write_all(contents).map_err(failed)?;
        // Opening this path gives a new descriptor that starts at the first byte.
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok(Self { _file: file, path, original })
    }
}

/// Checks that the files in the folder of `pkipath` are regular files. libvirt itself reports
/// missing ones.
fn check_pki(folder: &Path) -> Result<(), GatherError> {
    for name in PKI_FILES {
        match FoundFile::find(&folder.join(name))
            .and_then(|found| found.check(CREDENTIAL_MAX_BYTES))
        {
            Ok(_) | Err(FileError::NotFound | FileError::PermissionDenied(_)) => {}
            Err(error) => {
                return Err(GatherError::configuration(format!(
                    "the parameter uri cannot be used: {name} in the folder of its parameter \
                     pkipath {error}"
                )));
            }
        }
    }
    Ok(())
}

/// The error of the file that a parameter of the URI names. `problem` is a predicate: "is missing".
fn file_error(parameter: Parameter, problem: &str) -> GatherError {
    GatherError::configuration(format!(
        "the parameter uri cannot be used: the file of its parameter {} {problem}",
        parameter.name()
    ))
}

/// The folders in which keys and known hosts are allowed, at any depth.
struct CredentialFolders {
    home: Option<PathBuf>,
    folders: Vec<PathBuf>,
    hint: String,
}

impl CredentialFolders {
    fn new(policy: &Policy, homes: &HomeFolders) -> Self {
        let home = homes.login().map(Path::to_path_buf);
        let ssh = [&homes.login, &homes.environment].into_iter().flatten();
        let folders = policy
            .credential_folders
            .iter()
            .map(PathBuf::from)
            .chain(ssh.map(|home| home.join(".ssh")))
            // A relative folder would depend on the working directory.
            .filter(|folder| folder.is_absolute())
            .filter_map(|folder| folder.canonicalize().ok())
            .collect();
        let ssh = home.as_ref().map_or_else(|| "~/.ssh".into(), |home| home.join(".ssh"));
        let hint = format!(
            "put it into {}, or name its folder in credential_folders in {}",
            ssh.display(),
            policy.config_file
        );
        Self { home, folders, hint }
    }

    /// Whether a path without links is inside one of the folders.
    fn contain(&self, real: &Path) -> bool {
        self.folders.iter().any(|folder| real.starts_with(folder) && real != folder)
    }

    /// Finds a file; `None` if it is missing in an allowed folder. For other folders the error does
    /// not reveal whether the file exists.
    fn find(&self, parameter: Parameter, name: &str) -> Result<Option<FoundFile>, GatherError> {
        let path = match (name.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(name),
        };
        let not_allowed =
            || file_error(parameter, "is not in an allowed folder").with_hint(&*self.hint);
        let found = FoundFile::find(&path);
        let real = match &found {
            Ok(found) => found.real_path().ok(),
            Err(_) => path
                .parent()
                .zip(path.file_name())
                .and_then(|(folder, name)| Some(folder.canonicalize().ok()?.join(name))),
        };
        if !real.is_some_and(|real| self.contain(&real)) {
            return Err(not_allowed());
        }
        match found {
            Ok(found) => Ok(Some(found)),
            Err(FileError::NotFound) => Ok(None),
            Err(error) => Err(file_error(parameter, &error.to_string())),
        }
    }

    /// Checks a private key, and returns its path without links. Does not read the key.
    fn key(&self, parameter: Parameter, name: &str) -> Result<PathBuf, GatherError> {
        let file_error = |problem: &str| file_error(parameter, problem);
        let io = |error: FileError| file_error(&error.to_string());
        let found = self.find(parameter, name)?.ok_or_else(|| io(FileError::NotFound))?;
        found.check(CREDENTIAL_MAX_BYTES).map_err(io)?;
        check_owner(&found.metadata().map_err(io)?).map_err(|problem| file_error(&problem))?;
        let real = found.real_path().map_err(io)?;
        let folder = real.parent().unwrap_or(Path::new("/"));
        let metadata = std::fs::metadata(folder).map_err(|error| io(error.into()))?;
        check_owner(&metadata)
            .map_err(|problem| file_error(&format!("is in a folder that {problem}")))?;
        for suffix in KEY_FILE_SUFFIXES {
            let mut companion = real.clone().into_os_string();
            companion.push(suffix);
            let checked = FoundFile::find(Path::new(&companion));
            match checked.and_then(|found| found.check(CREDENTIAL_MAX_BYTES)) {
                Ok(_) | Err(FileError::NotFound | FileError::PermissionDenied(_)) => {}
                Err(error) => {
                    return Err(file_error(&format!("has a companion file {suffix} that {error}")));
                }
            }
        }
        Ok(real)
    }
}

/// Checks that only root and the user that runs the program can write the file or folder. The same
/// rule applies to plugins and to the operator's file.
fn check_owner(metadata: &Metadata) -> Result<(), String> {
    let user = rustix::process::geteuid().as_raw();
    if ![0, user].contains(&metadata.uid()) {
        return Err(format!(
            "belongs to user {}, not to root or the user that runs the program",
            metadata.uid()
        ));
    }
    if metadata.mode() & 0o002 != 0 {
        return Err("is writable by everybody".to_owned());
    }
    let own_group = if metadata.uid() == user { rustix::process::getegid().as_raw() } else { 0 };
    if metadata.mode() & 0o020 != 0 && metadata.gid() != own_group {
        return Err(format!("is writable by group {}", metadata.gid()));
    }
    Ok(())
}

/// The largest file that the test driver may read.
const TEST_FILE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Checks that the test driver's file is a regular file of limited size. libvirt reads it without
/// such checks: it would wait forever for a FIFO and use any amount of memory.
pub fn check_test_file(uri: &Uri) -> Result<(), GatherError> {
    let Some(path) = uri.test_file() else { return Ok(()) };
    FoundFile::find(path)
        .and_then(|found| found.check(TEST_FILE_MAX_BYTES))
        .map(drop)
        .map_err(|error| GatherError::configuration(format!("{uri}: the file {error}")))
}

#[cfg(test)]
mod files_tests;
