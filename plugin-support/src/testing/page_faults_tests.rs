//! The table of faults, for a service with a login and two pages.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{Context, GatherError};
use serde::Deserialize;

use super::{Action, FaultyServer, PageFaults, Script};
use crate::http::{Client, Request, Response, parse_url};
use crate::session::Session;
use crate::{json, retry, run};

#[derive(Deserialize)]
struct Page {
    names: Vec<String>,
}

fn service() -> Script {
    Box::new(|request| match (request.path(), request.header("authorization")) {
        ("/login", Some("right")) => Action::answer(200, "token"),
        ("/pages/1", Some("token")) => Action::answer(200, r#"{"names": ["a", "b"]}"#),
        ("/pages/2", Some("token")) => Action::answer(200, r#"{"names": ["c"]}"#),
        _ => Action::answer(401, ""),
    })
}

fn faults() -> PageFaults {
    PageFaults::new(service, |request| request.path() == "/pages/2")
        .permission_denied(Action::answer(403, ""))
        .session_expired(Action::answer(401, ""), |request| request.path() == "/login")
}

async fn names(server: &FaultyServer, context: &Context) -> Result<Vec<String>, GatherError> {
    let (client, session) = (Client::new(context)?, Session::default());
    let get = async |path: &str, authorization: &str| -> Result<Response, GatherError> {
        let url = format!("https://{}{path}", server.address);
        let request = Request::get(parse_url(&url).expect("a URL"));
        client.send(request.header("authorization", authorization)).await?.error_for_status()
    };
    let password = if server.wrong_password { "wrong" } else { "right" };
    let login = async || -> Result<String, GatherError> {
        let token = get("/login", password).await?.into_body();
        Ok(String::from_utf8(token).expect("text"))
    };
    let mut names = Vec::new();
    for page in ["/pages/1", "/pages/2"] {
        let attempt = async |token: &String| get(page, token).await;
        let request = async || session.run(&login, &attempt).await;
        let response = retry::idempotent(context, request).await?;
        names.extend(json::read::<Page>(response.body(), page)?.names);
    }
    Ok(names)
}

fn gather(server: &FaultyServer) -> Result<Vec<String>, GatherError> {
    let context = Recorder::new().options(server.options.clone()).context();
    run::block_on(&context, names(server, &context))
}

#[test]
fn reports_the_result_of_each_fault() {
    insta::assert_snapshot!(faults().check(gather));
}

#[test]
#[should_panic(expected = "503 always: complete")]
fn fails_for_a_module_that_ends_with_the_first_page() {
    faults().check(|server| {
        gather(server).or_else(|error| {
            let names = ["a", "b", "c"].map(str::to_owned);
            if error.retryable { Ok(names.into()) } else { Err(error) }
        })
    });
}

#[test]
#[should_panic(expected = "the list must have a second page")]
fn fails_if_no_request_is_for_the_second_page() {
    PageFaults::new(service, |request| request.path() == "/pages/3").check(gather);
}
