//! The cases, by name.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::model::{Guest, Host};
use gatherer_plugin_api::{
    Context, Counts, ErrorKind, GatherError, GatherRequest, LogLevel, RECORD_MAX_BYTES, Summary,
};

use crate::objects::{self, Leaky};
use crate::secrets::{self, Secrets};
use crate::{forks, intrusion, items, raw};

const HOST_FRAME: &str = concat!(
    r#"{"frame":"record","data":{"record":"host","hostRef":"h","#,
    r#""host":{"id":"raw","name":"raw"}}}"#,
    "\n"
);
const DONE_FRAME: &str =
    concat!(r#"{"frame":"done","summary":{"counts":{"hosts":1,"guests":0},"retries":0}}"#, "\n");

/// Commits the fault that the parameter `case` names, and returns the summary if the fault lets it.
#[expect(clippy::too_many_lines, reason = "a list of cases")]
pub fn run(request: GatherRequest, callbacks: Callbacks) -> Result<String, GatherError> {
    let text = |name: &str| {
        request.parameters.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let (case, password) = (text("case"), text("password"));
    if case == "leaks-context" {
        let operation = gatherer_plugin_api::__private::Operation::Gather;
        return gatherer_plugin_api::__private::run::<Leaky>(operation, request, callbacks);
    }
    let context = Context::new(callbacks, request.endpoint, request.module, request.options);

    if case.ends_with("-secret") {
        let mut numbers = ["pin", "ratio"].map(|name| request.parameters.get(name));
        let numbers = numbers.iter_mut().filter_map(|number| Some(number.take()?.to_string()));
        let mut secrets = Secrets { user: text("username"), password, numbers: numbers.collect() };
        let mut case = case.as_str();
        if let Some(rest) = case.strip_prefix("learned-") {
            secrets.password = secrets::learn(&text("file"), &context)?;
            case = rest;
        } else if let Some(rest) = case.strip_prefix("user-") {
            secrets.password.clone_from(&secrets.user);
            case = rest;
        }
        secrets::leak(case, &secrets, callbacks, &context)?;
        return done(&context);
    }
    // The records that are sent before the fault must not appear in any result.
    let raw_frames = matches!(
        case.as_str(),
        "signal-after-done"
            | "exit-after-done"
            | "frames-after-done"
            | "opens-file-after-done"
            | "empty"
    );
    if !raw_frames {
        let host = context.host(Host::new("bad", "bad"))?;
        context.guest(&host, Guest::new("bad-guest", "bad-guest"))?;
    }

    match case.as_str() {
        "behaves" | "empty" => {}
        "differs" => {
            let mut host = Host::new("changing", "changing");
            host.labels.insert("process".into(), std::process::id().to_string());
            context.host(host)?;
        }
        "refuses" => {
            return Err(GatherError::new(ErrorKind::Authentication, "status 401 from the server")
                .with_hint("use another password"));
        }
        "refuses-at-length" => {
            let long = "no ".repeat(100_000);
            return Err(GatherError::new(ErrorKind::Permission, long.clone()).with_hint(long));
        }
        "floods-warnings" => (0..3000).try_for_each(|number| {
            context.warning(format!("w{number:04}"), "much ".repeat(2000))
        })?,
        "lost-collection" => context.collection_end(
            "pods",
            Err(GatherError::new(ErrorKind::Permission, "listing pods: 403")),
        )?,
        "panic" => panic!("with a message"),
        "panic-in-thread" => {
            let joined = std::thread::spawn(|| panic!("in a thread")).join();
            return joined.map(|()| String::new()).map_err(|_| GatherError::internal("thread"));
        }
        "aborts-with-output" => {
            raw::write(2, b"last words\n");
            std::process::abort();
        }
        "abort" => std::process::abort(),
        "segfault" => segfault(),
        "stack-overflow" => {
            black_box(overflow(0));
        }
        "exit-0" => std::process::exit(0),
        "exit-7" => std::process::exit(7),
        "exit-silently" => exit_at_once(0),
        "endless-loop" => loop {
            black_box(0);
        },
        "reports-progress" => {
            context.progress("reading \x1b[31mpage\u{202e} 1\nof 2");
            while !context.cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
            context.check_cancelled()?;
        }
        "floods-progress" => {
            (0..200_000).for_each(|page| context.progress(&format!("page {page}")));
        }
        "ignores-sigterm" => ignore_sigterm(),
        "sleeps" => {
            while !context.cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
            context.check_cancelled()?;
        }
        "allocates" => allocate(),
        "fills-memory" => fill_memory(),
        "endless-records" => endless_records(callbacks),
        "endless-log" => loop {
            (callbacks.log)(
                callbacks.context,
                1,
                "endless".into(),
                "x".repeat(1000).as_str().into(),
            );
        },
        "prints-to-stdout" => {
            raw::write(1, DONE_FRAME.as_bytes());
            raw::write(1, b"\x1b[31mprinted without a line's end");
            println!("printed");
        }
        "floods-stderr" => {
            let chunk = "y".repeat(99_999) + "\n";
            (0..1_000).for_each(|_| raw::write(2, chunk.as_bytes()));
        }
        "escapes-in-log" => {
            for text in ["\x1b[31mred", "two\nlines", "a\u{202e}bidi", "nul\0nul", "\u{9b}31m"] {
                (callbacks.log)(callbacks.context, 2, "escapes\n\x1b".into(), text.into());
            }
            context.warning("object\x1b[31m", "warned\nwith two lines")?;
        }
        // Keeps the contract: it logs as plugins and their libraries do.
        "logs" => logs(context.options().log_level),
        "closes-descriptors" => (0..1024).for_each(|descriptor| {
            // SAFETY: closing descriptors that are in use is the fault of this case.
            let _ = unsafe { libc::close(descriptor) };
        }),
        "garbage-frame" => raw::write_frames(b"\xff\x00 this is not a frame\n"),
        "garbage-before-secret" => {
            let secret = r#"{"frame":"secret","text":"hunter2hunter2"}"#;
            raw::write_frames(format!("not a frame\n{secret}\n").as_bytes());
            eprintln!("the library says hunter2hunter2");
        }
        "unknown-frame" => raw::write_frames(b"{\"frame\":\"surprise\"}\n"),
        "forged-reference-frame" => {
            raw::write_frames(b"{\"frame\":\"reference\",\"text\":\"hosts\",\"more\":false}\n");
        }
        "forged-references-end-frame" => raw::write_frames(b"{\"frame\":\"referencesEnd\"}\n"),
        "oversized-frame" => {
            raw::write_frames(&vec![b'z'; 3 * 1024 * 1024]);
            raw::write_frames(b"\n");
        }
        "half-frame" => {
            raw::write_frames(b"{\"frame\":\"record\",\"da");
            exit_at_once(0);
        }
        "frames-after-done" => {
            raw::write_frames(HOST_FRAME.as_bytes());
            raw::write_frames(DONE_FRAME.as_bytes());
            raw::write_frames(HOST_FRAME.as_bytes());
        }
        "signal-after-done" => {
            raw::write_frames(HOST_FRAME.as_bytes());
            raw::write_frames(DONE_FRAME.as_bytes());
            segfault();
        }
        "exit-after-done" => {
            raw::write_frames(HOST_FRAME.as_bytes());
            raw::write_frames(DONE_FRAME.as_bytes());
            exit_at_once(3);
        }
        "wrong-counts" => {
            let counts = Counts { hosts: 1, guests: 2 };
            return to_json(&Summary { counts, ..Summary::default() });
        }
        "unknown-host-ref" => {
            let guest = r#"{"record":"guest","hostRef":"unknown","guest":{"id":"g","name":"g"}}"#;
            emit(callbacks, guest);
            let counts = Counts { hosts: 1, guests: 2 };
            return to_json(&Summary { counts, ..Summary::default() });
        }
        "repeated-host-ref" => {
            let host = r#"{"record":"host","hostRef":"0","host":{"id":"h","name":"h"}}"#;
            emit(callbacks, host);
            let counts = Counts { hosts: 2, guests: 1 };
            return to_json(&Summary { counts, ..Summary::default() });
        }
        "nonsense-record" => {
            emit(callbacks, "not a record");
        }
        "newline-in-record" => {
            // This would be two frames if the worker passed it on unchanged.
            let counts = r#"{"counts":{"hosts":1,"guests":1}}"#;
            emit(callbacks, &format!("{{}}}}\n{{\"frame\":\"done\",\"summary\":{counts}}}\n"));
        }
        "oversized-record" => {
            let mut host = Host::new("big", "big");
            host.labels.insert("big".into(), "b".repeat(RECORD_MAX_BYTES));
            context.host(host)?;
        }
        "loses-a-record" => {
            // As a plugin does that counts only the records that were accepted.
            let big = format!(
                r#"{{"record":"host","hostRef":"big","host":{{"id":"big","name":"{}"}}}}"#,
                "b".repeat(RECORD_MAX_BYTES)
            );
            emit(callbacks, &big);
        }
        "stops-when-cancelled" => {
            // Then it reports that the list is whole.
            while !context.cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        "stops-when-refused" => {
            let guest = r#"{"record":"guest","hostRef":"0","guest":{"id":"g","name":"g"}}"#;
            let mut guests = 1;
            while (callbacks.emit)(callbacks.context, guest.into()) == 0 {
                guests += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            let counts = Counts { hosts: 1, guests };
            return to_json(&Summary { counts, ..Summary::default() });
        }
        "opens-file" => drop(std::fs::File::open(text("file"))),
        "opens-file-after-done" => {
            raw::write_frames(HOST_FRAME.as_bytes());
            raw::write_frames(DONE_FRAME.as_bytes());
            drop(std::fs::File::open(text("file")));
        }
        "daemon-opens-file" => {
            forks::opener(&text("file"));
            while !std::path::Path::new(&text("key")).exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        "forks-in-turn" => {
            // Each process exits after it forked the next one, which is an orphan then.
            forks::chain(2_000, Duration::from_millis(1), &text("file"));
            while !std::path::Path::new(&text("file")).exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        "forks-for-ever" => {
            forks::chain(u32::MAX, Duration::ZERO, "");
            while !context.cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        "child-holds-pipes" => fork_sleeper(false),
        "daemon-holds-pipes" => fork_sleeper(true),
        "reads-stdin" => {
            let mut bytes = Vec::new();
            let result = std::io::stdin().read_to_end(&mut bytes);
            if result.is_err() || !bytes.is_empty() {
                return Err(GatherError::internal("stdin is not empty"));
            }
        }
        "changes-folder" => {
            // SAFETY: this changes only this process, which is the fault of this case.
            unsafe {
                libc::chdir(c"/".as_ptr());
                libc::umask(0o777);
            }
        }
        "reaches-out" => intrusion::attempt_all(&context, &text("file"), &text("username"))?,
        "copies-password" => objects::copy_secret(&password, &context)?,
        "waits-for-file" => intrusion::wait_for(&context, &text("file"))?,
        other => items::send(other, callbacks, &context)?,
    }
    done(&context)
}

fn done(context: &Context) -> Result<String, GatherError> {
    let _ = std::io::stdout().flush();
    to_json(&context.summary())
}

fn to_json(summary: &Summary) -> Result<String, GatherError> {
    serde_json::to_string(summary)
        .map_err(|_| GatherError::internal("the summary cannot be serialized"))
}

fn emit(callbacks: Callbacks, record: &str) -> i32 {
    (callbacks.emit)(callbacks.context, record.into())
}

fn segfault() {
    let nowhere: *mut u8 = black_box(std::ptr::without_provenance_mut(8));
    // SAFETY: none; the invalid write is the fault of this case.
    unsafe { nowhere.write_volatile(1) };
}

fn overflow(depth: u64) -> u64 {
    let page = black_box([depth; 512]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + page[7] }
}

fn exit_at_once(status: i32) {
    // SAFETY: the function has no preconditions.
    unsafe { libc::_exit(status) }
}

fn ignore_sigterm() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: SIG_IGN runs no code.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    loop {
        std::thread::sleep(Duration::from_hours(1));
    }
}

fn allocate() {
    let mut held = Vec::new();
    for _ in 0..160 {
        // Not zeros, because the kernel allocates memory when it is written to.
        held.push(vec![1_u8; 64 * 1024 * 1024]);
    }
    black_box(held);
}

/// Takes memory without the allocator, with a file in memory, to which RLIMIT_DATA does not apply but the limit of the
/// cgroup does.
fn fill_memory() {
    // SAFETY: the name is a C string.
    let file = unsafe { libc::memfd_create(c"filled".as_ptr(), 0) };
    let chunk = vec![1_u8; 1024 * 1024];
    loop {
        raw::write(file, &chunk);
    }
}

fn endless_records(callbacks: Callbacks) {
    for number in 0_u64.. {
        let host = format!(
            r#"{{"record":"host","hostRef":"e{number}","host":{{"id":"e{number}","name":"e"}}}}"#
        );
        emit(callbacks, &host);
    }
}

/// Forks a child that keeps every descriptor open and lives much longer than its parent.
fn fork_sleeper(new_session: bool) {
    // SAFETY: the child calls only async-signal-safe functions.
    unsafe {
        if libc::fork() == 0 {
            if new_session {
                libc::setsid();
            }
            libc::sleep(25);
            libc::_exit(0);
        }
    }
}

/// Logs one line for each combination of level, target and logging crate that the SDK distinguishes.
fn logs(log_level: LogLevel) {
    const OWN: &str = "gatherer_plugin_misbehaving::client";
    tracing::warn!(target: OWN, ?log_level, "own warning");
    tracing::info!(target: OWN, "own info");
    tracing::debug!(target: OWN, page = 3, "own debug");
    tracing::trace!(target: OWN, "own trace");
    log::info!(target: OWN, "record info");
    log::debug!(target: OWN, "record debug");
    tracing::info!(target: "library", "library info");
    tracing::debug!(target: "library", "library debug");
    log::debug!(target: "library", "library record");
}
