//! Servers for the tests of plugins: a scripted HTTP server, with or without TLS, a proxy, certificates, and ports
//! that do not answer. All listen on 127.0.0.1 and end when they are dropped.
//!
//! ```
//! use gatherer_plugin_support::testing::{Action, ScriptedServer};
//!
//! let server = ScriptedServer::http(|request| match request.path() {
//!     "/api/hosts" => Action::answer(200, r#"[{"name": "h1"}]"#),
//!     _ => Action::answer(404, ""),
//! });
//! let url = server.url("/api/hosts");
//! // Let the plugin gather from this URL, then check what it sent.
//! assert_eq!(server.received().len(), 0);
//! ```

mod accepting;
mod action;
mod certificates;
mod forward_proxy;
mod page_faults;
#[cfg(test)]
mod page_faults_tests;
mod received_request;
mod scripted_server;
mod silent_ports;
mod tls_server;

pub use action::{Action, gzip};
pub use certificates::{Authority, ClientIdentity, Identity, KeyForm};
pub use forward_proxy::ForwardProxy;
pub use page_faults::{FaultyServer, PageFaults, Script};
pub use received_request::ReceivedRequest;
pub use scripted_server::{ScriptedServer, answers};
pub use silent_ports::{FullPort, closed_port};
pub use tls_server::TlsServer;
