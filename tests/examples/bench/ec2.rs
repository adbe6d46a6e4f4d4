//! Measures module AmazonEC2 with the simulator moto, compared with curl that sends the same signed requests, and with boto3.
//!
//! moto needs most of the time, because it makes each answer anew, and it is filled slowly. So there is another part, with
//! answers of our fake that are served from memory.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::Judge;
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Inventory};
use gatherer_tests::servers::moto::{Moto, MotoContent};
use serde_json::{Value, json};

use super::Result;
use super::curl;
use super::measure::{Cost, Peaks, Program, Table, mebibytes, median, milliseconds, run};

const SIZES: [usize; 2] = [1_000, 10_000];
/// moto needs seconds for each turn.
const TURNS: usize = 3;
/// The time limit of the endpoint, in seconds. moto needs minutes for ten thousand instances on a busy machine.
const MOTO_TIMEOUT_S: u32 = 1800;
/// The turns with answers from memory.
const FAST_TURNS: usize = 11;
/// The number of instances to which the goals for time and memory apply.
const RATED_GUESTS: usize = 10_000;
/// The goal for the time of a run divided by curl's.
const RATIO: f64 = 1.3;
/// The goal for the memory of the worker, in MiB.
const MEMORY_MIB: u64 = 128;
/// The goal for the processor time of an instance divided by that with a tenth of the instances.
const GROWTH: f64 = 1.3;

/// Measures with the simulator.
pub fn measure_moto(program: &Path) -> Result<Table> {
    let mut table = Table::new("Module AmazonEC2: moto, in turns with curl, medians, and boto3");
    let judge = match Judge::new() {
        Ok(judge) if curl::installed() => judge,
        Ok(_) => return Ok(skipped(table, "curl is not installed")),
        Err(reason) => return Ok(skipped(table, &reason)),
    };
    let program = Program::new(program)?;
    let moto = Moto::start(&judge, MotoContent::Instances(RATED_GUESTS));
    let (url, ca_file) = (moto.url(), moto.ca_file());
    let answer = move |request: &ReceivedRequest| pass_on(request, &url, &ca_file).ok();
    let mut endpoint = moto.endpoint();
    endpoint["timeout"] = MOTO_TIMEOUT_S.into();
    let recording = Recording::new(&program, endpoint.clone(), answer)?;
    let name = format!("{RATED_GUESTS} instances");
    table.figure(format!("{name}, requests"), recording.exchanges.len().to_string());
    let server = Server { endpoint, url: moto.url(), ca_file: moto.ca_file() };
    let figures = compare(&program, &recording, &server, RATED_GUESTS, TURNS)?;
    let mut command = judge.command("ec2.py");
    command.args(moto.judge_arguments());
    let boto3 = milliseconds(run(command, "")?.1.wall);
    table.figure(name.clone(), format!("{}, boto3 {boto3}", figures.times()));
    let ratio = format!("{:.2} x", figures.ratio);
    let met = figures.ratio <= RATIO;
    table.goal(format!("{name}, times curl"), ratio, format!("<= {RATIO} x"), met);
    Ok(table)
}

/// Measures with answers from memory.
pub fn measure(program: &Path) -> Result<Table> {
    let mut table =
        Table::new("Module AmazonEC2: answers from memory, in turns with curl, medians");
    if !curl::installed() {
        return Ok(skipped(table, "curl is not installed"));
    }
    let program = Program::new(program)?;
    let mut per_guest = Vec::new();
    for size in SIZES {
        let mut fake = Ec2Fake::new(Ec2Inventory::of_size(u32::try_from(size)?));
        fake.page_size = 1_000;
        let key = fake.key();
        let endpoint = json!({
            "id": "cloud", "module": "AmazonEC2", "region": "eu-central-1",
            "access_key_id": key.id, "secret_access_key": key.secret,
        });
        let answer = move |request: &ReceivedRequest| match fake.answer(request) {
            Action::Answer { status: 200, body, .. } => String::from_utf8(body).ok(),
            _ => None,
        };
        let recording = Recording::new(&program, endpoint, answer)?;
        let memory = recording.serve();
        let (url, ca_file) = (memory.url(""), memory.ca_file().display().to_string());
        let endpoint = recording.endpoint(&url, &ca_file);
        let server = Server { endpoint, url, ca_file };
        let figures = compare(&program, &recording, &server, size, FAST_TURNS)?;
        let name = format!("{size} instances");
        table.figure(format!("{name}, requests"), recording.exchanges.len().to_string());
        table.figure(name.clone(), figures.times());
        table.figure(format!("{name}, times curl"), format!("{:.2} x", figures.ratio));
        let worker = mebibytes(figures.peaks.worker);
        let met = figures.peaks.worker < MEMORY_MIB << 20;
        let memory = format!("{name}, peak memory of the worker");
        table.goal(memory, worker, format!("< {MEMORY_MIB} MiB"), met);
        let runner = mebibytes(figures.peaks.runner);
        table.figure(format!("{name}, peak memory of the runner"), runner);
        per_guest.push(figures.processor.as_secs_f64() / f64::from(u32::try_from(size)?));
    }
    if let [before, after] = per_guest[..] {
        let growth = after / before;
        table.goal(
            "processor time an instance, with ten times the instances",
            format!("{:.0} us against {:.0} us: {growth:.2} x", after * 1e6, before * 1e6),
            format!("<= {GROWTH} x"),
            growth <= GROWTH,
        );
    }
    Ok(table)
}

fn skipped(mut table: Table, reason: &str) -> Table {
    table.figure("skipped", reason);
    table
}

/// A server that has the instances.
struct Server {
    endpoint: Value,
    url: String,
    ca_file: String,
}

struct Ec2Figures {
    gatherer: Duration,
    curl: Duration,
    /// The median of the ratios of each turn.
    ratio: f64,
    processor: Duration,
    peaks: Peaks,
}

impl Ec2Figures {
    fn times(&self) -> String {
        format!("{}; curl {}", milliseconds(self.gatherer), milliseconds(self.curl))
    }
}

fn compare(
    program: &Program,
    recording: &Recording,
    server: &Server,
    guests: usize,
    turns: usize,
) -> Result<Ec2Figures> {
    let request = json!([server.endpoint]).to_string();
    let check = |output: &str| -> Result<()> {
        let listed = output.matches("\"vmState\"").count();
        if listed == guests {
            return Ok(());
        }
        let log = std::fs::read_to_string(program.folder().join("gatherer.log"));
        let log = log.unwrap_or_default();
        let reason = log.lines().rfind(|line| line.contains("ERROR")).unwrap_or_default();
        Err(format!("{listed} of {guests} instances: {reason}").into())
    };
    let (output, peaks) = program.gather_watched(&request)?;
    check(&output)?;
    let config = recording.config(program.folder(), server)?;
    let gather = || -> Result<Cost> {
        let (output, cost) = program.gather(&request)?;
        check(&output)?;
        Ok(cost)
    };
    let fetch = || -> Result<Duration> {
        let mut command = Command::new("curl");
        command.arg("--config").arg(&config).arg("--fail-early");
        Ok(run(command, "")?.1.wall)
    };
    let (mut own, mut other, mut ratios, mut processor) = (vec![], vec![], vec![], vec![]);
    for turn in 0..turns {
        let (cost, fetched) = if turn % 2 == 0 {
            let cost = gather()?;
            (cost, fetch()?)
        } else {
            let fetched = fetch()?;
            (gather()?, fetched)
        };
        ratios.push(cost.wall.as_secs_f64() / fetched.as_secs_f64());
        own.push(cost.wall);
        processor.push(cost.processor);
        other.push(fetched);
    }
    let (gatherer, curl) = (median(&own), median(&other));
    Ok(Ec2Figures { gatherer, curl, ratio: median(&ratios), processor: median(&processor), peaks })
}

/// The requests of one run of the program, with their answers.
struct Recording {
    exchanges: Vec<(ReceivedRequest, String)>,
    endpoint: Value,
}

impl Recording {
    /// Runs the program once against a server with these answers. moto accepts the signatures at any time and as often as they
    /// are sent, if the header `host` is the same.
    fn new(
        program: &Program,
        endpoint: Value,
        answer: impl Fn(&ReceivedRequest) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self> {
        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&exchanges);
        let server = TlsServer::start(move |request| {
            let Some(body) = answer(request) else { return Action::Hangup };
            let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.push((request.clone(), body.clone()));
            Action::answer(200, body).header("content-type", "text/xml")
        });
        let mut recording = Self { exchanges: Vec::new(), endpoint };
        let endpoint = recording.endpoint(&server.url(""), &server.ca_file().display().to_string());
        program.gather(&json!([endpoint]).to_string())?;
        let mut recorded = exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        recording.exchanges = std::mem::take(&mut *recorded);
        Ok(recording)
    }

    /// The endpoint of another server with the same instances.
    fn endpoint(&self, url: &str, ca_file: &str) -> Value {
        let mut endpoint = self.endpoint.clone();
        endpoint["endpoint_url"] = url.into();
        endpoint["ca_file"] = ca_file.into();
        endpoint
    }

    /// A server that answers the same requests from memory.
    fn serve(&self) -> TlsServer {
        let answer = |(request, body): &(ReceivedRequest, String)| {
            let answer = Action::answer(200, body.clone()).header("content-type", "text/xml");
            ((request.target.clone(), request.body.clone()), answer)
        };
        let answers: HashMap<_, _> = self.exchanges.iter().map(answer).collect();
        TlsServer::start(move |request| {
            let key = (request.target.clone(), request.body.clone());
            answers.get(&key).cloned().unwrap_or_else(|| Action::answer(404, ""))
        })
    }

    /// The file with the options of curl that sends all requests to a server.
    fn config(&self, folder: &Path, server: &Server) -> Result<PathBuf> {
        let mut config = String::new();
        for (number, (request, _)) in self.exchanges.iter().enumerate() {
            let body = folder.join(format!("body{number}"));
            std::fs::write(&body, &request.body)?;
            if number > 0 {
                config.push_str("next\n");
            }
            add_request(&mut config, request, &server.url, &server.ca_file)?;
            let body = body.display();
            writeln!(config, "data-binary = \"@{body}\"\noutput = \"/dev/null\"")?;
        }
        let file = folder.join("curl.conf");
        std::fs::write(&file, config)?;
        Ok(file)
    }
}

/// Sends a request to moto with curl, and returns the body of the answer.
fn pass_on(request: &ReceivedRequest, url: &str, ca_file: &str) -> Result<String> {
    let mut config = String::new();
    add_request(&mut config, request, url, ca_file)?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), config)?;
    let mut command = Command::new("curl");
    command.arg("--config").arg(file.path()).args(["--data-binary", "@-"]);
    Ok(run(command, std::str::from_utf8(&request.body)?)?.0)
}

/// Adds the options of a request without its body.
fn add_request(
    config: &mut String,
    request: &ReceivedRequest,
    url: &str,
    ca_file: &str,
) -> Result<()> {
    writeln!(config, "silent\nfail\ncacert = \"{ca_file}\"\nurl = \"{url}{}\"", request.target)?;
    writeln!(config, "request = \"{}\"\nheader = \"expect:\"", request.method)?;
    for (name, value) in &request.headers {
        if name != "content-length" {
            writeln!(config, "header = \"{name}: {}\"", value.replace('"', "\\\""))?;
        }
    }
    Ok(())
}
