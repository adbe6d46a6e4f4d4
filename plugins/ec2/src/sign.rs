//! Signatures of requests (Signature Version 4), by Amazon's own library.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::http::header::{HeaderName, HeaderValue};
use gatherer_plugin_support::http::{Method, Request, Url};

/// The type of the body of every call.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A POST request with a form, not signed. It follows no redirects: a service never redirects, and a signature is for one
/// host.
pub fn form_request(url: &Url, form: &str) -> Request {
    Request::new(Method::POST, url.clone())
        .header("content-type", FORM)
        .body(form.as_bytes().to_vec())
        .without_redirects()
}

/// The same request with a signature.
pub fn signed_request(
    url: &Url,
    form: &str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Request, GatherError> {
    let failed = |_| {
        GatherError::configuration("a request cannot be signed with these credentials").with_hint(
            "check that access_key_id and secret_access_key are complete, without blanks",
        )
    };
    let identity = credentials.clone().into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("ec2")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| GatherError::internal(format!("incomplete signature: {error}")))?
        .into();
    let headers = [("content-type", FORM)].into_iter();
    let body = SignableBody::Bytes(form.as_bytes());
    let signable = SignableRequest::new("POST", url.as_str(), headers, body).map_err(failed)?;
    let (instructions, _) = sign(signable, &parameters).map_err(failed)?.into_parts();
    let mut request = form_request(url, form);
    let invalid = || {
        GatherError::configuration(
            "the credentials contain a character that cannot be in a request",
        )
    };
    for (name, value) in instructions.headers() {
        let name = name.parse::<HeaderName>().map_err(|_| invalid())?;
        let value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        request = request.set_header(name, value);
    }
    Ok(request)
}
