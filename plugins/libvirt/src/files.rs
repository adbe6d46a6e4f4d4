//! The files that a URI names: where they may lie, and what libvirt is given instead of them.
//!
//! libssh and libssh2 write to the file of known hosts that they are given, and a key that a request
//! names is used by the user who runs the program. So both may lie only in folders that are meant for
//! that, and the libraries get a private copy of the known hosts, which has no name in any folder
//! and ends with the worker, however that ends.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use gatherer_plugin_api::{GatherError, Policy};
use gatherer_plugin_support::file::{FileError, FoundFile};

use crate::uri::{Parameter, Uri, Way};

/// The largest file of known hosts: some 100,000 hosts.
const KNOWN_HOSTS_MAX_BYTES: usize = 16 * 1024 * 1024;
/// The largest key, certificate or list of revoked certificates.
const CREDENTIAL_MAX_BYTES: usize = 1024 * 1024;

/// What libvirt opens in the folder that `pkipath` names, as far as it is there.
const PKI_FILES: [&str; 4] = ["cacert.pem", "cacrl.pem", "clientcert.pem", "clientkey.pem"];
/// What ssh and libssh open beside a key, as far as it is there.
const BESIDE_KEY: [&str; 3] = [".pub", "-cert.pub", "-cert"];

/// The home folders of the user who runs the program.
#[derive(Debug, Clone, Default)]
pub struct Homes {
    /// That of the list of users, which ssh and libssh use.
    pub login: Option<PathBuf>,
    /// That of the environment, which libvirt uses. The operator or the Manager has set it.
    pub environment: Option<PathBuf>,
    /// The folder of libvirt's own configuration.
    pub libvirt: Option<PathBuf>,
}

impl Homes {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        let absolute =
            |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
        let login = crate::ffi::home_of_user();
        let environment = std::env::var_os("HOME").and_then(absolute);
        let config = std::env::var_os("XDG_CONFIG_HOME").and_then(absolute);
        let home = environment.as_ref().or(login.as_ref());
        let config = config.or_else(|| home.map(|home| home.join(".config")));
        Self { libvirt: config.map(|config| config.join("libvirt")), login, environment }
    }

    /// The home folder that `~` and the messages mean.
    pub fn login(&self) -> Option<&Path> {
        self.login.as_deref().or(self.environment.as_deref())
    }
}

/// Files that libvirt is given instead of those that the URI names. They are gone when this is
/// dropped.
#[derive(Debug, Default)]
pub struct PrivateFiles {
    known_hosts: Option<PrivateFile>,
}

#[derive(Debug)]
struct PrivateFile {
    /// Keeps it.
    _file: File,
    /// The name by which this process can open it.
    path: PathBuf,
    /// The name of the file that it is a copy of.
    original: String,
}

impl PrivateFiles {
    /// The error with the names of the original files, which mean something to the operator.
    pub fn explain(&self, error: GatherError) -> GatherError {
        let Some(file) = &self.known_hosts else { return error };
        let message = error.message.replace(&*file.path.to_string_lossy(), &file.original);
        GatherError { message, ..error }
    }
}

/// Checks the files that the URI names, and puts in their place what libvirt is to open.
pub fn prepare(uri: &mut Uri, policy: &Policy, homes: &Homes) -> Result<PrivateFiles, GatherError> {
    let allowed = Allowed::new(policy, homes);
    if let Some(name) = uri.value(Parameter::Keyfile) {
        let path = allowed.key(Parameter::Keyfile, name)?;
        if !uri.set_file(Parameter::Keyfile, &path) {
            return Err(fault(Parameter::Keyfile, "is a link to a name with other characters"));
        }
    }
    if let Some(folder) = uri.value(Parameter::Pkipath) {
        check_pki(Path::new(folder))?;
    }
    let mut files = PrivateFiles::default();
    if let Way::Libssh | Way::Libssh2 = uri.way() {
        let (original, contents) = known_hosts(uri, &allowed, homes)?;
        let copy = PrivateFile::new(original, &contents)?;
        uri.set_file(Parameter::KnownHosts, &copy.path);
        files.known_hosts = Some(copy);
    }
    Ok(files)
}

/// What users name where they want no known hosts.
const NO_FILE: &str = "/dev/null";

/// The known hosts that libvirt would read, and the name of their file.
fn known_hosts(
    uri: &Uri,
    allowed: &Allowed,
    homes: &Homes,
) -> Result<(String, Vec<u8>), GatherError> {
    let Some(name) = uri.value(Parameter::KnownHosts) else {
        // Without the parameter it is libvirt's own file, which may be missing.
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
            Err(error) => Err(GatherError::configuration(format!("libvirt's file {name} {error}"))),
        };
    };
    if name == NO_FILE {
        return Ok((name.to_owned(), Vec::new()));
    }
    let parameter = Parameter::KnownHosts;
    let checked = matches!(uri.value(Parameter::KnownHostsVerify), None | Some("normal"));
    let bytes = match allowed.find(parameter, name)? {
        Some(found) => found
            .read(KNOWN_HOSTS_MAX_BYTES)
            .map_err(|error| fault(parameter, &error.to_string()))?,
        None if checked => return Err(fault(parameter, &FileError::NotFound.to_string())),
        // A URI that accepts any host needs no known one.
        None => Vec::new(),
    };
    Ok((name.to_owned(), bytes))
}

impl PrivateFile {
    /// A file in memory, closed in programs that this process starts.
    fn new(original: String, contents: &[u8]) -> Result<Self, GatherError> {
        let failed = |error: std::io::Error| {
            GatherError::internal(format!("the known hosts cannot be copied: {error}"))
        };
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let mut file = rustix::fs::memfd_create("known_hosts", flags)
            .map(File::from)
            .map_err(|error| failed(error.into()))?;
        file.write_all(contents).map_err(failed)?;
        // An open by this name starts at its first byte.
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok(Self { _file: file, path, original })
    }
}

/// Lets libvirt open nothing but plain files in the folder that `pkipath` names. What is missing it
/// reports itself.
fn check_pki(folder: &Path) -> Result<(), GatherError> {
    for name in PKI_FILES {
        match FoundFile::find(&folder.join(name))
            .and_then(|found| found.check(CREDENTIAL_MAX_BYTES))
        {
            Ok(_) | Err(FileError::NotFound | FileError::PermissionDenied) => {}
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

fn fault(parameter: Parameter, what: &str) -> GatherError {
    GatherError::configuration(format!(
        "the parameter uri cannot be used: the file of its parameter {} {what}",
        parameter.name()
    ))
}

/// The folders below which keys and known hosts may lie.
struct Allowed {
    home: Option<PathBuf>,
    folders: Vec<PathBuf>,
    hint: String,
}

impl Allowed {
    fn new(policy: &Policy, homes: &Homes) -> Self {
        let home = homes.login().map(Path::to_path_buf);
        let ssh = [&homes.login, &homes.environment].into_iter().flatten();
        let folders = policy
            .credential_folders
            .iter()
            .map(PathBuf::from)
            .chain(ssh.map(|home| home.join(".ssh")))
            // A relative folder would depend on where the program was started.
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

    fn holds(&self, real: &Path) -> bool {
        self.folders.iter().any(|folder| real.starts_with(folder) && real != folder)
    }

    /// Looks a file up; `None` if it is missing in a folder that is allowed. Whether a file exists
    /// elsewhere is not told.
    fn find(&self, parameter: Parameter, name: &str) -> Result<Option<FoundFile>, GatherError> {
        let path = match (name.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(name),
        };
        let refusal = || {
            fault(parameter, "is not in a folder from which it may be used").with_hint(&*self.hint)
        };
        let found = FoundFile::find(&path);
        let real = match &found {
            Ok(found) => found.real_path().ok(),
            Err(_) => path
                .parent()
                .zip(path.file_name())
                .and_then(|(folder, name)| Some(folder.canonicalize().ok()?.join(name))),
        };
        if !real.is_some_and(|real| self.holds(&real)) {
            return Err(refusal());
        }
        match found {
            Ok(found) => Ok(Some(found)),
            Err(FileError::NotFound) => Ok(None),
            Err(error) => Err(fault(parameter, &error.to_string())),
        }
    }

    /// Checks a private key, and returns its real name. The key itself is not read.
    fn key(&self, parameter: Parameter, name: &str) -> Result<PathBuf, GatherError> {
        let fault = |what: &str| fault(parameter, what);
        let io = |error: FileError| fault(&error.to_string());
        let found = self.find(parameter, name)?.ok_or_else(|| io(FileError::NotFound))?;
        found.check(CREDENTIAL_MAX_BYTES).map_err(io)?;
        check_owner(&found.metadata().map_err(io)?).map_err(|why| fault(&why))?;
        let real = found.real_path().map_err(io)?;
        let folder = real.parent().unwrap_or(Path::new("/"));
        let metadata = std::fs::metadata(folder).map_err(|error| io(error.into()))?;
        check_owner(&metadata).map_err(|why| fault(&format!("lies in a folder that {why}")))?;
        for suffix in BESIDE_KEY {
            let mut beside = real.clone().into_os_string();
            beside.push(suffix);
            let checked = FoundFile::find(Path::new(&beside));
            match checked.and_then(|found| found.check(CREDENTIAL_MAX_BYTES)) {
                Ok(_) | Err(FileError::NotFound | FileError::PermissionDenied) => {}
                Err(error) => return Err(fault(&format!("has a {suffix} that {error}"))),
            }
        }
        Ok(real)
    }
}

/// Whether only root and the user who runs the program can have written it. The rule is that of
/// plugins and the operator's file.
fn check_owner(metadata: &Metadata) -> Result<(), String> {
    let user = rustix::process::geteuid().as_raw();
    if ![0, user].contains(&metadata.uid()) {
        return Err(format!(
            "belongs to user {}, neither to root nor to the user that runs this",
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

#[cfg(test)]
mod tests;
