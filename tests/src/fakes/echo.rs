//! Answers that repeat the request, to test that no credential is shown.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::json;

/// Repeats everything that the client sent, and with it every credential: in the body, and in each place that a message
/// could quote. `known` is what the server knows besides that.
pub fn echo(known: &str, status: u16, content_type: &str, request: &ReceivedRequest) -> Action {
    let body = String::from_utf8_lossy(&request.body);
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let sent = format!("{known} {} {} {body}", request.target, headers.join(" "));
    let json = json!({
        "error": {"code": sent, "message": sent, "data": [sent]}, "message": sent, "errors": {"password": sent},
        "data": sent, "result": sent, "state": sent, "message_list": [{"message": sent, "reason": sent}],
        "access_token": sent,
    });
    let body = match content_type {
        "application/json" => json.to_string(),
        // The errors of OAuth 2.0 are texts.
        "application/problem+json" => {
            json!({"error": sent, "error_description": sent, "value": []}).to_string()
        }
        "text/xml" => {
            let sent = sent.replace('&', "&amp;").replace('<', "&lt;");
            format!(
                "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
                 <soapenv:Fault><faultcode>{sent}</faultcode><faultstring>{sent}</faultstring></soapenv:Fault>\
                 </soapenv:Body></soapenv:Envelope>"
            )
        }
        _ => sent,
    };
    Action::answer(status, body).header("content-type", content_type)
}
