//! Fuzz targets: what a kubeconfig says.

use gatherer_plugin_api::Policy;

use super::{IdToken, read_with};

/// The shortest secret that is looked for in messages: a shorter one may stand there by accident.
const SHORTEST: usize = 12;

/// A kubeconfig's text, as an endpoint may have it that is allowed nothing.
pub fn kubeconfig(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // Without a line break it could be the path of any file of this machine.
    let text = format!("{text}\n");
    let Ok(access) = read_with(&text, None, &Policy::default()) else { return };

    let server = &access.server;
    assert!(matches!(server.scheme_str(), Some("http" | "https")), "{server}");
    assert!(server.host().is_some_and(|host| !host.is_empty()), "{server}");
    assert!(server.query().is_none() && !server.to_string().contains('@'), "{server}");

    let auth = &access.auth;
    assert!(auth.exec.is_none(), "a program is run without leave");
    assert!(auth.token_file.is_none() && auth.client_certificate.is_none(), "a file is read");
    assert!(auth.client_key.is_none(), "a file is read");
    assert!(access.token_file.is_none(), "a file is read");

    let shown = format!("{access:?}");
    for secret in &access.secrets {
        let secret = secret.expose();
        // What is also a name is not hidden in it.
        let is_name = [&access.context, &access.cluster, &access.user]
            .into_iter()
            .any(|name| name.contains(secret.as_str()));
        let is_hidden = secret.len() < SHORTEST || is_name || !shown.contains(secret.as_str());
        assert!(is_hidden, "{secret} is shown in {shown}");
    }
}

/// An id token of OpenID Connect.
pub fn id_token(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(token) = IdToken::read(text) else { return };
    let _ = token.is_good_for(10);
}
