//! The shared credentials file of Amazon's clients. No program is ever run.

use std::path::Path;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::file;

use super::Keys;

/// The maximum size of the file.
const MAX_BYTES: usize = 1024 * 1024;

/// The keys that would need another service or a program.
const UNSUPPORTED: [&str; 5] =
    ["credential_process", "role_arn", "source_profile", "sso_session", "sso_start_url"];

/// Reads the access key of a profile.
pub fn read(file: &Path, profile: &str) -> Result<Keys, GatherError> {
    let subject = format!("the file {}", file.display());
    let text = file::read(file, MAX_BYTES)
        .map_err(|why| GatherError::configuration(format!("{subject} {why}")))?;
    let text = String::from_utf8(text)
        .map_err(|_| GatherError::configuration(format!("{subject} is not text")))?;
    keys_of_profile(&text, profile)
        .map_err(|why| GatherError::configuration(format!("{subject}: {why}")))
}

/// Pure: the access key of a profile. The error is a message without the subject.
pub fn keys_of_profile(text: &str, profile: &str) -> Result<Keys, String> {
    let (mut id, mut secret, mut token) = (None, None, None);
    let (mut is_in_profile, mut is_found, mut unsupported) = (false, false, None);
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default().trim();
            is_in_profile = name == profile;
            is_found |= is_in_profile;
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| is_in_profile) else { continue };
        let value = Some(value.trim()).filter(|value| !value.is_empty()).map(str::to_owned);
        match key.trim().to_ascii_lowercase().as_str() {
            "aws_access_key_id" => id = value,
            "aws_secret_access_key" => secret = value,
            "aws_session_token" | "aws_security_token" => token = value,
            key => unsupported = unsupported.or(UNSUPPORTED.into_iter().find(|it| *it == key)),
        }
    }
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Keys { id, secret, token }),
        _ if !is_found => Err("it does not have this profile".to_owned()),
        _ => Err(match unsupported {
            Some(key) => format!("the profile has no access key, and {key} is not supported"),
            None => "the profile has no aws_access_key_id and aws_secret_access_key".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a comment
[default]
aws_access_key_id = AKIAEXAMPLEDEFAULT
aws_secret_access_key=abc/+=def==

[ staging ] ; a comment
AWS_ACCESS_KEY_ID=ASIAEXAMPLESTAGING
aws_secret_access_key = two
aws_session_token = three=
[program]
credential_process = /usr/bin/id
[half]
aws_access_key_id = AKIAEXAMPLEHALF
";

    fn keys(id: &str, secret: &str, token: Option<&str>) -> Keys {
        Keys { id: id.into(), secret: secret.into(), token: token.map(str::to_owned) }
    }

    #[test]
    fn reads_the_access_key_of_a_profile() {
        let default = keys("AKIAEXAMPLEDEFAULT", "abc/+=def==", None);
        assert_eq!(keys_of_profile(FILE, "default"), Ok(default));
        let staging = keys("ASIAEXAMPLESTAGING", "two", Some("three="));
        assert_eq!(keys_of_profile(FILE, "staging"), Ok(staging));
    }

    #[test]
    fn a_profile_without_an_access_key_is_an_error() {
        let error = |profile| keys_of_profile(FILE, profile).expect_err(profile);
        assert_eq!(error("other"), "it does not have this profile");
        let program = "the profile has no access key, and credential_process is not supported";
        assert_eq!(error("program"), program);
        let half = "the profile has no aws_access_key_id and aws_secret_access_key";
        assert_eq!(error("half"), half);
    }
}
