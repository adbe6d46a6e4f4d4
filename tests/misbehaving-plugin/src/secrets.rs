//! The cases that leak secrets.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::{Context, ErrorKind, GatherError};

use crate::raw;

/// The secrets of a request.
pub struct Secrets {
    pub user: String,
    pub password: String,
    pub numbers: Vec<String>,
}

/// Reads a secret from a file and reports it to the runner.
pub fn learn(file: &str, context: &Context) -> Result<String, GatherError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| GatherError::configuration(format!("the file {file}: {error}")))?;
    context.secret(&text);
    Ok(text)
}

/// Leaks the secrets in the way that the case names.
#[expect(clippy::too_many_lines, reason = "a list of cases")]
pub fn leak(
    case: &str,
    secrets: &Secrets,
    callbacks: Callbacks,
    context: &Context,
) -> Result<(), GatherError> {
    let Secrets { user, password, numbers } = secrets;
    let log = |target: &str, message: &str| {
        (callbacks.log)(callbacks.context, 1, target.into(), message.into());
    };
    match case {
        "log-secret" => {
            for level in 1..=5 {
                (callbacks.log)(
                    callbacks.context,
                    level,
                    format!("target-{password}").as_str().into(),
                    format!("the password is {password}, quoted {password:?}").as_str().into(),
                );
            }
            context.progress(&format!("progress with {password}"));
        }
        "cut-secret" => {
            for before in 0..password.len() {
                let spaces = " ".repeat(before);
                let many = format!("{password} ").repeat(256 * 1024 / password.len());
                log(&format!("{}{password}", "t".repeat(256 - before)), &format!("{spaces}{many}"));
                context.progress(&format!("{}{password}", "p".repeat(4096 - before)));
            }
        }
        "spelled-secret" => {
            for (name, text) in spellings(user, password) {
                log("spelled", &format!("spelled {name}: <{text}>"));
            }
            for number in numbers {
                log("spelled", &format!("spelled number: <{number}>"));
            }
        }
        "words-secret" => {
            log("words", "reading page 1 of 2 hosts for the list: true");
            password.lines().for_each(|line| log("words", &format!("line <{}>", line.trim())));
            eprintln!("{password}");
        }
        "collection-name-secret" => {
            context.collection_end(format!("pods of {password}"), Ok(()))?;
        }
        "warning-secret" => context.warning(format!("of {password}"), format!("is {password}"))?,
        "stdout-secret" => {
            println!("stdout: {password}");
            // In two writes, so that the reader may get the halves separately.
            let (start, end) = password.split_at(password.len() / 2);
            raw::write(1, start.as_bytes());
            raw::write(1, end.as_bytes());
            raw::write(1, b"\n");
        }
        "stderr-secret" => eprintln!("stderr: {password}"),
        "long-line-secret" => {
            // A reader that splits a line without an end splits one of these secrets, wherever it does.
            for start in (0..64 * 1024).step_by(password.len()) {
                raw::write(2, if start % 1000 < 500 { b" " } else { b"x" });
                raw::write(2, password.as_bytes());
            }
        }
        "dying-secret" => {
            eprintln!("last words: {password}");
            std::process::abort();
        }
        "dying-in-a-line-secret" => {
            // The kept end of this output begins in the middle of a secret.
            for _ in 0..200 * 1024 / password.len() {
                raw::write(2, password.as_bytes());
            }
            std::process::abort();
        }
        "flood-secret" => {
            let first = password.lines().next().unwrap_or_default();
            for _ in 0..3_000 {
                log("flood", &format!("a line of the log with {first} in it"));
            }
            let piece = format!("{}{first}", "x".repeat(1000));
            for _ in 0..6 * 1024 * 1024 / piece.len() {
                raw::write(2, piece.as_bytes());
            }
        }
        "error-secret" => {
            return Err(GatherError::new(ErrorKind::Permission, format!("no to {password}"))
                .with_hint(format!("not {password}")));
        }
        "collection-secret" => context.collection_end(
            "pods",
            Err(GatherError::new(ErrorKind::Permission, format!("no to {password}"))),
        )?,
        "too-many-secret" => {
            for number in 0..1000 {
                let text = format!("{password}{number}");
                context.secret(&text);
                log("many", &text);
                raw::write(2, format!("{text}\n").as_bytes());
            }
        }
        "too-long-secret" => {
            let text = password.repeat(128 * 1024 / password.len() + 1);
            context.secret(&text);
            raw::write(2, text.as_bytes());
        }
        "malformed-secret" => {
            let request = format!("{{\"texts\": [\"{password}\"]}}");
            let _ = (callbacks.call)(callbacks.context, "secret".into(), request.as_str().into());
        }
        "panic-secret" => panic!("the password is {password}"),
        _ => return Err(GatherError::configuration("unknown case")),
    }
    Ok(())
}

/// The spellings in which libraries print a secret, with their names.
fn spellings(user: &str, password: &str) -> Vec<(&'static str, String)> {
    let every_byte =
        |write: fn(u8) -> String| password.bytes().map(write).collect::<Vec<_>>().concat();
    let utf_16 = password.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<Vec<_>>();
    let special_bytes = |write: fn(u8) -> String| {
        let byte = |byte: u8| {
            if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { write(byte) }
        };
        password.bytes().map(byte).collect::<Vec<_>>().concat()
    };
    let json = serde_json::to_string(password).unwrap_or_default();
    let basic = format!("{user}:{password}");
    vec![
        ("plain", password.to_owned()),
        ("debug", format!("{password:?}")),
        ("debug twice", format!("{:?}", format!("{password:?}"))),
        ("json in debug", format!("{json:?}")),
        ("json", json),
        ("unicode", password.escape_unicode().to_string()),
        ("utf-16", utf_16.concat()),
        ("bytes", every_byte(|byte| format!("\\x{byte:02x}"))),
        ("url", special_bytes(|byte| format!("%{byte:02X}"))),
        ("url in lower case", special_bytes(|byte| format!("%{byte:02x}"))),
        ("url of all bytes", every_byte(|byte| format!("%{byte:02x}"))),
        ("part of a url", password.replace('/', "%2F").replace('"', "%22")),
        (
            "form",
            special_bytes(|byte| if byte == b' ' { "+".into() } else { format!("%{byte:02X}") }),
        ),
        ("base64", STANDARD.encode(password)),
        ("base64 without padding", STANDARD_NO_PAD.encode(password)),
        ("base64 for urls", URL_SAFE.encode(password)),
        ("base64 for urls without padding", URL_SAFE_NO_PAD.encode(password)),
        ("basic", STANDARD.encode(&basic)),
        ("basic for urls", URL_SAFE_NO_PAD.encode(&basic)),
    ]
}
