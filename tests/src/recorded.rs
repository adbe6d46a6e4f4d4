//! Recorded answers of real systems, which are not part of the repository.

use std::path::PathBuf;

/// The folder with the recorded answers of a system, for example `vmware`, below the folder that `GATHERER_RECORDED`
/// names. If it is `None`, the test must skip itself.
///
/// ```no_run
/// # fn test() {
/// let Some(folder) = gatherer_tests::recorded("vmware") else {
///     gatherer_tests::skip!("GATHERER_RECORDED names no folder of recorded answers");
/// };
/// # }
/// ```
///
/// # Panics
///
/// If the variable is set, but the folder does not exist.
pub fn recorded(system: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("GATHERER_RECORDED")?).join(system);
    assert!(folder.is_dir(), "GATHERER_RECORDED: {} is not a folder", folder.display());
    Some(folder)
}
