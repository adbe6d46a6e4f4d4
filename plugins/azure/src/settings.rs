//! What the parameters mean: the cloud's servers, the credentials, and the location.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatherer_plugin_api::{Context, GatherError, Secret, did_you_mean};
use gatherer_plugin_support::http::{
    ClientCertificate, PemBlocks, PemText, Url, UsedCredential, endpoint_url,
};
use gatherer_plugin_support::jwt::RsaSigner;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::Parameters;

/// The servers of a cloud.
#[derive(Debug)]
struct Cloud {
    name: &'static str,
    /// Where applications log in.
    authority: &'static str,
    /// Azure Resource Manager.
    endpoint: &'static str,
    /// What a token is requested for. It is not always the host of the API.
    audience: &'static str,
}

const CLOUDS: [Cloud; 3] = [
    Cloud {
        name: "public",
        authority: "https://login.microsoftonline.com",
        endpoint: "https://management.azure.com",
        audience: "https://management.azure.com",
    },
    Cloud {
        name: "usgovernment",
        authority: "https://login.microsoftonline.us",
        endpoint: "https://management.usgovcloudapi.net",
        audience: "https://management.core.usgovcloudapi.net",
    },
    Cloud {
        name: "china",
        authority: "https://login.chinacloudapi.cn",
        endpoint: "https://management.chinacloudapi.cn",
        audience: "https://management.chinacloudapi.cn",
    },
];

/// The checked parameters.
#[derive(Debug)]
pub struct Settings {
    /// The id of the subscription.
    pub subscription: String,
    /// Azure Resource Manager. Its path has no slash at the end, unless it is the root.
    pub endpoint: Url,
    /// How the module logs in.
    pub login: LoginSettings,
    /// The location as the operator wrote it; `None` for all.
    pub zone: Option<String>,
    /// Whether the operator knows that the application may read the whole subscription.
    pub reader_confirmed: bool,
}

/// How the module logs in.
#[derive(Debug)]
pub struct LoginSettings {
    /// The URL that gives tokens.
    pub token_url: Url,
    /// What the token is for.
    pub scope: String,
    /// The client id of the app registration.
    pub application: String,
    /// How the application proves who it is.
    pub credentials: Credentials,
}

/// How the application proves who it is.
#[derive(Debug)]
pub enum Credentials {
    /// A client secret.
    Secret(Secret<String>),
    /// A certificate, whose key signs an assertion.
    Certificate(Box<SigningCertificate>),
}

/// A certificate with its key.
#[derive(Debug)]
pub struct SigningCertificate {
    /// The key.
    pub signer: RsaSigner,
    /// The SHA-1 digest of the certificate, by which the login service finds it (RFC 7515 section 4.1.7).
    pub thumbprint: String,
    /// The certificate for messages, and when it expires.
    pub credential: UsedCredential,
}

impl Settings {
    /// Checks the parameters, and reads the certificate. Warns about a client secret that is not used.
    pub fn new(parameters: Parameters, context: &Context) -> Result<Self, GatherError> {
        let subscription = identifier("subscription_id", &parameters.subscription_id)?;
        let application = identifier("application_id", &parameters.application_id)?;
        let tenant = identifier("tenant_id", &parameters.tenant_id)?;
        let cloud = cloud(parameters.cloud.as_deref())?;
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let (endpoint, audience) = match given(parameters.endpoint_url) {
            Some(text) => {
                let url = server("endpoint_url", &text)?;
                let audience = url.as_str().trim_end_matches('/').to_owned();
                (url, audience)
            }
            None => (server("endpoint_url", cloud.endpoint)?, cloud.audience.to_owned()),
        };
        let mut token_url = match given(parameters.authority_url) {
            Some(text) => server("authority_url", &text)?,
            None => server("authority_url", cloud.authority)?,
        };
        push_path(&mut token_url, &[&tenant, "oauth2", "v2.0", "token"]);
        Ok(Self {
            subscription,
            endpoint,
            login: LoginSettings {
                token_url,
                scope: format!("{audience}/.default"),
                application,
                credentials: credentials(parameters.secret_key, parameters.certificate, context)?,
            },
            zone: given(parameters.zone).map(|zone| zone.trim().to_owned()),
            reader_confirmed: parameters.reader_confirmed.unwrap_or(false),
        })
    }
}

impl Settings {
    /// Reports when the certificate expires, with a warning if that is soon.
    pub fn report_expiry(&self, context: &Context) -> Result<(), GatherError> {
        let Credentials::Certificate(certificate) = &self.login.credentials else { return Ok(()) };
        let credential = &certificate.credential;
        if let Some(expiry) = credential.expiry {
            context.expiry(&credential.name, expiry);
        }
        match credential.expiry_warning() {
            Some(warning) => context.warning(context.endpoint(), warning),
            None => Ok(()),
        }
    }
}

/// Adds parts to the path of a URL. Each part is escaped.
pub fn push_path(url: &mut Url, parts: &[&str]) {
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
}

fn cloud(name: Option<&str>) -> Result<&'static Cloud, GatherError> {
    let name = name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(CLOUDS[0].name);
    let known = CLOUDS.iter().find(|cloud| cloud.name.eq_ignore_ascii_case(name));
    known.ok_or_else(|| {
        let names = CLOUDS.iter().map(|cloud| cloud.name);
        let closest = did_you_mean(name, names);
        GatherError::configuration(format!("the parameter cloud has an unknown value{closest}"))
            .with_hint("use public, usgovernment or china; set authority_url and endpoint_url for a private cloud")
    })
}

/// An id, or the name of a domain, that becomes a part of a path.
fn identifier(name: &str, text: &str) -> Result<String, GatherError> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let has_word = text.contains(|c: char| c.is_ascii_alphanumeric());
    if !has_word || !text.chars().all(is_plain) {
        let message = format!("the parameter {name} is not an id");
        return Err(GatherError::configuration(message).with_hint(
            "it consists of letters, digits, dashes and dots, as the Azure portal shows it",
        ));
    }
    Ok(text.to_owned())
}

/// The URL of a server that gets a secret or a token, without a slash at its end.
fn server(name: &str, text: &str) -> Result<Url, GatherError> {
    let mut url = endpoint_url(text)
        .map_err(|why| GatherError::configuration(format!("the parameter {name} {why}")))?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
    }
    Ok(url)
}

fn credentials(
    secret: Option<Secret<String>>,
    certificate: Option<Secret<String>>,
    context: &Context,
) -> Result<Credentials, GatherError> {
    let given = |text: Option<Secret<String>>| text.filter(|text| !text.expose().trim().is_empty());
    match (given(secret), given(certificate)) {
        (secret, Some(certificate)) => {
            if secret.is_some() {
                let message = "both secret_key and certificate are given; the certificate is used";
                context.warning(context.endpoint(), message)?;
            }
            let certificate = SigningCertificate::read(certificate.expose(), context)?;
            Ok(Credentials::Certificate(Box::new(certificate)))
        }
        (Some(secret), None) => Ok(Credentials::Secret(secret)),
        (None, None) => Err(GatherError::configuration("secret_key is missing")
            .with_hint("set secret_key to the value of a client secret, or certificate")),
    }
}

impl SigningCertificate {
    /// Reads a certificate and its RSA key from a PEM file, or from the text itself.
    fn read(value: &str, context: &Context) -> Result<Self, GatherError> {
        let text = PemText::read("certificate", value, context)?;
        let hint = "the file must contain the certificate and its RSA key in PEM; of a PFX file \
                    `openssl pkcs12 -in FILE -nodes` makes one";
        let invalid = |why: String| text.error(&why).with_hint(hint);
        let signer = RsaSigner::from_pem(&text.pem).map_err(|error| invalid(error.to_string()))?;
        let pair = ClientCertificate::from_pem(&text.pem, &text.pem)
            .map_err(|error| error.refine(invalid(error.why.clone())))?;
        let blocks = PemBlocks::parse(&text.pem).blocks;
        let certificate = blocks.iter().find(|block| block.label == "CERTIFICATE");
        let certificate =
            certificate.ok_or_else(|| invalid("contains no PEM certificate".to_owned()))?;
        let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate.der);
        let expiry = pair.credential().expiry;
        Ok(Self {
            signer,
            thumbprint: URL_SAFE_NO_PAD.encode(thumbprint),
            credential: UsedCredential {
                name: "the certificate of the application".to_owned(),
                expiry,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::testing::Recorder;

    use super::*;

    fn settings(change: impl FnOnce(&mut Parameters)) -> Settings {
        let mut parameters = Parameters {
            subscription_id: " s1 ".to_owned(),
            application_id: "a1".to_owned(),
            tenant_id: "example.com".to_owned(),
            secret_key: Some(Secret::new("secret".to_owned())),
            ..Parameters::default()
        };
        change(&mut parameters);
        Settings::new(parameters, &Recorder::new().context()).expect("valid parameters")
    }

    #[test]
    fn each_cloud_has_its_servers_and_its_scope() {
        for (cloud, endpoint, token_url, scope) in [
            (
                None,
                "https://management.azure.com/",
                "https://login.microsoftonline.com/example.com/oauth2/v2.0/token",
                "https://management.azure.com/.default",
            ),
            (
                Some("USGovernment"),
                "https://management.usgovcloudapi.net/",
                "https://login.microsoftonline.us/example.com/oauth2/v2.0/token",
                "https://management.core.usgovcloudapi.net/.default",
            ),
            (
                Some("china"),
                "https://management.chinacloudapi.cn/",
                "https://login.chinacloudapi.cn/example.com/oauth2/v2.0/token",
                "https://management.chinacloudapi.cn/.default",
            ),
        ] {
            let settings = settings(|parameters| parameters.cloud = cloud.map(str::to_owned));
            assert_eq!(settings.endpoint.as_str(), endpoint);
            assert_eq!(settings.login.token_url.as_str(), token_url);
            assert_eq!(settings.login.scope, scope);
            assert_eq!(settings.subscription, "s1");
        }
    }

    #[test]
    fn a_named_endpoint_is_the_scope_and_a_named_authority_is_not() {
        let url = || Some("https://azure.example.com:8443/stack/".to_owned());
        let named = settings(|parameters| parameters.endpoint_url = url());
        assert_eq!(named.login.scope, "https://azure.example.com:8443/stack/.default");
        assert_eq!(named.endpoint.as_str(), "https://azure.example.com:8443/stack");
        assert!(named.login.token_url.as_str().starts_with("https://login.microsoftonline.com/"));
        let named = settings(|parameters| parameters.authority_url = url());
        assert_eq!(named.login.scope, "https://management.azure.com/.default");
        let expected = "https://azure.example.com:8443/stack/example.com/oauth2/v2.0/token";
        assert_eq!(named.login.token_url.as_str(), expected);
    }
}
