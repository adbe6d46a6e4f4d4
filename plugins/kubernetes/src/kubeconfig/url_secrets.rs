//! Finds the secrets in a URL of a kubeconfig.

use gatherer_plugin_api::Secret;

/// Adds the password of a URL, encoded and decoded, and the URL itself.
pub(super) fn add_url_secrets(url: &str, secrets: &mut Vec<Secret<String>>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // An unencoded slash in the password ends the authority too early: search the rest of the URL.
    let Some((user_info, _)) = authority.rsplit_once('@').or_else(|| rest.rsplit_once('@')) else {
        return;
    };
    let password = user_info.split_once(':').map_or(user_info, |(_, password)| password);
    for text in [password.to_owned(), decoded(password), url.to_owned()] {
        if !text.is_empty() {
            secrets.push(Secret::new(text));
        }
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
