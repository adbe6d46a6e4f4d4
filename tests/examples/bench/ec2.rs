//! Measures module AmazonEC2 with the simulator moto, compared with curl that sends the same signed requests, and with boto3.
//!
//! moto needs most of the time, because it makes each answer anew. So the same answers are also served from memory.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::Judge;
use gatherer_tests::servers::moto::{Moto, MotoContent};
use serde_json::{Value, json};

use super::Result;
use super::curl;
use super::measure::{Cost, Peaks, Program, Table, mebibytes, median, milliseconds, run};

const SIZES: [usize; 2] = [1_000, 10_000];
/// moto needs seconds for each turn.
const TURNS: usize = 3;
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

pub fn measure(program: &Path) -> Result<Table> {
    let mut table = Table::new("Module AmazonEC2: moto, in turns with curl and boto3, medians");
    if !curl::installed() {
        table.figure("skipped", "curl is not installed");
        return Ok(table);
    }
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => {
            table.figure("skipped", reason);
            return Ok(table);
        }
    };
    let program = Program::new(program)?;
    let mut per_guest = Vec::new();
    for size in SIZES {
        let moto = Moto::start(&judge, MotoContent::Instances(size));
        let recording = Recording::new(&program, &moto)?;
        let name = format!("{size} instances");
        table.figure(format!("{name}, requests"), recording.exchanges.len().to_string());
        let server = Server { endpoint: moto.endpoint(), url: moto.url(), ca_file: moto.ca_file() };
        let figures = compare(&program, &recording, &server, size, TURNS)?;
        let mut command = judge.command("ec2.py");
        command.args(moto.judge_arguments());
        let boto3 = run(command, "")?.1.wall;
        let ratio = figures.add_times(&mut table, &format!("{name} of moto"), Some(boto3));
        if size == RATED_GUESTS {
            let met = ratio <= RATIO;
            let name = format!("{name} of moto, times curl");
            table.goal(name, format!("{ratio:.2} x"), format!("<= {RATIO} x"), met);
        } else {
            table.figure(format!("{name} of moto, times curl"), format!("{ratio:.2} x"));
        }
        drop(moto);

        let memory = recording.serve();
        let url = memory.url("");
        let ca_file = memory.ca_file().display().to_string();
        let endpoint = recording.endpoint(&url, &ca_file);
        let server = Server { endpoint, url, ca_file };
        let figures = compare(&program, &recording, &server, size, FAST_TURNS)?;
        let ratio = figures.add_times(&mut table, &format!("{name} from memory"), None);
        table.figure(format!("{name} from memory, times curl"), format!("{ratio:.2} x"));
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
    /// Adds the times, and returns the ratio.
    fn add_times(&self, table: &mut Table, name: &str, boto3: Option<Duration>) -> f64 {
        let mut figure =
            format!("{}; curl {}", milliseconds(self.gatherer), milliseconds(self.curl));
        if let Some(boto3) = boto3 {
            let _ = write!(figure, ", boto3 {}", milliseconds(boto3));
        }
        table.figure(name, figure);
        self.ratio
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
        if listed == guests { Ok(()) } else { Err(format!("{listed} of {guests}").into()) }
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

/// The requests of one run of the program, with moto's answers.
struct Recording {
    exchanges: Vec<(ReceivedRequest, String)>,
    endpoint: Value,
}

impl Recording {
    /// Runs the program once through a server that passes its requests on to moto. moto accepts their signatures at any time
    /// and as often as they are sent, if the header `host` is the same.
    fn new(program: &Program, moto: &Moto) -> Result<Self> {
        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let (recorded, url, ca_file) = (Arc::clone(&exchanges), moto.url(), moto.ca_file());
        let relay = TlsServer::start(move |request| {
            let Ok(body) = pass_on(request, &url, &ca_file) else { return Action::Hangup };
            let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.push((request.clone(), body.clone()));
            Action::answer(200, body).header("content-type", "text/xml")
        });
        let mut recording = Self { exchanges: Vec::new(), endpoint: moto.endpoint() };
        let endpoint = recording.endpoint(&relay.url(""), &relay.ca_file().display().to_string());
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
