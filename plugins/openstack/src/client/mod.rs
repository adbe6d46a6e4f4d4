//! I/O: the login at the identity service, and requests to the compute service.

mod keystone;
mod lists;
mod nova;
mod status;

pub use keystone::Login;
pub use lists::rights;
pub use nova::{Compute, Microversion};

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::http::{self, CertificateHints, Timeouts, TlsSettings};
use gatherer_plugin_support::session::Session;

use crate::access::Access;

/// The hints for a certificate that is not trusted.
const CERTIFICATE_HINTS: CertificateHints = CertificateHints {
    untrusted: "name the authority of the cloud's certificates in ca_file",
    other_name: "use a name from the certificate in the URL of the service",
};

/// The compute service answers a request for a thousand servers of many cells only when all cells have answered.
const IDLE_SECONDS: u64 = 120;

/// A client of one cloud.
pub struct Cloud {
    context: Context,
    http: http::Client,
    access: Access,
    session: Session<Login>,
}

impl Cloud {
    /// A client for this access.
    pub fn new(access: Access, context: &Context) -> Self {
        let tls = TlsSettings { insecure: access.insecure, ..TlsSettings::default() };
        let timeouts =
            Timeouts { idle: std::time::Duration::from_secs(IDLE_SECONDS), ..Timeouts::default() };
        let http = http::Client::with_tls(context, timeouts, tls, CERTIFICATE_HINTS);
        Self { context: context.clone(), http, access, session: Session::default() }
    }

    /// The access.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Checks the connection to the identity service.
    pub async fn check_connection(&self) -> Result<(), GatherError> {
        self.http.check_connection(&self.access.auth_url).await
    }
}
