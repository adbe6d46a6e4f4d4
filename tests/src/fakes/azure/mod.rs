//! A fake of Azure: the login service (Microsoft Entra ID) and the Resource Manager, over one subscription.
//!
//! It answers with the members of recorded answers, and refuses what Azure refuses. A request that Azure answers and the
//! fake does not is refused with 501, so that no test relies on a guess.

mod assertion;
mod certificate;
mod fault;
mod inventory;
mod lists;
mod login;
mod records;
mod resource_manager;
mod scale_set_records;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};

use certificate::RegisteredCertificate;
pub use fault::{AzureCall, AzureFault};
pub use inventory::{AzureInventory, AzureOrchestration, AzureScaleSet, AzureSize, AzureVm};

/// A fake Azure. `answer` is the script of a `TlsServer`, which is both the login service and the Resource Manager.
#[derive(Debug)]
pub struct AzureFake {
    /// What the subscription has.
    pub inventory: AzureInventory,
    /// The directory of the application.
    pub tenant_id: String,
    /// The subscription.
    pub subscription_id: String,
    /// The application, which is the user.
    pub application_id: String,
    /// The application's secret.
    pub secret: String,
    /// The largest page that it sends.
    pub page_size: usize,
    /// The `api-version` of the links to the next page, which differs from that of the request.
    pub link_version: &'static str,
    /// Whether a link is refused if the client replaced its version by another one.
    pub requires_link_version: bool,
    /// The resource groups that the application may read. `None` if it is Reader of the subscription.
    pub readable_groups: Option<Vec<&'static str>>,
    /// The URL for logins that the login service names, if it is not its own.
    pub token_endpoint: Option<String>,
    /// The seconds for which an access token is valid.
    pub token_seconds: u64,
    certificate: Option<RegisteredCertificate>,
    /// Each fault with the number of times that it still happens.
    faults: Vec<(AzureFault, AtomicU32)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Vec<Token>,
}

/// An access token that the login service issued.
#[derive(Debug)]
struct Token {
    text: String,
    /// The service for which it is valid.
    resource: String,
    expires: Instant,
    is_expired: bool,
}

impl AzureFake {
    /// A subscription whose application is Reader of it.
    pub fn new(inventory: AzureInventory) -> Self {
        Self {
            inventory,
            tenant_id: "7e4a4700-0000-4000-8000-000000000001".to_owned(),
            subscription_id: "5ab5c100-0000-4000-8000-000000000002".to_owned(),
            application_id: "a99a99a9-0000-4000-8000-000000000003".to_owned(),
            secret: "5ecret~of-the.application".to_owned(),
            page_size: 3,
            link_version: "2024-07-01",
            requires_link_version: false,
            readable_groups: None,
            token_endpoint: None,
            token_seconds: 3599,
            certificate: None,
            faults: Vec::new(),
            state: Mutex::default(),
        }
    }

    /// Adds a fault that always happens.
    #[must_use]
    pub fn with(self, fault: AzureFault) -> Self {
        self.with_times(fault, u32::MAX)
    }

    /// Adds a fault that happens this number of times.
    #[must_use]
    pub fn with_times(mut self, fault: AzureFault, times: u32) -> Self {
        self.faults.push((fault, AtomicU32::new(times)));
        self
    }

    /// Registers a certificate for logins, in PEM, with an RSA key.
    ///
    /// # Panics
    ///
    /// If it is not such a certificate.
    #[must_use]
    pub fn with_certificate(mut self, pem: &str) -> Self {
        self.certificate = Some(RegisteredCertificate::new(pem));
        self
    }

    /// The answer to a request whose access token has expired.
    pub fn token_expired() -> Action {
        let message = "The access token expiry UTC time '11/28/2026 11:00:00 AM' is earlier than current UTC time \
                       '11/28/2026 12:00:00 PM'.";
        resource_manager::error(401, "ExpiredAuthenticationToken", message)
    }

    /// The answer to a list that the application may not read.
    pub fn permission_denied() -> Action {
        resource_manager::forbidden(
            &Self::new(AzureInventory::of_size(0)),
            "Microsoft.Compute/virtualMachines/read",
        )
    }

    /// How many access tokens it has issued.
    pub fn logins(&self) -> usize {
        self.state().tokens.len()
    }

    /// The access tokens that it has issued.
    pub fn tokens(&self) -> Vec<String> {
        self.state().tokens.iter().map(|token| token.text.clone()).collect()
    }

    /// Answers a request of a client.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        let path = request.path().to_owned();
        if path.to_ascii_lowercase().starts_with("/subscriptions") {
            return resource_manager::answer(self, request, &path);
        }
        login::answer(self, request, &path)
    }

    /// Whether the fault happens now. Counts it.
    fn happens(&self, fault: &AzureFault) -> bool {
        self.happening(|known| (known == fault).then_some(())).is_some()
    }

    /// What the function finds in the first fault that happens now. Counts it.
    fn happening<'f, T>(&'f self, find: impl Fn(&'f AzureFault) -> Option<T>) -> Option<T> {
        for (fault, left) in &self.faults {
            let Some(found) = find(fault) else { continue };
            let one_less =
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                    u32::MAX => Some(u32::MAX),
                    left => left.checked_sub(1),
                });
            if one_less.is_ok() {
                return Some(found);
            }
        }
        None
    }

    /// The names of the objects that a list lacks.
    fn missing(&self, call: AzureCall) -> Vec<&'static str> {
        let faults = self.faults.iter();
        let names = faults.filter_map(|(fault, _)| match fault {
            AzureFault::Missing(of, name) if *of == call => Some((fault, *name)),
            _ => None,
        });
        names.filter(|(fault, _)| self.happens(fault)).map(|(_, name)| name).collect()
    }

    /// Whether the application may read the objects of a resource group.
    fn may_read(&self, group: &str) -> bool {
        let Some(groups) = &self.readable_groups else { return true };
        groups.iter().any(|readable| readable.eq_ignore_ascii_case(group))
    }

    fn issue_token(&self, resource: String) -> String {
        let mut state = self.state();
        let number = state.tokens.len() + 1;
        let text =
            format!("eyJ0eXAiOiJKV1QifQ.Y2FuYXJ5LXRva2Vu{number:04}.c2lnbmF0dXJl-of-a_token");
        let expires = Instant::now() + Duration::from_secs(self.token_seconds);
        state.tokens.push(Token { text: text.clone(), resource, expires, is_expired: false });
        text
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }
}

impl Token {
    fn is_expired(&self) -> bool {
        self.is_expired || Instant::now() >= self.expires
    }
}

/// The server's own address as the client wrote it.
fn base_url(request: &ReceivedRequest) -> String {
    format!("https://{}", request.header("host").unwrap_or("localhost"))
}
