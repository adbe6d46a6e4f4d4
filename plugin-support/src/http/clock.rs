//! The difference between this machine's clock and that of a server.

use std::time::{Duration, SystemTime};

use http::header::{DATE, HeaderMap};

use crate::run::seconds;

/// Differences below this do not matter to a service that checks times.
const SMALL_SKEW: Duration = Duration::from_mins(1);

/// How far this machine's clock is from that of the server, according to the header `Date` of a response that arrived `now`.
/// `None` if they differ by less than a minute, or the response has no date. As a sentence: "the clock of this machine is
/// 600 s ahead of that of the server".
pub fn clock_skew(headers: &HeaderMap, now: SystemTime) -> Option<String> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    let (skew, direction) = match now.duration_since(date) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(error) => (error.duration(), "behind"),
    };
    if skew < SMALL_SKEW {
        return None;
    }
    let skew = seconds(Duration::from_secs(skew.as_secs()));
    Some(format!("the clock of this machine is {skew} {direction} that of the server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skew_of_the_clock_has_a_direction() {
        let date = "Sun, 06 Nov 1994 08:49:30 GMT";
        let headers = HeaderMap::from_iter([(DATE, date.parse().expect("a date"))]);
        let server = httpdate::parse_http_date(date).expect("a date");
        let skew = |now| clock_skew(&headers, now);
        let ahead = "the clock of this machine is 600 s ahead of that of the server";
        assert_eq!(skew(server + Duration::from_mins(10)).as_deref(), Some(ahead));
        let behind = "the clock of this machine is 3600 s behind that of the server";
        assert_eq!(skew(server - Duration::from_hours(1)).as_deref(), Some(behind));
        assert_eq!(skew(server + Duration::from_secs(59)), None);
        assert_eq!(clock_skew(&HeaderMap::new(), server), None);
        let invalid = HeaderMap::from_iter([(DATE, "soon".parse().expect("a header"))]);
        assert_eq!(clock_skew(&invalid, server), None);
    }
}
