//! Checks a hypervisor: the URI and its files, the client library, the connection, the rights, the versions, and how many
//! guests there are.

use gatherer_plugin_api::{CheckStep, Context, GatherError};

use crate::details::Details;
use crate::map::HostFacts;
use crate::uri::Uri;
use crate::{Parameters, Target, client, ffi, files, map, open, probe};

/// The rights by the names of libvirt's access control.
const READ: &str = "right: connect.read";
const SEARCH: &str = "right: connect.search-domains";
const READ_DOMAIN: &str = "right: domain.read";

/// Checks the hypervisor of an endpoint.
pub fn hypervisor(parameters: &Parameters, context: &Context) -> Result<(), GatherError> {
    parameters.details.parse::<Details>()?;
    let credentials = client::credentials(parameters)?;
    context.check_plan(plan(false));
    let Target { mut uri, warnings, homes } = Target::of(parameters, context)?;
    let has_port = uri.tcp_target().is_some();
    context.check_plan(plan(has_port));
    context.check_step(uri_step(&uri, &warnings));

    let copies = files::prepare(&mut uri, &context.options().policy, &homes)?;
    context.check_step(CheckStep::ok("files", "the files that the connection needs can be used"));
    let api = client::load(ffi::LIBRARY)?;
    context.check_step(CheckStep::ok("library", format!("{} is installed", ffi::LIBRARY)));
    if has_port {
        check_port(&uri, context)?;
    }
    let session = open(api, &uri, &credentials, &copies, context)?;
    let login = match credentials.username_text() {
        Some(user) => format!("connected read-only as the user {user}"),
        None => "connected read-only".to_owned(),
    };
    context.check_step(CheckStep::ok("login", login));

    let (facts, mut warnings) = session.host()?;
    let host = map::host(&facts).map_err(|error| session.with_uri(error))?;
    warnings.extend(map::missing_uuid_warning(&facts, &host).map(str::to_owned));
    let granted = format!("the host {} can be read", facts.hostname);
    context.check_step(CheckStep::ok(READ, granted));
    context.check_step(product_step(&facts, &warnings));
    let domains = session.domains()?;
    context.check_step(CheckStep::ok(SEARCH, "the guests can be listed"));
    let mut guests = 0;
    for batch in domains.chunks(client::BATCH) {
        guests += session.guests(batch, || context.check_cancelled())?.len();
    }
    context.check_step(CheckStep::ok(READ_DOMAIN, "the guests can be read"));
    context.check_step(CheckStep::ok("objects", format!("guests: {guests}")));
    Ok(())
}

fn plan(has_port: bool) -> Vec<&'static str> {
    let mut steps = vec!["uri", "files", "library"];
    if has_port {
        steps.extend(["name", "port"]);
    }
    steps.extend(["login", READ, "product", SEARCH, READ_DOMAIN, "objects"]);
    steps
}

fn uri_step(uri: &Uri, warnings: &[(&str, String)]) -> CheckStep {
    if warnings.is_empty() {
        return CheckStep::ok("uri", format!("{uri} is allowed"));
    }
    let texts: Vec<_> =
        warnings.iter().map(|(object, message)| format!("{object}: {message}")).collect();
    CheckStep::warning("uri", format!("{uri}; {}", texts.join("; ")), "change the endpoint's entry")
}

/// Makes the steps `name` and `port`.
fn check_port(uri: &Uri, context: &Context) -> Result<(), GatherError> {
    let addresses = probe::resolve(uri)?;
    let mut texts: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    texts.sort();
    texts.dedup();
    let host = uri.host().unwrap_or("localhost");
    let is_address = texts.len() == 1 && texts[0] == host;
    let message = if is_address {
        format!("{host} is an address")
    } else {
        format!("{host} is {}", texts.join(", "))
    };
    context.check_step(CheckStep::ok("name", message));
    let address = probe::connect(uri, &addresses, context.remaining())?;
    context.check_step(CheckStep::ok("port", format!("{address} accepts connections")));
    Ok(())
}

fn product_step(facts: &HostFacts, warnings: &[String]) -> CheckStep {
    let version = |version: Option<u64>| {
        let text = |version: u64| {
            format!(" {}.{}.{}", version / 1_000_000, version / 1_000 % 1_000, version % 1_000)
        };
        version.map(text).unwrap_or_default()
    };
    let message = format!(
        "{}{}, libvirt{}",
        facts.driver,
        version(facts.hypervisor_version),
        version(facts.library_version)
    );
    if warnings.is_empty() {
        return CheckStep::ok("product", message);
    }
    let message = format!("{message}; {}", warnings.join("; "));
    CheckStep::warning("product", message, "the run has the same warning")
}
