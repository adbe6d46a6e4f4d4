//! `status`: when each endpoint was last gathered, and why one fails, from the state folder.

mod ages;
mod table;

use std::path::Path;

use gatherer_plugin_api::model::Timestamp;
use jiff::SignedDuration;
use serde::Serialize;

use super::gather::table_style;
use super::{fail, printing};
use crate::cli::{Settings, Status};
use crate::exit::Exit;
use crate::output::format;
use crate::output::outfile::{Outfile, Pieces};
use crate::state::{StateFolder, StatusRecord};

/// How long after the planned time an endpoint is overdue. A round may take its timeout, which is 300 s by default.
const OVERDUE_AFTER: SignedDuration = SignedDuration::from_mins(6);

/// The state of an endpoint in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    /// The last round succeeded.
    Complete,
    /// The last round failed.
    Failed,
    /// It was not asked when it was due: `watch` does not run, or hangs.
    Overdue,
    /// The infile does not have it any more.
    Removed,
    /// It was never asked.
    Unknown,
}

/// One endpoint in the document.
#[derive(Serialize)]
struct ShownStatus<'a> {
    status: Word,
    #[serde(flatten)]
    record: &'a StatusRecord,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusDocument<'a> {
    state_folder: &'a Path,
    endpoints: Vec<ShownStatus<'a>>,
}

/// Prints the status of all endpoints.
pub fn run(options: &Status, settings: &Settings) -> Exit {
    let statuses = StateFolder::open_existing(&options.state).and_then(|folder| folder.statuses());
    let mut statuses = match statuses {
        Ok(statuses) => statuses,
        Err(error) => return fail(Exit::Unreadable, &error.to_string()),
    };
    for status in &mut statuses {
        // Only the program itself needs them.
        status.announcement = None;
    }
    let now = Timestamp::now();
    let shown: Vec<_> =
        statuses.iter().map(|record| ShownStatus { status: word(record, now), record }).collect();
    let has_problem =
        shown.iter().any(|status| matches!(status.status, Word::Failed | Word::Overdue));
    let exit = if options.exit_code && has_problem { Exit::EndpointsFailed } else { Exit::Done };
    if options.json {
        let document = StatusDocument { state_folder: &options.state, endpoints: shown };
        let write = |writer: &mut Pieces<'_>| format::write_document(&document, writer);
        return printing::write_pieces(Outfile::Stdout, write, exit);
    }
    let style = table_style(settings, &Outfile::Stdout);
    printing::write(Outfile::Stdout, &table::text(&shown, now, style), exit)
}

fn word(record: &StatusRecord, now: Timestamp) -> Word {
    let is_overdue = record.next_run.is_some_and(|next| now.duration_since(next) > OVERDUE_AFTER);
    match record {
        _ if record.removed => Word::Removed,
        _ if is_overdue => Word::Overdue,
        _ if record.failing_since.is_some() => Word::Failed,
        _ if record.last_success.is_some() => Word::Complete,
        _ => Word::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Host, Timestamp};
    use gatherer_plugin_api::{ErrorKind, Expiry, GatherError};
    use jiff::SignedDuration;

    use super::{ShownStatus, Word, table, word};
    use crate::output::format::TableStyle;
    use crate::state::StatusRecord;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    fn result(id: &str) -> EndpointResult {
        EndpointResult::new(id.to_owned(), Some("File".to_owned()), None)
    }

    fn complete(id: &str) -> StatusRecord {
        let mut status = StatusRecord::new(id);
        let hosts = vec![Host::new("h", "h")];
        status.record(&EndpointResult { status: EndpointStatus::Complete, hosts, ..result(id) });
        let success = status.last_success.as_mut().expect("recorded");
        (success.at, success.duration_ms) = (at(-90), Some(1234));
        status
    }

    fn failed(id: &str) -> StatusRecord {
        let mut status = complete(id);
        let error = GatherError::new(ErrorKind::Timeout, "late").with_hint("wait");
        status.record(&EndpointResult { error: Some(error), ..result(id) });
        status.failing_since = Some(at(-7200));
        status.last_failure.as_mut().expect("recorded").at = at(-30);
        status
    }

    #[test]
    fn an_endpoint_is_overdue_some_time_after_its_planned_round() {
        let next_run = |seconds| StatusRecord { next_run: Some(at(seconds)), ..complete("e") };
        assert_eq!(word(&next_run(60), at(0)), Word::Complete);
        assert_eq!(word(&next_run(-300), at(0)), Word::Complete);
        assert_eq!(word(&next_run(-600), at(0)), Word::Overdue);
        let removed = StatusRecord { removed: true, ..next_run(-600) };
        assert_eq!(word(&removed, at(0)), Word::Removed);
        assert_eq!(word(&failed("e"), at(0)), Word::Failed);
        assert_eq!(word(&StatusRecord::new("e"), at(0)), Word::Unknown);
    }

    #[test]
    fn the_table_shows_each_endpoint_and_what_is_wrong() {
        let mut expiring = complete("expiring");
        let day = SignedDuration::from_hours(24);
        let success = expiring.last_success.as_mut().expect("recorded");
        success.expiries = vec![
            Expiry::new("the certificate of a", at(0) + day * 5),
            Expiry::new("the certificate of b", at(0) + day * 300),
            Expiry::new("the password of root", at(-10)),
        ];
        success.missing = vec!["pods".to_owned()];
        let records = [
            StatusRecord { next_run: Some(at(510)), ..complete("good") },
            failed("bad"),
            expiring,
            StatusRecord { removed: true, ..complete("gone") },
            StatusRecord { next_run: Some(at(-4000)), ..complete("late") },
        ];
        let shown: Vec<_> = records
            .iter()
            .map(|record| ShownStatus { status: word(record, at(0)), record })
            .collect();
        let style = TableStyle { width: 100, color: false };
        insta::assert_snapshot!(table::text(&shown, at(0), style));
    }
}
