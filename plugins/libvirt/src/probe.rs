//! Connects to the daemon's port once before libvirt does, to respect the endpoint's deadline.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use gatherer_plugin_api::{ErrorKind, GatherError};

use crate::errors::{DROPPED_HINT, UNKNOWN_NAME_HINT};
use crate::uri::Uri;

/// The longest wait for a TCP connection; shorter if the endpoint's deadline is earlier.
const PROBE_MAX: Duration = Duration::from_secs(20);
/// How long before the endpoint's deadline the probe stops, so that its error is reported instead
/// of the runner's.
const PROBE_MARGIN: Duration = Duration::from_millis(500);
/// The shortest wait for one address, if that much time is left.
const ADDRESS_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// Connects to the port that libvirt is about to connect to, and closes the connection.
///
/// libvirt itself would wait for a silent host as long as the kernel does, and its error would not
/// mention a timeout.
pub fn probe(uri: &Uri, remaining: Option<Duration>) -> Result<(), GatherError> {
    if uri.tcp_target().is_some() {
        connect(uri, &resolve(uri)?, remaining)?;
    }
    Ok(())
}

/// The addresses of the daemon's host; none if libvirt does not connect to a port.
pub fn resolve(uri: &Uri) -> Result<Vec<SocketAddr>, GatherError> {
    let Some(target) = uri.tcp_target() else { return Ok(Vec::new()) };
    let addresses = target.to_socket_addrs().map_err(|error| {
        GatherError::new(ErrorKind::Connection, format!("{uri}: {error}"))
            .with_hint(UNKNOWN_NAME_HINT)
    })?;
    Ok(addresses.collect())
}

/// Connects to one of these addresses, and returns the one that accepted the connection.
pub fn connect(
    uri: &Uri,
    addresses: &[SocketAddr],
    remaining: Option<Duration>,
) -> Result<SocketAddr, GatherError> {
    let port = uri.tcp_target().map_or(0, |(_, port)| port);
    let allowed = remaining.map_or(PROBE_MAX, |left| left.saturating_sub(PROBE_MARGIN));
    connect_any(addresses, allowed.min(PROBE_MAX)).map_err(|(kind, text)| {
        let hint = if kind == ErrorKind::Timeout {
            DROPPED_HINT
        } else {
            "check that the libvirt daemon listens there: see listen_tcp, listen_tls"
        };
        GatherError::new(kind, format!("{uri}: no connection to port {port}: {text}"))
            .with_hint(hint)
    })
}

/// Tries the addresses one after the other. The error is that of the last one tried.
fn connect_any(
    addresses: &[SocketAddr],
    allowed: Duration,
) -> Result<SocketAddr, (ErrorKind, String)> {
    let end = Instant::now() + allowed;
    let mut outcome = Err((ErrorKind::Connection, "the host has no address".to_owned()));
    for (index, address) in addresses.iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err((ErrorKind::Timeout, "timed out".to_owned()));
        }
        let timeout = address_timeout(left, addresses.len() - index);
        let started = Instant::now();
        match TcpStream::connect_timeout(address, timeout) {
            Ok(_) => {
                let time = started.elapsed().as_millis();
                tracing::debug!("{address} accepts connections ({time} ms); no proxy is used");
                return Ok(*address);
            }
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                outcome = Err((ErrorKind::Timeout, "no answer".to_owned()));
            }
            Err(error) => outcome = Err((ErrorKind::Connection, error.to_string())),
        }
    }
    outcome
}

/// How long to wait for the next of `addresses` addresses: an equal share of the time left, because
/// a host whose first address drops packets often answers on its second one.
fn address_timeout(left: Duration, addresses: usize) -> Duration {
    let parts = u32::try_from(addresses).unwrap_or(u32::MAX).max(1);
    (left / parts).max(ADDRESS_TIMEOUT_MIN).min(left)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use gatherer_plugin_api::ErrorKind;
    use gatherer_plugin_support::testing::{FullPort, closed_port};

    use super::{address_timeout, connect_any, probe};
    use crate::uri::Uri;

    #[test]
    fn a_closed_port_is_a_connection_error_without_the_user_name() {
        let port = closed_port().port();
        let uri = Uri::parse(&format!("qemu+tcp://u@127.0.0.1:{port}/system")).expect("allowed");
        let error = probe(&uri, Some(Duration::from_secs(5))).expect_err("closed");
        assert_eq!(error.kind, ErrorKind::Connection);
        assert!(error.message.contains(&port.to_string()), "{error}");
        assert!(!error.message.contains("u@"), "{error}");
    }

    #[test]
    fn an_address_that_drops_packets_leaves_time_for_the_next() {
        let silent = FullPort::open();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let open = listener.local_addr().expect("a bound address");
        let addresses = [silent.address(), open];
        assert_eq!(connect_any(&addresses, Duration::from_secs(6)), Ok(open));
        let (kind, _) =
            connect_any(&addresses[..1], Duration::from_millis(300)).expect_err("no answer");
        assert_eq!(kind, ErrorKind::Timeout);
    }

    #[test]
    fn addresses_share_the_time_with_a_minimum_for_each() {
        let seconds = Duration::from_secs;
        assert_eq!(address_timeout(seconds(20), 2), seconds(10));
        assert_eq!(address_timeout(seconds(10), 1), seconds(10));
        assert_eq!(address_timeout(seconds(20), 40), seconds(2));
        assert_eq!(address_timeout(seconds(1), 2), seconds(1));
    }
}
