//! Snapshots of messages: each exact sentence is asserted once, in a file that `make accept` renews.

use std::path::Path;

use crate::build_folder;

#[doc(hidden)]
pub use insta;

/// Compares a text with its snapshot, after [`settings`] has replaced the parts that differ between runs.
///
/// The snapshot is the file `snapshots/<test binary>__<module>__<name>.snap` beside the test's source
/// file. The name is the test's, unless the first argument gives one; a second snapshot in one test
/// needs a name. A test asserts the kind, a name or a value separately, before the message:
///
/// ```no_run
/// # let outcome = gatherer_tests::Run::new().run();
/// let failure = outcome.failure("vcenter1");
/// assert_eq!(failure.kind, "configuration");
/// gatherer_tests::assert_message!(failure);
/// ```
#[macro_export]
macro_rules! assert_message {
    ($($arguments:tt)+) => {
        $crate::snapshot::settings().bind(|| {
            $crate::snapshot::insta::assert_snapshot!($($arguments)+);
        })
    };
}

/// The settings of [`assert_message!`](crate::assert_message): which parts of a text are replaced.
///
/// Paths of the build, the repository and temporary folders, ports of this machine, process ids, points in
/// time, milliseconds, fractions of seconds, `<number> times` and how many records had arrived become words in
/// brackets.
pub fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    let temporary = folder(&std::env::temp_dir());
    let repository = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let build = folder(&build_folder());
    for (pattern, replacement) in [
        (format!(r"{temporary}/gatherer-run-\w+"), "[home]"),
        (format!(r"{build}/plugin-folders/\.tmp\w+"), "[plugins]"),
        (build, "[build]"),
        (format!(r"{temporary}/\.tmp\w+"), "[temporary]"),
        (repository, "[repository]"),
        (r"(127\.0\.0\.1|localhost|\[::1\])(:| port |, port )\d+".to_owned(), "$1$2[port]"),
        (r"\b(pid|process) \d+".to_owned(), "$1 [pid]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)".to_owned(), "[time]"),
        (r"\b\d+ times\b".to_owned(), "[number] times"),
        (r"\b\d+ records? \(hosts".to_owned(), "[number] records (hosts"),
        (r"\b\d+\.\d+ s\b".to_owned(), "[number] s"),
        (r"\b\d+(\.\d+)? ms\b".to_owned(), "[number] ms"),
    ] {
        // Without Unicode classes, which take ten times as long to compile.
        settings.add_filter(&format!("(?-u){pattern}"), replacement);
    }
    settings
}

/// A pattern for the path of a folder.
fn folder(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    regex::escape(path.to_str().expect("the paths of a test run are UTF-8"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn replaces_parts_that_differ_between_runs() {
        let home = std::env::temp_dir().join("gatherer-run-a1B2c3").join("request.json");
        let plugin = crate::build_folder().join("plugin-folders/.tmpXyZ/libgatherer_plugin_a.so");
        crate::assert_message!(format!(
            "{}: cannot be read\n{}: not a plugin\nhttp://127.0.0.1:40123/a: port 40123 is closed\n\
             process 4711 ended after 1.25 s, at 2026-11-27T17:44:08.123456Z\n\
             the limits of 20 s and 512 MiB stay",
            home.display(),
            plugin.display()
        ));
    }
}
