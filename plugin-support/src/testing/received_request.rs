//! Reads HTTP requests.

use std::io::{self, Read};

/// A request that a server or a proxy received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// The number of the request at this server, from 0.
    pub number: usize,
    /// `GET`, `CONNECT`, ...; `SOCKS5` at a SOCKS proxy.
    pub method: String,
    /// The request target: a path, a whole URL at a proxy, or `host:port` for CONNECT and SOCKS.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    /// The value of a header. The name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The decoded value of a parameter of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.query_pairs().into_iter();
        pairs.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The decoded names and values of all parameters of the query.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        let (_, query) = self.target.split_once('?').unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// Reads the head of a request, without its body. The error is `InvalidData` if the first byte cannot begin an
    /// HTTP request.
    pub(super) fn read_head(stream: &mut impl Read) -> io::Result<Self> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 || head.len() > 128 * 1024 {
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
        Ok(Self { method, target, headers, ..Self::default() })
    }

    /// Reads the body of a request that has a Content-Length.
    pub(super) fn read_body(&mut self, stream: &mut impl Read) -> io::Result<()> {
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        stream.take(length.unwrap_or(0)).read_to_end(&mut self.body).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::ReceivedRequest;

    #[test]
    fn decodes_the_parameters_of_the_query() {
        let target = "/v1/nodes?limit=2&continue=ey%2B%2FJ%3D%26%252+2".to_owned();
        let request = ReceivedRequest { target, ..ReceivedRequest::default() };
        assert_eq!(request.path(), "/v1/nodes");
        assert_eq!(request.query("continue").as_deref(), Some("ey+/J=&%2 2"));
        assert_eq!(request.query("limi"), None);
        let pairs = request.query_pairs();
        assert_eq!(pairs[0], ("limit".to_owned(), "2".to_owned()));
        assert_eq!((pairs.len(), pairs[1].0.as_str()), (2, "continue"));
        assert_eq!(ReceivedRequest::default().query_pairs(), []);
    }
}
