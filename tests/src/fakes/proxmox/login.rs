//! Logins, tickets and tokens of the fake.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::{
    FakeProxmox, PASSWORD, TOKEN_ID, TOKEN_SECRET, USER, data, refusal, unknown_parameter,
};

impl FakeProxmox {
    /// Answers a request for a ticket.
    pub(super) fn log_in(&self, request: &ReceivedRequest) -> Action {
        if request.method != "POST" {
            return data(Value::Null);
        }
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let as_query =
            ReceivedRequest { target: format!("/?{form}"), ..ReceivedRequest::default() };
        if unknown_parameter(&as_query, &["username", "password"]).is_some() {
            return refusal(400, "Parameter verification failed.");
        }
        let given = (as_query.query("username"), as_query.query("password"));
        if given != (Some(USER.to_owned()), Some(PASSWORD.to_owned())) {
            return refusal(401, "authentication failure");
        }
        if self.second_factor {
            return data(
                json!({"ticket": "PVE:!tfa!0", "username": USER, "NeedTFA": 1, "CSRFPreventionToken": "0"}),
            );
        }
        let mut state = self.state();
        state.logins += 1;
        state.requests = 0;
        data(json!({
            "ticket": ticket(state.logins), "username": USER, "cap": {},
            "CSRFPreventionToken": "6558:c3JmLXRva2Vu", "clustername": self.cluster,
        }))
    }

    /// Checks the ticket or the token of a request.
    pub(super) fn authenticate(&self, request: &ReceivedRequest) -> Result<(), Action> {
        if let Some(header) = request.header("authorization") {
            if header == format!("PVEAPIToken={TOKEN_ID}={TOKEN_SECRET}") {
                return Ok(());
            }
            return Err(refusal(401, "no such token"));
        }
        let Some(cookie) = request.header("cookie") else { return Err(refusal(401, "No ticket")) };
        let mut state = self.state();
        let is_valid = cookie == format!("PVEAuthCookie={}", ticket(state.logins));
        if !is_valid || state.logins == 0 || state.requests == self.requests_of_a_ticket {
            return Err(refusal(401, "permission denied - invalid PVE ticket"));
        }
        state.requests += 1;
        Ok(())
    }
}

fn ticket(login: usize) -> String {
    format!("PVE:{USER}:6558{login:04}::c2lnbmF0dXJl+/{login}==")
}
