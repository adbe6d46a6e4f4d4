//! A minimal HTTPS client, with which a server of the tests forwards requests to a real server.

use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long a read may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A real server to which requests are forwarded.
#[derive(Debug, Clone)]
pub struct Upstream {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

/// The connection from which the answer of a request is read.
pub type AnswerStream = StreamOwned<ClientConnection, TcpStream>;

impl Upstream {
    /// The server at this address. Its certificate must be for this address and signed by this authority.
    pub fn new(address: SocketAddr, authority_pem: &str) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
            let certificate = certificate.expect("the authority's certificate is PEM");
            roots.add(certificate).expect("the authority's certificate is valid");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { address, tls: Arc::new(config) }
    }

    /// Sends a request. The connection ends after its answer.
    pub fn send(&self, request: &ReceivedRequest) -> io::Result<AnswerStream> {
        let ReceivedRequest { method, target, headers, body, .. } = request;
        let name = ServerName::IpAddress(self.address.ip().into());
        let connection =
            ClientConnection::new(Arc::clone(&self.tls), name).map_err(io::Error::other)?;
        let socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        let mut stream = StreamOwned::new(connection, socket);
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            // These headers are set below, or would change the form of the answer.
            if !["host", "connection", "accept-encoding", "content-length"].contains(&name.as_str())
            {
                head.extend([name, ": ", value, "\r\n"]);
            }
        }
        let length = body.len().to_string();
        head.extend(["connection: close\r\ncontent-length: ", &length, "\r\n\r\n"]);
        stream.write_all(&[head.as_bytes(), body].concat())?;
        stream.flush()?;
        Ok(stream)
    }

    /// Sends a request, and returns the whole answer. If the server is gone, the client must notice that too.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        let mut bytes = Vec::new();
        let read = self.send(request).and_then(|mut stream| stream.read_to_end(&mut bytes));
        match read.ok().and_then(|_| split(&bytes)) {
            Some((status, body)) => {
                Action::answer(status, body).header("content-type", "application/json")
            }
            None => Action::Hangup,
        }
    }
}

/// The status and the body of a whole answer. `None` if the answer is not valid.
fn split(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = &bytes[end + 4..];
    let chunked = head.lines().any(|line| line == "transfer-encoding: chunked");
    Some((status, if chunked { join_chunks(body)? } else { body.to_vec() }))
}

/// Decodes a chunked body. `None` if the last chunk is missing.
fn join_chunks(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&chunks[..end]).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        chunks = &chunks[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunks.get(..size)?);
        chunks = chunks.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn joins_chunks_and_rejects_a_body_without_the_last_chunk() {
        let answer = |body: &str| {
            split(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}").as_bytes())
        };
        assert_eq!(
            answer("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"),
            Some((200, b"abc0123456789".to_vec()))
        );
        assert_eq!(answer("3\r\nabc\r\n"), None);
        assert_eq!(split(b"HTTP/1.1 404 X\r\n\r\nno"), Some((404, b"no".to_vec())));
    }
}
