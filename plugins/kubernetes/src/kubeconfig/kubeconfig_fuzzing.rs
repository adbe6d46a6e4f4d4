//! Fuzz targets for kubeconfigs and id tokens.

use gatherer_plugin_api::Policy;

use super::{IdToken, read_with};

/// The shortest secret that is searched for in the output: a shorter one may occur by chance.
const SHORTEST: usize = 12;

/// Fuzz target: the text of a kubeconfig, with a policy that allows nothing.
pub fn kubeconfig(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // Without a line break the text could be the path of a file on this machine.
    let text = format!("{text}\n");
    let Ok(access) = read_with(&text, None, &Policy::default()) else { return };

    let server = &access.server;
    assert!(matches!(server.scheme_str(), Some("http" | "https")), "{server}");
    assert!(server.host().is_some_and(|host| !host.is_empty()), "{server}");
    assert!(server.query().is_none() && !server.to_string().contains('@'), "{server}");

    let auth = &access.auth;
    assert!(auth.exec.is_none(), "would run a program without permission");
    assert!(auth.token_file.is_none(), "would read a file");
    assert!(auth.client_certificate.is_none() && auth.client_key.is_none(), "would read a file");
    assert!(access.token_file.is_none(), "would read a file");

    let shown = format!("{access:?}");
    for secret in &access.secrets {
        let secret = secret.expose();
        // A secret that is also part of a name may be shown.
        let is_name = [&access.context, &access.cluster, &access.user]
            .into_iter()
            .any(|name| name.contains(secret.as_str()));
        let is_hidden = secret.len() < SHORTEST || is_name || !shown.contains(secret.as_str());
        assert!(is_hidden, "{secret} is shown in {shown}");
    }
}

/// Fuzz target: an id token of OpenID Connect.
pub fn id_token(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(token) = IdToken::parse(text) else { return };
    let _ = token.is_valid_for(10);
}
