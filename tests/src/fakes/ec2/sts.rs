//! The Security Token Service: temporary keys for a web identity or a role.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use jiff::SignedDuration;

use super::parameters::Parameters;
use super::xml::Xml;
use super::{ACCOUNT, Ec2Error, Ec2Fake};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The ARN of the role that the fake gives temporary keys for.
pub const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/inventory";

/// The calls of this service.
pub(super) const ACTIONS: [&str; 3] =
    ["AssumeRoleWithWebIdentity", "AssumeRole", "GetCallerIdentity"];

/// Answers a request with one of these actions.
pub(super) fn answer(
    fake: &Ec2Fake,
    action: &str,
    parameters: Parameters,
    request: &ReceivedRequest,
) -> Action {
    let result = match action {
        "AssumeRoleWithWebIdentity" => assume_role(fake, action, parameters),
        "AssumeRole" => fake
            .check_signature(request, "sts")
            .map_err(as_sts)
            .and_then(|_| assume_role(fake, action, parameters)),
        _ => fake.check_signature(request, "sts").map_err(as_sts).map(|key| {
            let mut xml = Xml::default();
            xml.text("Arn", format!("arn:aws:iam::{ACCOUNT}:user/gatherer"));
            xml.text("UserId", key.id);
            xml.text("Account", ACCOUNT);
            xml
        }),
    };
    match result {
        Ok(result) => {
            let body = format!(
                "<{action}Response xmlns=\"{NAMESPACE}\">\n<{action}Result>\n{}</{action}Result>\n\
                 <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>\
                 </ResponseMetadata>\n</{action}Response>\n",
                result.into_text()
            );
            Action::answer(200, body).header("content-type", "text/xml")
        }
        Err(error) => refuse(&error),
    }
}

/// The codes that this service has for the same errors.
fn as_sts(error: Ec2Error) -> Ec2Error {
    match error.code.as_str() {
        "AuthFailure" => {
            let message = "The security token included in the request is invalid.";
            Ec2Error::new(403, "InvalidClientTokenId", message)
        }
        "RequestExpired" => {
            let message = "The security token included in the request is expired";
            Ec2Error::new(403, "ExpiredToken", message)
        }
        _ => error,
    }
}

/// An error as this service writes it, which is not EC2's form.
fn refuse(error: &Ec2Error) -> Action {
    let mut xml = Xml::default();
    xml.within("Error", |xml| {
        xml.text("Type", "Sender");
        xml.text("Code", &error.code);
        xml.text("Message", &error.message);
    });
    xml.text("RequestId", "c6104cbe-af31-11e0-8154-cbc7ccf896c7");
    let body =
        format!("<ErrorResponse xmlns=\"{NAMESPACE}\">\n{}</ErrorResponse>\n", xml.into_text());
    Action::answer(error.status, body).header("content-type", "text/xml")
}

fn assume_role(fake: &Ec2Fake, action: &str, mut parameters: Parameters) -> Result<Xml, Ec2Error> {
    let version = parameters.required("Version")?;
    if version != "2011-06-15" {
        let message = format!("Could not find operation {action} for version {version}");
        return Err(Ec2Error::new(400, "InvalidAction", message));
    }
    let invalid = |message: &str| Ec2Error::new(400, "ValidationError", message);
    let role = parameters.required("RoleArn")?;
    let session = parameters.required("RoleSessionName")?;
    let is_allowed =
        |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    if !(2..=64).contains(&session.len()) || !session.chars().all(is_allowed) {
        return Err(invalid("Value at 'roleSessionName' failed to satisfy constraint"));
    }
    let seconds = parameters.take("DurationSeconds").unwrap_or_else(|| "3600".to_owned());
    let seconds: i64 = seconds.parse().unwrap_or_default();
    if !(900..=43_200).contains(&seconds) {
        return Err(invalid("Value at 'durationSeconds' failed to satisfy constraint"));
    }
    let is_web = action == "AssumeRoleWithWebIdentity";
    if is_web {
        let token = parameters.required("WebIdentityToken")?;
        if token == fake.expired_web_identity_token {
            let message =
                "Token expired: current date/time must be before the expiration date/time";
            return Err(Ec2Error::new(400, "ExpiredTokenException", message));
        }
        if token != fake.web_identity_token {
            let message = "The ID Token provided is not a valid JWT.";
            return Err(Ec2Error::new(400, "InvalidIdentityToken", message));
        }
    } else {
        parameters.take("ExternalId");
    }
    if role != ROLE_ARN {
        let message = format!("Not authorized to perform sts:{action}");
        return Err(Ec2Error::new(403, "AccessDenied", message));
    }
    parameters.finish()?;
    let key = fake.issue_key(SignedDuration::from_secs(seconds));
    let mut xml = Xml::default();
    if is_web {
        xml.text("SubjectFromWebIdentityToken", "system:serviceaccount:inventory:gatherer");
        xml.text("Audience", "sts.amazonaws.com");
        xml.text("Provider", "arn:aws:iam::123456789012:oidc-provider/oidc.example.com");
    }
    xml.within("AssumedRoleUser", |xml| {
        xml.text("Arn", format!("arn:aws:sts::{ACCOUNT}:assumed-role/inventory/{session}"));
        xml.text("AssumedRoleId", format!("AROAEXAMPLEROLE000001:{session}"));
    });
    xml.within("Credentials", |xml| {
        xml.text("AccessKeyId", key.id);
        xml.text("SecretAccessKey", key.secret);
        xml.optional("SessionToken", key.token);
        xml.optional("Expiration", key.expires);
    });
    Ok(xml)
}
