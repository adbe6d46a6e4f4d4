//! The cases of the operation `check`. Each first ends the step `login`.

use std::hint::black_box;
use std::time::Duration;

use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::model::Host;
use gatherer_plugin_api::{CheckStep, Context, ErrorKind, GatherError, GatherRequest};

use crate::raw;

/// Commits the fault that the parameter `case` names, and returns the summary if the fault lets it.
pub fn run(request: GatherRequest, callbacks: Callbacks) -> Result<String, GatherError> {
    let text = |name: &str| {
        request.parameters.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let (case, password) = (text("case"), text("password"));
    let context = Context::new(callbacks, request.endpoint, request.module, request.options);
    let call = |method: &str, request: &str| {
        (callbacks.call)(callbacks.context, method.into(), request.into()).is_ok()
    };
    context.check_plan(["login", "right: read", "objects"]);
    context.check_step(CheckStep::ok("login", "the user is logged in"));
    match case.as_str() {
        "refuses" => {
            return Err(GatherError::new(ErrorKind::Permission, "status 403 from the server")
                .with_hint("grant the right"));
        }
        "hangs" => loop {
            black_box(0);
        },
        "sleeps" => {
            while !context.cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
            context.check_cancelled()?;
        }
        "aborts" => std::process::abort(),
        "exits" => std::process::exit(0),
        "panics" => panic!("with a message"),
        "leaves-out" => {}
        "sends-hosts" => {
            context.host(Host::new("h", "h"))?;
            context.check_step(CheckStep::ok("right: read", "it is granted"));
            context.check_step(CheckStep::ok("objects", "1 host"));
        }
        "nonsense-steps" => {
            for (method, request) in [
                ("check-step", "not JSON"),
                ("check-step", r#"{"name":"right: read","status":"wonderful"}"#),
                ("check-step", r#"{"status":"ok","message":"no name"}"#),
                ("check-plan", r#"{"steps":[1,2]}"#),
                ("check-plan", "[]"),
                ("expiry", r#"{"what":"the token","at":"never"}"#),
            ] {
                if call(method, request) {
                    return Err(GatherError::internal(format!("{method} accepted {request}")));
                }
            }
            let long = vec!["step"; 1000];
            if call("check-plan", &serde_json::json!({ "steps": long }).to_string()) {
                return Err(GatherError::internal("check-plan accepted 1000 steps"));
            }
            context.check_step(CheckStep::ok("right: read", "it is granted"));
            context.check_step(CheckStep::ok("objects", "1 host"));
        }
        "nonsense-frame" => {
            raw::write_frames(b"{\"frame\":\"checkStep\",\"step\":{\"status\":\"wonderful\"}}\n");
        }
        "floods-steps" => (0..100_000).for_each(|number| {
            context.check_step(CheckStep::ok(format!("step {number}"), "much ".repeat(1000)));
        }),
        "floods-plans" => (0..20_000).for_each(|number| {
            context.check_plan([format!("step {number}")]);
        }),
        "long-texts" => {
            let escapes = "\x1b[31mred\ntwo lines\u{202e}";
            let long = format!("{escapes}{}", "x".repeat(100_000));
            context.check_step(CheckStep::warning("right: read", &long, &long));
            context.check_step(CheckStep::ok(long, "1 host"));
        }
        "leaks-secret" => {
            context.check_step(CheckStep::ok("right: read", format!("with {password}")));
            let error = GatherError::configuration(format!("wrong: {password}"))
                .with_hint(format!("not {password}"));
            context.check_step(CheckStep::failed(format!("name {password}"), &error));
            return Err(error);
        }
        _ => {
            context.check_step(CheckStep::ok("right: read", "it is granted"));
            context.check_step(CheckStep::ok("objects", "1 host"));
        }
    }
    serde_json::to_string(&context.summary())
        .map_err(|_| GatherError::internal("the summary cannot be serialized"))
}
