//! How a scripted server answers a request: correctly, or with a fault.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};

/// The pause between two bytes of a slow answer.
const DRIP: Duration = Duration::from_millis(20);

/// How a server answers one request. After an `Answer` the connection stays open for the next request, unless
/// the request or the answer has the header `connection: close`. After any other action it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A correct answer. Its Content-Length is added.
    Answer {
        /// The status.
        status: u16,
        /// Names and values of the other headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Sends these bytes, which include the head, and closes the connection.
    Raw(Vec<u8>),
    /// Resets the connection.
    Reset,
    /// Closes the connection.
    Hangup,
    /// Never answers.
    BlackHole,
    /// Sends the head of an answer and one byte of its body, then nothing more.
    Pause,
    /// Sends the head of an answer, then a byte of its body every 20 ms, endlessly.
    Drip,
    /// Sends a byte of the head every 20 ms, endlessly.
    DripHead,
    /// Sends this status with an endless body.
    Endless(u16),
    /// Sends an endless head.
    EndlessHead,
}

impl Action {
    /// An answer with this status and body, and no other headers.
    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    /// An answer with this status and a JSON document.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::answer(status, body.to_string()).header("content-type", "application/json")
    }

    /// A redirect to this URL.
    pub fn redirect(url: &str) -> Self {
        Self::answer(302, "").header("location", url)
    }

    /// An answer with status 200, whose body is compressed here.
    pub fn gzip(body: &[u8]) -> Self {
        Self::answer(200, gzip(body)).header("content-encoding", "gzip")
    }

    /// An answer with status 200 that is truncated, if `length`, its Content-Length, is larger than the body.
    pub fn with_length(length: u64, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        Self::Raw([head.as_bytes(), body].concat())
    }

    /// An answer with status 200 and a chunked body without the last chunk.
    pub fn truncated_chunks(body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n");
        Self::Raw([head.as_bytes(), body, b"\r\n"].concat())
    }

    /// An answer with 1 GiB of zeros in about 1 MiB of gzip.
    pub fn gzip_bomb() -> Self {
        let zeros = vec![0; 1024 * 1024];
        let mut block = Vec::with_capacity(64 * 1024);
        Compress::new(Compression::default(), false)
            .compress_vec(&zeros, &mut block, FlushCompress::Full)
            .expect("zeros can be compressed");
        let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff";
        // The block may be repeated because it ends with a full flush. The gzip member has no end.
        Self::Raw([head.as_slice(), &block.repeat(1024)].concat())
    }

    /// Adds a header to an `Answer`. A name may be added twice. Panics if it is another action.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match &mut self {
            Self::Answer { headers, .. } => headers.push((name.to_owned(), value.to_owned())),
            other => panic!("{other:?} has no headers"),
        }
        self
    }

    /// Sends the answer. `raw` is the connection below TLS.
    pub(super) fn perform(
        &self,
        mut stream: &mut (impl Read + Write),
        raw: &TcpStream,
    ) -> io::Result<()> {
        match self {
            Self::Answer { status, headers, body } => {
                let mut head = format!(
                    "HTTP/1.1 {status} As The Test Wants\r\ncontent-length: {}\r\n",
                    body.len()
                );
                for (name, value) in headers {
                    head.extend([name, ": ", value, "\r\n"]);
                }
                stream.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
                stream.flush()
            }
            Self::Raw(bytes) => stream.write_all(bytes),
            Self::Reset => {
                // Closing with a linger of 0 would not work, since copies of the descriptor keep the socket
                // open. Connecting to AF_UNSPEC resets it at once.
                rustix::net::connect_unspec(raw)?;
                Ok(())
            }
            Self::Hangup => raw.shutdown(Shutdown::Both),
            Self::BlackHole => wait_for_end(stream),
            Self::Pause => {
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{{")?;
                stream.flush()?;
                wait_for_end(stream)
            }
            Self::Drip => {
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n")?;
                repeat(&mut stream, b" ", DRIP)
            }
            Self::DripHead => {
                write!(stream, "HTTP/1.1 200 OK\r\nx-drip: ")?;
                repeat(&mut stream, b"d", DRIP)
            }
            Self::Endless(status) => {
                write!(stream, "HTTP/1.1 {status} As The Test Wants\r\n\r\n")?;
                repeat(&mut stream, &[b' '; 16 * 1024], Duration::ZERO)
            }
            Self::EndlessHead => {
                write!(stream, "HTTP/1.1 200 OK\r\nx-endless: ")?;
                repeat(&mut stream, &[b' '; 16 * 1024], Duration::ZERO)
            }
        }
    }
}

/// Waits until the peer or the server ends the connection.
fn wait_for_end(stream: &mut impl Read) -> io::Result<()> {
    while stream.read(&mut [0; 4096])? > 0 {}
    Ok(())
}

/// Sends the same bytes repeatedly until the peer or the server ends the connection, which is an error.
fn repeat(stream: &mut impl Write, bytes: &[u8], pause: Duration) -> io::Result<()> {
    loop {
        stream.write_all(bytes)?;
        stream.flush()?;
        std::thread::sleep(pause);
    }
}

/// The data as one gzip member.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("writing to a Vec cannot fail");
    encoder.finish().expect("writing to a Vec cannot fail")
}
