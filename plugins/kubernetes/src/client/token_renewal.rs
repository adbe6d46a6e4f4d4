//! Renewing an expired id token at its identity provider: OpenID Connect Discovery 1.0 section 4,
//! OpenID Connect Core 1.0 section 12, RFC 6749 section 6. The new tokens are used for this run only;
//! the kubeconfig is never written.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{
    CertificateHints, Client, Method, Request, Response, StatusCode, Timeouts, Url, parse_url,
};
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::credential_source::bearer;
use crate::kubeconfig::{IdToken, LOG_IN, Oidc, Renewal};

/// The largest response of an identity provider.
const ANSWER_BYTES: usize = 1024 * 1024;

/// A token that expires within this many seconds could expire on the way to the server.
const LEEWAY_SECONDS: i64 = 10;

/// The error codes of RFC 6749 section 5.2. Any other text of a provider is not shown.
const ERROR_CODES: [&str; 6] = [
    INVALID_GRANT,
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// The refresh token is invalid, expired or was already used.
const INVALID_GRANT: &str = "invalid_grant";

/// The characters that are percent-encoded in a form: all but the unreserved ones.
const FORM_ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Provides a valid id token for each request, and renews it if necessary.
pub(super) struct IdTokenSource {
    context: Context,
    state: Mutex<RenewalState>,
}

struct RenewalState {
    id_token: Option<IdToken>,
    /// What a renewal needs, or the error of a request that needs one.
    renewal: Result<Renewal, GatherError>,
    /// Created for the first renewal, and kept for its connections.
    client: Option<Client>,
}

impl IdTokenSource {
    pub fn new(oidc: &Oidc, context: &Context) -> Arc<Self> {
        let Oidc { id_token, renewal } = oidc.clone();
        let state = Mutex::new(RenewalState { id_token, renewal, client: None });
        Arc::new(Self { context: context.clone(), state })
    }

    /// The `Authorization` header of a request that is sent now.
    pub async fn authorization(self: &Arc<Self>) -> Result<HeaderValue, GatherError> {
        let source = Arc::clone(self);
        // A separate task finishes the renewal even if a timeout drops the request that needs it: many
        // refresh tokens are valid for one renewal only, and a cancelled one would waste it.
        let renewed = tokio::spawn(async move {
            let mut state = source.state.lock().await;
            state.valid_token(&source.context).await
        });
        let token = renewed
            .await
            .map_err(|_| GatherError::internal("renewing the id-token did not finish"))??;
        bearer(&token)
    }
}

impl RenewalState {
    /// Returns the id token if it is still valid, and renews it otherwise.
    async fn valid_token(&mut self, context: &Context) -> Result<SecretString, GatherError> {
        // A token that cannot be renewed is used until it expires.
        let leeway = if self.renewal.is_ok() { LEEWAY_SECONDS } else { 0 };
        if let Some(token) = &self.id_token
            && token.is_valid_for(leeway)
        {
            return Ok(token.text.clone());
        }
        let renewal = self.renewal.as_mut().map_err(|error| error.clone())?;
        let client = self.client.get_or_insert_with(|| client(renewal, context));
        match renew(renewal, client, context).await {
            Ok(token) => Ok(self.id_token.insert(token).text.clone()),
            Err(mut error) => {
                error.message = format!("renewing the id-token: {}", error.message);
                if !error.retryable {
                    // Keep the error for later requests. If only a dropped request had seen it, the
                    // next one would send a refresh token that may already be used up.
                    self.renewal = Err(error.clone());
                }
                Err(error)
            }
        }
    }
}

fn client(renewal: &Renewal, context: &Context) -> Client {
    let hints = CertificateHints {
        untrusted: "add the authority's certificate to the kubeconfig's auth-provider \
                    (idp-certificate-authority-data)",
        other_name: "use a name from the certificate in idp-issuer-url",
    };
    Client::with_authorities(context, Timeouts::default(), renewal.authorities.clone(), hints)
}

#[derive(Deserialize)]
struct ProviderMetadata {
    token_endpoint: String,
}

#[derive(Deserialize)]
struct TokenResponse {
    id_token: Option<String>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct OidcRefusal {
    error: String,
}

/// Requests a new id token. If the response contains a new refresh token, it replaces the old one.
async fn renew(
    renewal: &mut Renewal,
    client: &Client,
    context: &Context,
) -> Result<IdToken, GatherError> {
    let endpoint = token_endpoint(renewal, client).await?;
    let answer = request_tokens(renewal, client, &endpoint, context).await?;
    let tokens: TokenResponse = parse(&answer)?;
    for token in tokens.id_token.iter().chain(&tokens.refresh_token) {
        context.secret(token);
    }
    if let Some(token) = tokens.refresh_token.filter(|token| !token.is_empty()) {
        renewal.refresh_token = token.into();
    }
    let invalid = |why: String| GatherError::protocol(format!("{}: {why}", answer.exchange()));
    let token = tokens
        .id_token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| invalid("the response has no id_token".to_owned()))?;
    let token = IdToken::parse(&token).map_err(|why| invalid(format!("its id_token {why}")))?;
    if !token.is_valid_for(0) {
        return Err(invalid(format!("its id_token expired at {}", token.expiry))
            .with_hint("check this machine's clock"));
    }
    Ok(token)
}

/// The provider's token endpoint, from its discovery document.
async fn token_endpoint(renewal: &Renewal, client: &Client) -> Result<Url, GatherError> {
    let issuer = renewal.issuer.as_str().trim_end_matches('/');
    let url = parse_url(&format!("{issuer}/.well-known/openid-configuration"))
        .map_err(|why| GatherError::configuration(format!("idp-issuer-url {why}")))?;
    let request =
        Request::get(url).header("accept", "application/json").max_body_bytes(ANSWER_BYTES);
    let answer = client.send(request).await?;
    if answer.status() != StatusCode::OK {
        let mut error = answer.status_error();
        if error.kind == ErrorKind::Configuration {
            error = error.with_hint("check that idp-issuer-url names an identity provider");
        }
        return Err(error);
    }
    let metadata: ProviderMetadata = parse(&answer)?;
    let endpoint = parse_url(&metadata.token_endpoint).ok().filter(|url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    });
    endpoint.ok_or_else(|| {
        GatherError::protocol(format!(
            "{}: its token_endpoint must be an https URL without a user name",
            answer.exchange()
        ))
    })
}

/// Requests tokens with the refresh token. The client's id and secret are sent in the request's head
/// and, if the provider rejects that, in its body: RFC 6749 section 2.3.1 lets the provider choose.
async fn request_tokens(
    renewal: &Renewal,
    client: &Client,
    endpoint: &Url,
    context: &Context,
) -> Result<Response, GatherError> {
    let send = async |request: Request| {
        client.send(request).await.map_err(|mut error| {
            // The provider may have used up the refresh token before the failure.
            error.retryable = false;
            error
        })
    };
    let secret = renewal.client_secret.as_ref();
    let mut answer = send(token_request(endpoint, renewal, secret.is_some(), context)).await?;
    let rejected = matches!(answer.status().as_u16(), 400 | 401);
    if secret.is_some() && rejected && error_code(&answer) != Some(INVALID_GRANT) {
        answer = send(token_request(endpoint, renewal, false, context)).await?;
    }
    if answer.status().is_success() { Ok(answer) } else { Err(refusal_error(&answer)) }
}

/// The request for tokens, with the client's secret in its head or in its body.
fn token_request(endpoint: &Url, renewal: &Renewal, in_head: bool, context: &Context) -> Request {
    let encoded = |text: &str| {
        let text = utf8_percent_encode(text, FORM_ESCAPED).to_string();
        context.secret(&text);
        text
    };
    let secret = renewal.client_secret.as_ref().map(|secret| encoded(secret.expose_secret()));
    let id = utf8_percent_encode(&renewal.client_id, FORM_ESCAPED).to_string();
    let mut body = format!(
        "grant_type=refresh_token&refresh_token={}",
        encoded(renewal.refresh_token.expose_secret())
    );
    let mut request = Request::new(Method::POST, endpoint.clone())
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .max_body_bytes(ANSWER_BYTES);
    match secret {
        Some(secret) if in_head => {
            context.secret(&STANDARD.encode(format!("{id}:{secret}")));
            request = request.basic_auth(&id, &secret);
        }
        Some(secret) => body.extend(["&client_id=", &id, "&client_secret=", &secret]),
        None => body.extend(["&client_id=", &id]),
    }
    request.body(body.into_bytes())
}

/// The error code in the provider's response, if it is one of [`ERROR_CODES`].
fn error_code(answer: &Response) -> Option<&'static str> {
    let refusal: OidcRefusal = serde_json::from_slice(answer.body()).ok()?;
    ERROR_CODES.into_iter().find(|code| *code == refusal.error)
}

fn refusal_error(answer: &Response) -> GatherError {
    let mut error = answer.status_error();
    let status = answer.status().as_u16();
    // With any other status the provider may have used up the refresh token: a 502, for example,
    // comes from a proxy in front of it.
    error.retryable &= matches!(status, 429 | 503);
    if matches!(status, 400 | 401 | 403) {
        error.kind = ErrorKind::Authentication;
        error = error.with_hint(LOG_IN);
    }
    if let Some(code) = error_code(answer) {
        error.message = format!("{}: {code}", error.message);
    }
    error
}

fn parse<T: DeserializeOwned>(answer: &Response) -> Result<T, GatherError> {
    serde_json::from_slice(answer.body()).map_err(|_| {
        // serde's own message is not used, because it quotes the response.
        let exchange = answer.exchange();
        GatherError::protocol(format!(
            "{exchange}: the response is not a valid OpenID Connect document"
        ))
        .with_hint("check that idp-issuer-url names an identity provider")
    })
}
