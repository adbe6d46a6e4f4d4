//! A scripted server with TLS, and the authority of its certificate in a file.

use std::ops::Deref;
use std::path::Path;

use tempfile::NamedTempFile;

use super::{Action, Authority, ReceivedRequest, ScriptedServer};

/// A scripted server whose certificate is valid for `127.0.0.1` and `localhost`, and the file with the certificate's
/// authority, for an endpoint's `ca_file`. Both end when it is dropped.
#[derive(Debug)]
pub struct TlsServer {
    server: ScriptedServer,
    ca_file: NamedTempFile,
}

impl TlsServer {
    /// Starts a server with this script.
    pub fn start(script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static) -> Self {
        let authority = Authority::new("A test");
        let identity = authority.identity(&["127.0.0.1", "localhost"]);
        let ca_file = NamedTempFile::new().expect("a temporary file");
        std::fs::write(ca_file.path(), authority.pem()).expect("the file is writable");
        Self { server: ScriptedServer::https(&identity, script), ca_file }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// The path of the file with the authority.
    pub fn ca_file(&self) -> &Path {
        self.ca_file.path()
    }
}

impl Deref for TlsServer {
    type Target = ScriptedServer;

    fn deref(&self) -> &ScriptedServer {
        &self.server
    }
}
