//! Where the API is, and what is read from it, out of the parameters.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::http::{Url, endpoint_url};

use crate::Parameters;

/// The path of the API, which people may add to the URL of the service.
const API_PATH: &str = "/compute/v1";

/// The part of the parameters that is not a credential.
#[derive(Debug)]
pub struct Settings {
    /// The URL of the API: its path ends with [`API_PATH`].
    pub api: Url,
    /// The id of the project.
    pub project: String,
    /// The zone; `None` for all zones.
    pub zone: Option<String>,
}

impl Settings {
    /// Checks the parameters.
    pub fn new(parameters: &Parameters) -> Result<Self, GatherError> {
        let mut api = url_of("endpoint_url", &parameters.endpoint_url)?;
        let path = api.path().trim_end_matches('/').to_owned();
        let prefix = path.strip_suffix(API_PATH).unwrap_or(&path).to_owned();
        api.set_path(&format!("{prefix}{API_PATH}"));
        let project = parameters.project_id.trim();
        // The id of an old project can begin with a domain: `example.com:my-project`.
        if !is_name(project, ":.") {
            return Err(invalid("project_id", "is not the id of a project").with_hint(
                "the id has lower-case letters, digits and hyphens, and differs from the project's name",
            ));
        }
        let zone = parameters.zone.trim().to_ascii_lowercase();
        if !zone.is_empty() && !is_name(&zone, "") {
            return Err(invalid("zone", "is not the name of a zone")
                .with_hint("for example europe-west3-a; leave it empty for all zones"));
        }
        let zone = Some(zone).filter(|zone| !zone.is_empty());
        Ok(Self { api, project: project.to_owned(), zone })
    }
}

/// The URL in a parameter.
pub fn url_of(parameter: &str, text: &str) -> Result<Url, GatherError> {
    endpoint_url(text).map_err(|why| invalid(parameter, why))
}

/// Whether a URL is one of Google's own servers, or a private endpoint for one: all of them are in one domain.
pub fn is_googles(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    host == "googleapis.com" || host.ends_with(".googleapis.com") || host == "accounts.google.com"
}

/// The error about a parameter.
pub fn invalid(parameter: &str, why: &str) -> GatherError {
    GatherError::configuration(format!("the parameter {parameter} {why}"))
}

/// Whether a text can be a part of a path in the API: lower-case letters, digits, hyphens, and these further characters.
pub fn is_name(text: &str, further: &str) -> bool {
    let is_allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || further.contains(c);
    (1..=255).contains(&text.len())
        && text.chars().all(is_allowed)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use super::*;

    fn settings(endpoint_url: &str, project: &str, zone: &str) -> Result<Settings, GatherError> {
        Settings::new(&Parameters {
            service_account_email: String::new(),
            cert_path: "/nowhere.json".to_owned(),
            project_id: project.to_owned(),
            zone: zone.to_owned(),
            endpoint_url: endpoint_url.to_owned(),
            token_url: String::new(),
        })
    }

    #[test]
    fn the_path_of_the_api_may_be_a_part_of_the_url() {
        for (url, api) in [
            ("https://compute.googleapis.com", "https://compute.googleapis.com/compute/v1"),
            (
                "https://compute.googleapis.com/compute/v1/",
                "https://compute.googleapis.com/compute/v1",
            ),
            (
                "https://gateway.example.com/google/",
                "https://gateway.example.com/google/compute/v1",
            ),
            ("http://[::1]:8080", "http://[::1]:8080/compute/v1"),
        ] {
            assert_eq!(settings(url, "p", "").expect(url).api.as_str(), api);
        }
        for url in ["", "compute.googleapis.com", "http://compute.googleapis.com", "https://u:p@h"]
        {
            let error = settings(url, "p", "").expect_err(url);
            assert_eq!(error.kind, ErrorKind::Configuration);
            assert!(error.message.starts_with("the parameter endpoint_url "), "{error}");
        }
    }

    #[test]
    fn googles_servers_are_in_one_domain() {
        let is_googles = |url: &str| super::is_googles(&url.parse().expect(url));
        for url in [
            "https://compute.googleapis.com/compute/v1",
            "https://COMPUTE-inventory.p.googleapis.com.",
            "https://accounts.google.com/o/oauth2/token",
        ] {
            assert!(is_googles(url), "{url}");
        }
        for url in [
            "https://compute.googleapis.com.example.com",
            "https://evilgoogleapis.com",
            "https://google.com",
            "http://127.0.0.1:8080",
        ] {
            assert!(!is_googles(url), "{url}");
        }
    }

    #[test]
    fn project_and_zone_are_parts_of_a_path() {
        const API: &str = "https://compute.googleapis.com";
        let read = settings(API, " example.com:my-project ", " Europe-West3-A ").expect("valid");
        assert_eq!(read.project, "example.com:my-project");
        assert_eq!(read.zone.as_deref(), Some("europe-west3-a"));
        assert_eq!(settings(API, "123456789012", "").expect("a number").zone, None);
        for project in ["", "a/b", "..", "My Project", "a?b", "ä", ":a"] {
            let error = settings(API, project, "").expect_err(project);
            assert!(error.message.starts_with("the parameter project_id "), "{error}");
        }
        for zone in ["a/b", "..", "zones/a", "a b", "-", "a%2fb"] {
            let error = settings(API, "p", zone).expect_err(zone);
            assert!(error.message.starts_with("the parameter zone "), "{error}");
        }
    }
}
