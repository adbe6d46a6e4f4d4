//! The id token that requests are sent with, renewed at its identity provider once it has expired:
//! OpenID Connect Discovery 1.0 section 4, OpenID Connect Core 1.0 section 12, RFC 6749 section 6.
//! The kubeconfig is never written: what a provider gives is good for this run.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{
    Advice, Client, Limits, Method, Request, Response, StatusCode, Url, parse_url,
};
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::kubeconfig::{IdToken, LOG_IN, Oidc, Renewal};

/// The largest answer of an identity provider.
const ANSWER_BYTES: usize = 1024 * 1024;

/// A token that expires within this many seconds would do so on its way.
const LEEWAY_SECONDS: i64 = 10;

/// What a provider may say, RFC 6749 section 5.2. Any other text is its own, and is not shown.
const REASONS: [&str; 6] = [
    INVALID_GRANT,
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// The refresh token is not good, or not any more.
const INVALID_GRANT: &str = "invalid_grant";

/// What stands in a form as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who we are to an identity provider, and what it gave us.
pub(super) struct Identity {
    context: Context,
    state: Mutex<State>,
}

struct State {
    id_token: Option<IdToken>,
    renewal: Result<Renewal, GatherError>,
    /// Made when it is first needed; connections are kept.
    client: Option<Client>,
}

impl Identity {
    pub fn new(oidc: &Oidc, context: &Context) -> Arc<Self> {
        let Oidc { id_token, renewal } = oidc.clone();
        let state = Mutex::new(State { id_token, renewal, client: None });
        Arc::new(Self { context: context.clone(), state })
    }

    /// The header for a token that is good for a request that is sent now.
    pub async fn authorization(self: &Arc<Self>) -> Result<HeaderValue, GatherError> {
        let identity = Arc::clone(self);
        // On a task of its own: many a refresh token is good for one renewal, and one that is broken
        // off because its page is not wanted any more would cost it.
        let settled = tokio::spawn(async move {
            let mut state = identity.state.lock().await;
            state.settle(&identity.context).await
        });
        let token = settled
            .await
            .map_err(|_| GatherError::internal("renewing the id-token came to no end"))??;
        super::bearer(&token)
    }
}

impl State {
    async fn settle(&mut self, context: &Context) -> Result<SecretString, GatherError> {
        // Where nothing renews it, it is used up to its end.
        let leeway = if self.renewal.is_ok() { LEEWAY_SECONDS } else { 0 };
        if let Some(token) = &self.id_token
            && token.is_good_for(leeway)
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
                    // A page that is not wanted any more takes the error with it, and the next one
                    // would send a refresh token again that may be used up.
                    self.renewal = Err(error.clone());
                }
                Err(error)
            }
        }
    }
}

fn client(renewal: &Renewal, context: &Context) -> Client {
    let advice = Advice {
        untrusted: "give the kubeconfig's auth-provider the authority's certificate \
                    (idp-certificate-authority-data)",
        other_name: "use a name of the certificate in idp-issuer-url",
    };
    Client::trusting(context, Limits::default(), renewal.authorities.clone(), advice)
}

#[derive(Deserialize)]
struct Metadata {
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Asks for a new id token, and keeps the refresh token that comes with it.
async fn renew(
    renewal: &mut Renewal,
    client: &Client,
    context: &Context,
) -> Result<IdToken, GatherError> {
    let endpoint = token_endpoint(renewal, client).await?;
    let answer = ask(renewal, client, &endpoint, context).await?;
    let tokens: Tokens = read(&answer)?;
    for token in tokens.id_token.iter().chain(&tokens.refresh_token) {
        context.secret(token);
    }
    if let Some(token) = tokens.refresh_token.filter(|token| !token.is_empty()) {
        renewal.refresh_token = token.into();
    }
    let wrong = |why: String| GatherError::protocol(format!("{}: {why}", answer.place()));
    let token = tokens
        .id_token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| wrong("the answer has no id_token".to_owned()))?;
    let token = IdToken::read(&token).map_err(|what| wrong(format!("its id_token {what}")))?;
    if !token.is_good_for(0) {
        return Err(wrong(format!("its id_token expired at {}", token.expiry))
            .with_hint("check this machine's clock"));
    }
    Ok(token)
}

/// Where the provider says that tokens are to be had.
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
    let metadata: Metadata = read(&answer)?;
    let endpoint = parse_url(&metadata.token_endpoint).ok().filter(|url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    });
    endpoint.ok_or_else(|| {
        GatherError::protocol(format!(
            "{}: its token_endpoint is not an https URL without a user",
            answer.place()
        ))
    })
}

/// Asks for tokens. The provider knows us by our name and secret in the head of the request or, if
/// it does not take them there, in its body: RFC 6749 section 2.3.1 leaves that to the provider.
async fn ask(
    renewal: &Renewal,
    client: &Client,
    endpoint: &Url,
    context: &Context,
) -> Result<Response, GatherError> {
    let send = async |request: Request| {
        client.send(request).await.map_err(|mut error| {
            // What was sent may have been done, and would then not be done again.
            error.retryable = false;
            error
        })
    };
    let secret = renewal.client_secret.as_ref();
    let mut answer = send(request(endpoint, renewal, secret.is_some(), context)).await?;
    let unknown = matches!(answer.status().as_u16(), 400 | 401);
    if secret.is_some() && unknown && reason(&answer) != Some(INVALID_GRANT) {
        answer = send(request(endpoint, renewal, false, context)).await?;
    }
    if answer.status().is_success() { Ok(answer) } else { Err(refused(&answer)) }
}

fn request(endpoint: &Url, renewal: &Renewal, in_head: bool, context: &Context) -> Request {
    let encoded = |text: &str| {
        let text = utf8_percent_encode(text, PLAIN).to_string();
        context.secret(&text);
        text
    };
    let secret = renewal.client_secret.as_ref().map(|secret| encoded(secret.expose_secret()));
    let id = utf8_percent_encode(&renewal.client_id, PLAIN).to_string();
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

/// Why the provider says that it gives nothing.
fn reason(answer: &Response) -> Option<&'static str> {
    let refusal: Refusal = serde_json::from_slice(answer.body()).ok()?;
    REASONS.into_iter().find(|reason| *reason == refusal.error)
}

fn refused(answer: &Response) -> GatherError {
    let mut error = answer.status_error();
    let status = answer.status().as_u16();
    // Other servers before the provider may not know whether it has done it.
    error.retryable &= matches!(status, 429 | 503);
    if matches!(status, 400 | 401 | 403) {
        error.kind = ErrorKind::Authentication;
        error = error.with_hint(LOG_IN);
    }
    if let Some(reason) = reason(answer) {
        error.message = format!("{}: {reason}", error.message);
    }
    error
}

fn read<T: DeserializeOwned>(answer: &Response) -> Result<T, GatherError> {
    serde_json::from_slice(answer.body()).map_err(|_| {
        // serde quotes what it read.
        GatherError::protocol(format!("{}: the answer is not what OIDC asks for", answer.place()))
            .with_hint("check that idp-issuer-url names an identity provider")
    })
}
