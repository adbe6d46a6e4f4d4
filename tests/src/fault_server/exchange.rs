//! Parses HTTP requests.

use std::io::{self, Read, Write};

/// A request that a server received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `GET`, `CONNECT`, ...
    pub method: String,
    /// The request target: a path, a whole URL at a proxy, or `host:port` for CONNECT.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, which only a [`ScriptedServer`](super::ScriptedServer) reads.
    pub body: Vec<u8>,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the body of a request that has a Content-Length.
pub(super) fn read_body(stream: &mut impl Read, request: &mut Received) -> io::Result<()> {
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    stream.take(length.unwrap_or(0)).read_to_end(&mut request.body).map(drop)
}

/// Answers something that is not an HTTP request, as servers do.
pub(super) fn refuse(stream: &mut impl Write) -> io::Result<()> {
    write!(stream, "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// Reads the head of a request, not its body. The error is `InvalidData` if the first byte cannot begin an
/// HTTP request.
pub(super) fn read_request(stream: &mut impl Read) -> io::Result<Received> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 || head.len() > 64 * 1024 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if head.is_empty() && !byte[0].is_ascii_uppercase() {
            // No HTTP method begins with such a byte, but TLS does.
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let method = first.next().unwrap_or_default();
    let target = first.next().unwrap_or_default();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Ok(Received { method, target, headers, body: Vec::new() })
}
