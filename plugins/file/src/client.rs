//! Reading the document: from a file of this machine or over HTTP, with every wait and size capped.

use std::path::{Path, PathBuf};

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::file::{self, FileError};
use gatherer_plugin_support::{http, retry, run};
use url::Url;

/// How large the document may be.
const MAX_BYTES: usize = http::DEFAULT_MAX_BODY_BYTES;

const ALLOWED: &str = "it is an absolute path or begins with file://, http:// or https://";

/// Reads the document at a path, a `file://` URL of this machine, or an `http(s)://` URL.
///
/// # Errors
///
/// `configuration` for what is wrong with the location itself, and what
/// [`http::Client::get`] says. A message never holds the URL's user-info or query.
pub fn fetch(url: &str, context: &Context) -> Result<Vec<u8>, GatherError> {
    match Location::parse(url.trim())? {
        Location::File(path) => read_file(&path),
        Location::Web(url) => {
            let client = http::Client::new(context)?;
            run::block_on(context, async {
                let answer = retry::idempotent(context, || client.get(&url)).await?;
                refuse_html(&answer)?;
                Ok(answer.into_body())
            })
        }
    }
}

#[derive(Debug, PartialEq)]
enum Location {
    File(PathBuf),
    Web(Url),
}

impl Location {
    fn parse(text: &str) -> Result<Self, GatherError> {
        let wrong = |why: &str| {
            GatherError::configuration(format!("the parameter url {why}")).with_hint(ALLOWED)
        };
        if text.starts_with('/') {
            return Ok(Self::File(text.into()));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Err(wrong("is neither an absolute path nor a URL"));
        };
        let known =
            ["file", "http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if !known {
            return Err(wrong("has a scheme that this module does not know"));
        }
        // The parser's own text is left out: nothing of a URL with a password is quoted.
        let url = http::parse_url(text).map_err(wrong)?;
        if url.scheme() != "file" {
            return Ok(Self::Web(url));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("is a file:// URL with a ? or #: write %3F or %23"));
        }
        if !matches!(url.host_str(), None | Some("localhost")) {
            return Err(wrong("is a file:// URL of another machine: write file:///path"));
        }
        url.to_file_path().map(Self::File).map_err(|()| wrong("is a file:// URL without a path"))
    }
}

/// A log-in page instead of the document: what its text happens to parse as must not count.
fn refuse_html(answer: &http::Response) -> Result<(), GatherError> {
    let types = answer.headers().get_all(http::header::CONTENT_TYPE);
    let html = types.iter().any(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii();
        [&b"text/html"[..], b"application/xhtml+xml"]
            .iter()
            .any(|html| essence.eq_ignore_ascii_case(html))
    });
    if !html {
        return Ok(());
    }
    let message = format!("{}: answers with an HTML page, not JSON", answer.place());
    Err(GatherError::protocol(message)
        .with_hint("check the URL, and whether the page is one to log in"))
}

fn read_file(path: &Path) -> Result<Vec<u8>, GatherError> {
    file::read(path, MAX_BYTES).map_err(|error| {
        let about = |what: &str| format!("{}: {what}", path.display());
        let wrong = |what: &str| GatherError::configuration(about(what));
        match error {
            FileError::NotFound => wrong("there is no such file"),
            FileError::PermissionDenied => wrong("Permission denied")
                .with_hint("the user that the program runs as has to be able to read it"),
            FileError::TooLarge(bytes) => {
                let mebibytes = bytes / (1024 * 1024);
                GatherError::protocol(about(&format!("more than {mebibytes} MiB")))
            }
            other => wrong(&format!("it {other}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::__private::abi_stable::std_types::{RErr, RResult, RStr, RString};
    use gatherer_plugin_api::abi::Callbacks;
    use gatherer_plugin_api::{ErrorKind, Options};

    use super::*;

    extern "C" fn emit(_: usize, _: RStr<'_>) -> i32 {
        0
    }

    extern "C" fn log(_: usize, _: u8, _: RStr<'_>, _: RStr<'_>) {}

    extern "C" fn cancelled(_: usize) -> u8 {
        0
    }

    extern "C" fn call(_: usize, _: RStr<'_>, _: RStr<'_>) -> RResult<RString, RString> {
        RErr(RString::new())
    }

    fn context() -> Context {
        let callbacks = Callbacks { context: 0, emit, log, cancelled, call };
        Context::new(callbacks, "endpoint".to_owned(), "File".to_owned(), Options::default())
    }

    fn failure(location: &str) -> GatherError {
        fetch(location, &context()).expect_err("wrong")
    }

    #[test]
    fn paths_and_file_urls_name_the_same_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a b%20ü?.json");
        std::fs::write(&path, b"{}").expect("written");
        let path = path.to_str().expect("UTF-8");
        let url = Url::from_file_path(path).expect("absolute");
        assert!(url.as_str().contains("a%20b%2520%C3%BC%3F.json"), "{url}");
        let localhost = url.as_str().replace("file:///", "FILE://localhost/");
        for location in [path, url.as_str(), &localhost] {
            assert_eq!(fetch(location, &context()).expect(location), b"{}");
        }
    }

    #[test]
    fn a_location_that_is_none_is_a_configuration_error_that_does_not_quote_it() {
        for (location, part) in [
            ("", "neither an absolute path nor a URL"),
            ("hunter2.json", "neither an absolute path nor a URL"),
            ("ftp://user:hunter2@h/x", "a scheme that this module does not know"),
            ("http://user:hunter2@", "not a valid URL"),
            ("https://hunter2:x:y/", "not a valid URL"),
            ("http:///hunter2", "names no host"),
            ("http://h/hunter2\tx", "holds a tab, a line break"),
            ("https://h/a\nhunter2", "holds a tab, a line break"),
            ("file:///hunter2\tx", "holds a tab, a line break"),
            (r"http://DOMAIN\hunter2@h/", "write %5C"),
            ("file://hunter2.example/x", "of another machine"),
            ("file:///x?hunter2", "write %3F"),
        ] {
            let error = failure(location);
            assert_eq!(error.kind, ErrorKind::Configuration, "{location}");
            assert!(error.message.contains(part), "{location}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn only_regular_files_are_read_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        let mkfifo = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(mkfifo.expect("coreutils").success());
        let fifo = fifo.to_str().expect("UTF-8");
        let folder = folder.path().to_str().expect("UTF-8");
        for (location, part) in [
            (fifo, "it is not a regular file"),
            ("/dev/zero", "it is not a regular file"),
            ("file:///dev/zero", "it is not a regular file"),
            ("/proc/self/environ", "it belongs to the kernel's proc file system"),
            (folder, "it is a folder"),
            ("/nonexistent/x", "there is no such file"),
        ] {
            let error = failure(location);
            assert_eq!(error.kind, ErrorKind::Configuration);
            assert_eq!(
                error.message.split_once(": ").map(|(path, _)| path),
                Some(location.trim_start_matches("file://"))
            );
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().set_len(MAX_BYTES as u64 + 1).expect("sparse");
        let error = failure(file.path().to_str().expect("UTF-8"));
        assert!(error.message.ends_with(": more than 256 MiB"), "{error}");
    }
}
