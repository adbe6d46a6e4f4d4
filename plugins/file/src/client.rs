//! Fetches the document from a local file or over HTTP, with limits for time and size.

use std::path::{Path, PathBuf};
use std::time::Instant;

use gatherer_plugin_api::{CheckStep, Context, GatherError};
use gatherer_plugin_support::file::{self, FileError};
use gatherer_plugin_support::{http, retry, run};
use url::Url;

/// The maximum size of the document.
const MAX_BYTES: usize = http::DEFAULT_MAX_BODY_BYTES;

const LOCATION_HINT: &str = "use an absolute path, or a file://, http:// or https:// URL";

/// Reads the document at a path, a local `file:` URL, or an `http(s)://` URL.
///
/// # Errors
///
/// `configuration` if the location is not valid or the file cannot be read, and the errors of
/// [`http::Client::get`]. Messages do not contain the user info or query of an `http(s)://` URL.
pub fn fetch(url: &str, context: &Context) -> Result<Vec<u8>, GatherError> {
    match Location::parse(url.trim())? {
        Location::File(path) => read_file(&path),
        Location::Web(url) => run::block_on(context, async {
            let response = get(&http::Client::new(context)?, &url, context).await?;
            Ok(response.into_body())
        }),
    }
}

async fn get(
    client: &http::Client,
    url: &Url,
    context: &Context,
) -> Result<http::Response, GatherError> {
    let response = retry::idempotent(context, || client.get(url)).await?;
    reject_html(&response)?;
    Ok(response)
}

/// Fetches the document in the steps of a check, and plans these steps before those in `last_steps`.
pub fn check(
    url: &str,
    last_steps: &[&'static str],
    context: &Context,
) -> Result<Vec<u8>, GatherError> {
    let plan = |first: &[&'static str]| context.check_plan(first.iter().chain(last_steps).copied());
    match Location::parse(url.trim())? {
        Location::File(path) => {
            plan(&["file"]);
            let bytes = read_file(&path).map_err(|error| {
                with_hint(
                    error,
                    "check the path, and whether the program that writes the file has run",
                )
            })?;
            let message = format!("{} is readable and has {} bytes", path.display(), bytes.len());
            context.check_step(CheckStep::ok("file", message));
            Ok(bytes)
        }
        Location::Web(url) => {
            let mut steps = http::connection_steps(&url);
            steps.extend(["login", "file"]);
            plan(&steps);
            run::block_on(context, async {
                let client = http::Client::new(context)?;
                client.check_connection(&url).await?;
                let response = get(&client, &url, context).await?;
                context.check_step(response.login_step(context));
                let (text, length) = (response.description(), response.body().len());
                let message = format!("{text}: the document has {length} bytes");
                context.check_step(CheckStep::ok("file", message));
                Ok(response.into_body())
            })
        }
    }
}

/// Adds a hint to an error that has none.
pub fn with_hint(error: GatherError, hint: &str) -> GatherError {
    if error.hint.is_some() { error } else { error.with_hint(hint) }
}

/// Where the document is.
#[derive(Debug, PartialEq)]
enum Location {
    File(PathBuf),
    Web(Url),
}

impl Location {
    fn parse(text: &str) -> Result<Self, GatherError> {
        // Errors do not quote the location, which may be a URL with a password.
        let invalid = |why: &str| {
            GatherError::configuration(format!("the parameter url {why}")).with_hint(LOCATION_HINT)
        };
        if text.starts_with('/') {
            return Ok(Self::File(text.into()));
        }
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "file" if rest.starts_with('/') => local_file(rest).map(Self::File).map_err(invalid),
            "http" | "https" if rest.starts_with("//") => {
                http::parse_url(text).map(Self::Web).map_err(invalid)
            }
            _ if rest.starts_with("//") => Err(invalid("has an unsupported scheme")),
            _ => Err(invalid("is neither an absolute path nor a URL")),
        }
    }
}

/// The path of a `file:` URL without its scheme, as Python's urllib reads it, which the classic program used: a `?` is part
/// of the path, and everything after the last `#` is ignored.
fn local_file(rest: &str) -> Result<PathBuf, &'static str> {
    let rest = rest.rsplit_once('#').map_or(rest, |(path, _)| path);
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => {
            let (host, _) = rest.split_once('/').ok_or("is a file:// URL without a path")?;
            if !["", "localhost", "127.0.0.1"].iter().any(|own| host.eq_ignore_ascii_case(own)) {
                return Err("is a file:// URL with the name of a host; write file:///path");
            }
            &rest[host.len()..]
        }
    };
    // The parser also treats a backslash as a slash, but it is part of a name.
    let escaped = path.replace('?', "%3F").replace('#', "%23").replace('\\', "%5C");
    let url = http::parse_url(&format!("file://{escaped}"))?;
    url.to_file_path().map_err(|()| "is a file:// URL without a path")
}

/// Rejects an HTML page, such as a login page, whatever its text might parse as.
fn reject_html(response: &http::Response) -> Result<(), GatherError> {
    let types = response.headers().get_all(http::header::CONTENT_TYPE);
    let is_html = types.iter().any(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii();
        [&b"text/html"[..], b"application/xhtml+xml"]
            .iter()
            .any(|html| essence.eq_ignore_ascii_case(html))
    });
    if !is_html {
        return Ok(());
    }
    let message = format!("{}: the response is an HTML page, not JSON", response.exchange());
    Err(GatherError::protocol(message)
        .with_hint("check the URL; the page may be a login page of the server"))
}

fn read_file(path: &Path) -> Result<Vec<u8>, GatherError> {
    let started = Instant::now();
    let bytes = file::read(path, MAX_BYTES).map_err(|error| {
        let message = format!("{}: the file {error}", path.display());
        match error {
            FileError::TooLarge(_) => GatherError::protocol(message),
            FileError::PermissionDenied(_) => GatherError::configuration(message)
                .with_hint("make it readable for the user that runs the program"),
            _ => GatherError::configuration(message),
        }
    })?;
    let time = started.elapsed().as_millis();
    tracing::debug!("{}: {} bytes read ({time} ms)", path.display(), bytes.len());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;
    use gatherer_plugin_api::testing::Recorder;

    use super::*;

    fn failure(location: &str) -> GatherError {
        fetch(location, &Recorder::new().context()).expect_err("the location is not valid")
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
        let context = Recorder::new().context();
        for location in [path, url.as_str(), &localhost] {
            assert_eq!(fetch(location, &context).expect(location), b"{}");
        }
    }

    #[test]
    fn file_urls_are_read_as_python_reads_them() {
        for (url, path) in [
            ("file:/x/a.json", "/x/a.json"),
            ("FILE:/x", "/x"),
            ("file:///x/a.json", "/x/a.json"),
            ("file:////x", "//x"),
            ("file://localhost/x", "/x"),
            ("file://LOCALHOST/x", "/x"),
            ("file://127.0.0.1/x", "/x"),
            ("file:/x?y=1", "/x?y=1"),
            ("file:///x?", "/x?"),
            ("file:///x#part", "/x"),
            ("file:///x#a#part", "/x#a"),
            ("file:///x?y#part", "/x?y"),
            ("file:///x%3Fy%23z", "/x?y#z"),
            ("file:///a b%20c", "/a b c"),
            (r"file:///a\b", r"/a\b"),
            ("/x?y#z", "/x?y#z"),
        ] {
            assert_eq!(Location::parse(url), Ok(Location::File(path.into())), "{url}");
        }
        for url in ["file://host/x", "file://localhost:80/x", "file:x", "file:x/y"] {
            assert!(Location::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn rejects_invalid_locations_without_quoting_them() {
        let mut messages = Vec::new();
        for location in [
            "",
            "hunter2.json",
            "ftp://user:hunter2@h/x",
            "http://user:hunter2@",
            "https://hunter2:x:y/",
            "http:///hunter2",
            "http://h/hunter2\tx",
            "https://h/a\nhunter2",
            "file:///hunter2\tx",
            r"http://DOMAIN\hunter2@h/",
            "file://hunter2.example/x",
            "file:hunter2",
            "file:",
            "hunter2:/x",
        ] {
            let error = failure(location);
            assert_eq!(error.kind, ErrorKind::Configuration, "{location}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
            messages.push(format!("{location:?}: {}", error.message));
        }
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn rejects_files_that_are_not_regular_without_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        let mkfifo = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(mkfifo.expect("coreutils").success());
        let fifo = fifo.to_str().expect("UTF-8");
        let folder = folder.path().to_str().expect("UTF-8");
        let mut messages = Vec::new();
        for location in
            [fifo, "/dev/zero", "file:///dev/zero", "/proc/self/environ", folder, "/nonexistent/x"]
        {
            let error = failure(location);
            assert_eq!(error.kind, ErrorKind::Configuration);
            let (path, why) = error.message.split_once(": ").expect("a path and a reason");
            assert_eq!(path, location.trim_start_matches("file://"));
            messages.push(why.to_owned());
        }
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn rejects_a_file_that_is_too_large() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().set_len(MAX_BYTES as u64 + 1).expect("sparse");
        let error = failure(file.path().to_str().expect("UTF-8"));
        assert_eq!(error.kind, ErrorKind::Protocol);
        assert!(error.message.contains("256 MiB"), "{error}");
    }
}
