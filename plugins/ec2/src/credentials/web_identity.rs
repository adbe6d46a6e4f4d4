//! A role that is assumed with a web identity, by STS (`AssumeRoleWithWebIdentity`), whose requests are not signed.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::file;
use gatherer_plugin_support::http::{Client, Url};
use gatherer_plugin_support::xml::{self, Node};

use super::Keys;
use crate::client::{self, Call};
use crate::sign::form_request;

/// The maximum size of a token.
const MAX_BYTES: usize = 64 * 1024;

/// How the service's log names the session.
const SESSION_NAME: &str = "virtual-host-gatherer";

/// The call, with the version of STS.
const CALL: Call = Call {
    action: "AssumeRoleWithWebIdentity",
    version: "2011-06-15",
    right: "sts:AssumeRoleWithWebIdentity",
};

/// Assumes the role with the token that the file has now.
pub async fn assume_role(
    role: &str,
    file: &Path,
    sts: &Url,
    context: &Context,
) -> Result<Keys, GatherError> {
    let subject = format!("the file {} of web_identity_token_file", file.display());
    let invalid = |why: String| GatherError::configuration(format!("{subject} {why}"));
    let token = file::read(file, MAX_BYTES).map_err(|why| invalid(why.to_string()))?;
    let token = String::from_utf8(token).unwrap_or_default();
    let token = token.trim();
    // A request must not send any other file to a service.
    if !is_token(token) {
        return Err(invalid("is not a JSON Web Token".to_owned()));
    }
    context.secret(token);
    let form = CALL.form(&[
        ("RoleArn".to_owned(), role.to_owned()),
        ("RoleSessionName".to_owned(), SESSION_NAME.to_owned()),
        ("WebIdentityToken".to_owned(), token.to_owned()),
    ]);
    let response = Client::new(context)?.send(form_request(sts, &form)).await?;
    client::read(response, CALL, |root| {
        keys_of_role(root).ok_or_else(|| GatherError::protocol("the answer has no credentials"))
    })
}

/// Pure: the access key in the answer.
pub fn keys_of_role(root: Node<'_, '_>) -> Option<Keys> {
    let text = |name| {
        let path = ["AssumeRoleWithWebIdentityResult", "Credentials", name];
        xml::text(root, &path).map(str::to_owned)
    };
    Some(Keys {
        id: text("AccessKeyId")?,
        secret: text("SecretAccessKey")?,
        token: Some(text("SessionToken")?),
    })
}

/// Pure: whether a text has the form of a JSON Web Token, with claims.
pub fn is_token(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts[..] else { return false };
    let is_object = |part: &str| {
        let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('='));
        let json = json.ok().and_then(|json| serde_json::from_slice(&json).ok());
        json.is_some_and(|json: serde_json::Value| json.is_object())
    };
    is_object(header) && is_object(claims) && !signature.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_web_tokens_are_tokens() {
        let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let token = format!("{}.{}.c2ln", encode(r#"{"alg":"RS256"}"#), encode(r#"{"sub":"a"}"#));
        assert!(is_token(&token));
        for other in [
            "",
            "root:x:0:0:root:/root:/bin/bash",
            "a.b.c",
            &format!("{}.{}.", encode("{}"), encode("{}")),
            &format!("{}.{}.c2ln", encode("[]"), encode("{}")),
            &format!("{token}.x"),
        ] {
            assert!(!is_token(other), "{other}");
        }
    }
}
