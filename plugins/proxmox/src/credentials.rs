//! Which of the parameters' credentials are used: a user with a password, or an API token.

use gatherer_plugin_api::{GatherError, Secret};

use crate::Parameters;

/// The realm of a user without one: the realm that the login page of Proxmox VE preselects.
const DEFAULT_REALM: &str = "pam";

/// How the module logs in.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A login with a password, which gives a ticket.
    Password {
        /// The user with its realm.
        user: String,
        /// The password.
        password: Secret<String>,
    },
    /// An API token, sent with each request.
    Token {
        /// The token with its owner: `user@realm!name`.
        id: String,
        /// The secret.
        secret: Secret<String>,
    },
}

impl Credentials {
    /// The credentials of the parameters, and a warning about those that are not used.
    pub fn choose(parameters: Parameters) -> Result<(Self, Option<&'static str>), GatherError> {
        let given = |text: Option<String>| {
            text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let given_secret =
            |text: Option<Secret<String>>| text.filter(|text| !text.expose().is_empty());
        let user = given(parameters.username).map(|user| with_realm(&user));
        let password = given_secret(parameters.password);
        let id = given(parameters.api_token_id);
        let secret = given_secret(parameters.api_token_secret);
        for (name, text) in [
            ("username", user.as_deref()),
            ("api_token_id", id.as_deref()),
            ("api_token_secret", secret.as_ref().map(|secret| secret.expose().as_str())),
        ] {
            if text.is_some_and(|text| text.contains(char::is_control)) {
                return Err(GatherError::configuration(format!(
                    "the parameter {name} contains a line break or another control character"
                )));
            }
        }
        match (user, password, id, secret) {
            (user, password, Some(id), Some(secret)) => {
                let id = token_id(&id, user.as_deref())?;
                let ignored = password
                    .is_some()
                    .then_some("both a password and an API token are given; the token is used");
                Ok((Self::Token { id, secret }, ignored))
            }
            (Some(user), Some(password), id, secret) => {
                let ignored = (id.is_some() || secret.is_some()).then_some(
                    "only one of api_token_id and api_token_secret is given; the password is used",
                );
                Ok((Self::Password { user, password }, ignored))
            }
            _ => Err(GatherError::configuration(
                "either username and password or api_token_id and api_token_secret must be given",
            )),
        }
    }

    /// The credentials for messages, as a noun with its article.
    pub fn name(&self) -> String {
        match self {
            Self::Password { user, .. } => format!("the password of the user {user}"),
            Self::Token { id, .. } => format!("the API token {id}"),
        }
    }
}

fn with_realm(user: &str) -> String {
    if user.contains('@') { user.to_owned() } else { format!("{user}@{DEFAULT_REALM}") }
}

/// The token with its owner.
fn token_id(id: &str, user: Option<&str>) -> Result<String, GatherError> {
    let invalid = |why: &str| {
        GatherError::configuration(format!("the parameter api_token_id {why}"))
            .with_hint("it has the form user@realm!name")
    };
    match id.split_once('!') {
        Some((owner, name)) if owner.is_empty() || name.is_empty() => {
            Err(invalid("has no owner or no name"))
        }
        Some((owner, name)) => Ok(format!("{}!{name}", with_realm(owner))),
        None if id.contains('@') => Err(invalid("has an owner and no name")),
        None => match user {
            Some(user) => Ok(format!("{user}!{id}")),
            None => Err(invalid("has no owner, and username is not given")),
        },
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use super::*;

    fn choose(
        [user, password, id, secret]: [&str; 4],
    ) -> Result<(Credentials, Option<&'static str>), GatherError> {
        let text = |text: &str| (text != "-").then(|| text.to_owned());
        let secret_text = |value: &str| text(value).map(Secret::new);
        Credentials::choose(Parameters {
            username: text(user),
            password: secret_text(password),
            api_token_id: text(id),
            api_token_secret: secret_text(secret),
            ..Parameters::default()
        })
    }

    fn chosen(given: [&str; 4]) -> (String, bool) {
        let (credentials, ignored) = choose(given).expect("sufficient");
        (credentials.name(), ignored.is_some())
    }

    #[test]
    fn a_user_without_a_realm_is_in_the_realm_pam() {
        let of = |user| chosen([user, "pw", "-", "-"]);
        assert_eq!(of("root"), ("the password of the user root@pam".to_owned(), false));
        assert_eq!(of(" g@pve "), ("the password of the user g@pve".to_owned(), false));
    }

    #[test]
    fn a_token_may_name_its_owner_or_leave_it_to_the_username() {
        for (user, id) in
            [("-", "g@pve!inventory"), ("g@pve", "inventory"), ("other@pve", "g@pve!inventory")]
        {
            let (name, ignored) = chosen([user, "-", id, "s"]);
            assert_eq!((name.as_str(), ignored), ("the API token g@pve!inventory", false));
        }
        assert_eq!(chosen(["root", "", "t", "s"]).0, "the API token root@pam!t");
        assert_eq!(chosen(["", "-", "root!t", "s"]).0, "the API token root@pam!t");
    }

    #[test]
    fn a_token_takes_precedence_over_a_password_with_a_warning() {
        assert_eq!(chosen(["g@pve", "pw", "t", "s"]), ("the API token g@pve!t".to_owned(), true));
    }

    #[test]
    fn half_a_token_beside_a_password_is_ignored_with_a_warning() {
        for [id, secret] in [["t", "-"], ["-", "s"], ["t", ""]] {
            let (name, ignored) = chosen(["g@pve", "pw", id, secret]);
            assert_eq!((name.as_str(), ignored), ("the password of the user g@pve", true));
        }
    }

    #[test]
    fn incomplete_credentials_are_a_configuration_error() {
        let mut messages = Vec::new();
        for given in [
            ["-", "-", "-", "-"],
            ["", "", "", ""],
            ["g@pve", "-", "-", "-"],
            ["-", "pw", "-", "-"],
            ["g@pve", "-", "t", "-"],
            ["-", "-", "-", "s"],
            ["-", "-", "t", "s"],
            ["-", "-", "g@pve", "s"],
            ["-", "-", "g@pve!", "s"],
            ["-", "-", "!t", "s"],
        ] {
            let error = choose(given).expect_err("insufficient");
            assert_eq!(error.kind, ErrorKind::Configuration, "{given:?}");
            messages.push(format!("{}: {}", given.join(" "), error.message));
        }
        insta::assert_snapshot!(messages.join("\n"));
    }
}
