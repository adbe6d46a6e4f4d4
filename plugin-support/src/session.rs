//! Sessions: one login for all requests of an endpoint, and one more if the server ends the session.

use gatherer_plugin_api::{ErrorKind, GatherError};
use tokio::sync::Mutex;

/// The session with a server: the token (or cookie, or ticket) of the last login.
///
/// ```no_run
/// use gatherer_plugin_api::{Context, GatherError};
/// use gatherer_plugin_support::http::{Client, Method, Request, Response, Url};
/// use gatherer_plugin_support::retry;
/// use gatherer_plugin_support::session::Session;
///
/// struct Cloud {
///     context: Context,
///     client: Client,
///     session: Session<String>,
///     login_url: Url,
///     credentials: Vec<u8>,
/// }
///
/// impl Cloud {
///     async fn login(&self) -> Result<String, GatherError> {
///         let request = Request::new(Method::POST, self.login_url.clone());
///         let request = request.body(self.credentials.clone());
///         let response = self.client.send(request).await?.error_for_status()?;
///         let token = response.headers().get("x-subject-token").and_then(|token| token.to_str().ok());
///         let token = token.ok_or_else(|| GatherError::protocol("the login returns no token"))?;
///         self.context.secret(token);
///         Ok(token.to_owned())
///     }
///
///     async fn get(&self, url: &Url) -> Result<Response, GatherError> {
///         let attempt = async |token: &String| {
///             let request = Request::get(url.clone()).header("x-auth-token", token);
///             self.client.send(request).await?.error_for_status()
///         };
///         retry::idempotent(&self.context, || self.session.run(|| self.login(), &attempt)).await
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Session<Token> {
    /// Locked during a login, so that requests that run at once share it.
    state: Mutex<State<Token>>,
}

#[derive(Debug)]
struct State<Token> {
    token: Option<Token>,
    /// The number of logins so far. It distinguishes tokens, which a server may use again.
    logins: u64,
    /// Why the server refused the login.
    refused: Option<GatherError>,
}

impl<Token> Default for Session<Token> {
    fn default() -> Self {
        Self { state: Mutex::new(State { token: None, logins: 0, refused: None }) }
    }
}

impl<Token: Clone> Session<Token> {
    /// Runs a request with the session's token, after a login if there is no session yet.
    ///
    /// If the request fails with an `authentication` error, the session has ended: logs in once more, unless
    /// another request has done so, and repeats the request once. A server that reports the end of a session
    /// in another way than with 401 needs a `request` that returns an `authentication` error for it.
    ///
    /// A login that fails with an error that is not retryable is not attempted again: all requests return
    /// its error. So a wrong password is sent once, and does not lock the account.
    pub async fn run<T>(
        &self,
        login: impl AsyncFn() -> Result<Token, GatherError>,
        request: impl AsyncFn(&Token) -> Result<T, GatherError>,
    ) -> Result<T, GatherError> {
        let (token, number) = self.token(0, &login).await?;
        match request(&token).await {
            Err(error) if error.kind == ErrorKind::Authentication => {
                tracing::info!("{error}; logging in again");
                let (token, _) = self.token(number, &login).await?;
                request(&token).await
            }
            result => result,
        }
    }

    /// The token of a login after the one with this number, and that login's number.
    async fn token(
        &self,
        after: u64,
        login: impl AsyncFn() -> Result<Token, GatherError>,
    ) -> Result<(Token, u64), GatherError> {
        let mut state = self.state.lock().await;
        if let Some(error) = &state.refused {
            return Err(error.clone());
        }
        match &state.token {
            Some(token) if state.logins > after => Ok((token.clone(), state.logins)),
            _ => match login().await {
                Ok(token) => {
                    state.token = Some(token.clone());
                    state.logins += 1;
                    Ok((token, state.logins))
                }
                Err(error) => {
                    state.refused = (!error.retryable).then(|| error.clone());
                    Err(error)
                }
            },
        }
    }

    /// The token of the last login, to log out.
    pub fn into_token(self) -> Option<Token> {
        self.state.into_inner().token
    }
}
