//! The bytes of the answer for each fault.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};

use super::{Fault, Received, State};

const DRIP: Duration = Duration::from_millis(20);

pub(super) fn answer(
    stream: &mut impl Write,
    fault: &Fault,
    request: &Received,
    number: usize,
    document: &[u8],
    state: &State,
) -> io::Result<()> {
    let half = &document[..document.len() / 2];
    match fault {
        // `exchange` and `misbehave` handle these.
        Fault::Reset | Fault::Hangup | Fault::BlackHole | Fault::NotHttp => Ok(()),
        Fault::NoneGzip => whole(stream, "200 OK", GZIP, &gzip(document)),
        Fault::Pause => {
            head(stream, "200 OK", "", document.len())?;
            stream.write_all(&document[..1])?;
            stream.flush()?;
            while !state.stopping.load(Ordering::SeqCst) {
                std::thread::sleep(DRIP);
            }
            Ok(())
        }
        Fault::StatusEndless(status) => {
            write!(stream, "HTTP/1.1 {status} As The Test Wants\r\nconnection: close\r\n\r\n")?;
            endless(stream, state)
        }
        Fault::Drip => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n")?;
            drip(stream, document, state)
        }
        Fault::DripHead => {
            write!(stream, "HTTP/1.1 200 OK\r\nx-drip: ")?;
            drip(stream, b"drip", state)
        }
        Fault::Status(status, retry_after) => {
            let header = retry_after.map(|wait| format!("retry-after: {wait}\r\n"));
            status_only(stream, *status, &header.unwrap_or_default())
        }
        Fault::Answer(status, headers, body) => {
            whole(stream, &format!("{status} As The Test Wants"), headers, body)
        }
        Fault::Raw(bytes) => stream.write_all(bytes.as_bytes()),
        Fault::StatusOnce(status) if number == 0 => status_only(stream, *status, ""),
        Fault::TruncatedOnce if number == 0 => {
            head(stream, "200 OK", "", document.len())?;
            stream.write_all(half)
        }
        Fault::None | Fault::StatusOnce(_) | Fault::TruncatedOnce => {
            whole(stream, "200 OK", "", document)
        }
        Fault::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            endless(stream, state)
        }
        Fault::EndlessHead => {
            write!(stream, "HTTP/1.1 200 OK\r\nx-endless: ")?;
            endless(stream, state)
        }
        Fault::Announces(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n")?;
            stream.write_all(document)
        }
        Fault::TruncatedChunked => {
            write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            write!(stream, "{:x}\r\n", document.len())?;
            stream.write_all(document)?;
            stream.write_all(b"\r\n")
        }
        Fault::GzipBomb => gzip_bomb(stream),
        Fault::TruncatedGzip => {
            let data = gzip(document);
            whole(stream, "200 OK", GZIP, &data[..data.len() / 2])
        }
        Fault::DamagedGzip => whole(stream, "200 OK", GZIP, document),
        Fault::Brotli => whole(stream, "200 OK", "content-encoding: br\r\n", document),
        Fault::InvalidUtf8 => whole(stream, "200 OK", "", &[half, b"\xff", document].concat()),
        Fault::DeeplyNested => {
            let text = "[".repeat(10_000) + &"]".repeat(10_000);
            whole(stream, "200 OK", "", text.as_bytes())
        }
        Fault::HalfDocument => whole(stream, "200 OK", "", half),
        Fault::Empty => whole(stream, "200 OK", "", b""),
        Fault::RedirectLoop => redirect(stream, if request.target == "/a" { "/b" } else { "/a" }),
        Fault::RedirectChain => {
            let step: u32 = request.target.trim_start_matches('/').parse().unwrap_or(0);
            redirect(stream, &format!("/{}", step + 1))
        }
        Fault::RedirectTo(url) => redirect(stream, url),
        Fault::RequiresAuthorization(authorization)
            if request.header("authorization") == Some(authorization) =>
        {
            whole(stream, "200 OK", "", document)
        }
        Fault::RequiresAuthorization(_) => {
            status_only(stream, 401, "www-authenticate: Basic realm=\"x\"\r\n")
        }
    }
}

const GZIP: &str = "content-encoding: gzip\r\n";

fn head(stream: &mut impl Write, status: &str, headers: &str, length: usize) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
    )
}

fn whole(stream: &mut impl Write, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    head(stream, status, headers, body.len())?;
    stream.write_all(body)
}

fn status_only(stream: &mut impl Write, status: u16, headers: &str) -> io::Result<()> {
    whole(stream, &format!("{status} As The Test Wants"), headers, b"no document here")
}

fn redirect(stream: &mut impl Write, to: &str) -> io::Result<()> {
    whole(stream, "302 Found", &format!("location: {to}\r\n"), b"")
}

/// Sends the same bytes repeatedly, one every 20 ms, until the peer closes the connection.
fn drip(stream: &mut impl Write, bytes: &[u8], state: &State) -> io::Result<()> {
    for byte in bytes.iter().cycle() {
        if state.stopping.load(Ordering::SeqCst) {
            break;
        }
        stream.write_all(&[*byte])?;
        stream.flush()?;
        std::thread::sleep(DRIP);
    }
    Ok(())
}

fn endless(stream: &mut impl Write, state: &State) -> io::Result<()> {
    let block = vec![b' '; 64 * 1024];
    while !state.stopping.load(Ordering::SeqCst) {
        stream.write_all(&block)?;
    }
    Ok(())
}

/// The data as one gzip member.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("writing to a Vec cannot fail");
    encoder.finish().expect("writing to a Vec cannot fail")
}

/// Sends one compressed block of zeros 1024 times, which is valid because the block ends with a full flush. The
/// gzip member has no end.
fn gzip_bomb(stream: &mut impl Write) -> io::Result<()> {
    let zeros = vec![0; 1024 * 1024];
    let mut block = Vec::with_capacity(64 * 1024);
    Compress::new(Compression::default(), false)
        .compress_vec(&zeros, &mut block, FlushCompress::Full)
        .expect("zeros can be compressed");
    write!(stream, "HTTP/1.1 200 OK\r\n{GZIP}connection: close\r\n\r\n")?;
    stream.write_all(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")?;
    for _ in 0..1024 {
        stream.write_all(&block)?;
    }
    Ok(())
}
