//! Measures module OpenStack with our fake of keystone and nova, compared with curl that sends the same requests.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackInventory};
use serde_json::{Value, json};

use super::Result;
use super::curl;
use super::measure::{Cost, Peaks, Program, Table, mebibytes, median, milliseconds, run};

/// The numbers of servers, which are on one hypervisor for each 50.
const SIZES: [usize; 2] = [1_000, 10_000];
const TURNS: usize = 9;
/// The number of servers to which the goal for memory applies.
const RATED_GUESTS: usize = 10_000;
/// The goal for the memory of the worker, in MiB.
const MEMORY_MIB: u64 = 128;
/// The goal for the processor time of a server divided by that with a tenth of the servers.
const GROWTH: f64 = 1.3;

pub fn measure(program: &Path) -> Result<Table> {
    let mut table = Table::new(
        "Module OpenStack: our fake with pages of 1,000 servers from memory, in turns with curl, medians",
    );
    if !curl::installed() {
        table.figure("skipped", "curl is not installed");
        return Ok(table);
    }
    let program = Program::new(program)?;
    let mut per_guest = Vec::new();
    for guests in SIZES {
        let figures = compare(&program, guests)?;
        figures.add_to(&mut table, guests);
        per_guest.push(figures.processor.as_secs_f64() / f64::from(u32::try_from(guests)?));
    }
    if let [before, after] = per_guest[..] {
        let growth = after / before;
        table.goal(
            "processor time a server, with ten times the servers",
            format!("{:.0} us against {:.0} us: {growth:.2} x", after * 1e6, before * 1e6),
            format!("<= {GROWTH} x"),
            growth <= GROWTH,
        );
    }
    Ok(table)
}

struct OpenstackFigures {
    requests: usize,
    gatherer: Duration,
    curl: Duration,
    /// The median of the ratios of each turn.
    ratio: f64,
    processor: Duration,
    peaks: Peaks,
}

impl OpenstackFigures {
    fn add_to(&self, table: &mut Table, guests: usize) {
        let name = format!("{guests} servers");
        let figure = format!("{}; curl {}", milliseconds(self.gatherer), milliseconds(self.curl));
        table.figure(name.clone(), figure);
        table.figure(format!("{name}, requests"), self.requests.to_string());
        let (ratio, worker) = (format!("{:.2} x", self.ratio), mebibytes(self.peaks.worker));
        let times_curl = format!("{name}, times curl");
        let memory = format!("{name}, peak memory of the worker");
        // No goal: the fake answers from memory, so this is the program's work beside the mere transfer. Nova itself needs
        // seconds for such a page.
        table.figure(times_curl, ratio);
        if guests == RATED_GUESTS {
            let met = self.peaks.worker < MEMORY_MIB << 20;
            table.goal(memory, worker, format!("< {MEMORY_MIB} MiB"), met);
        } else {
            table.figure(memory, worker);
        }
        let runner = mebibytes(self.peaks.runner);
        table.figure(format!("{name}, peak memory of the runner"), runner);
    }
}

fn compare(program: &Program, guests: usize) -> Result<OpenstackFigures> {
    let cloud = Cloud::start(guests);
    let request = json!([cloud.endpoint()]).to_string();
    let check = |output: &str| -> Result<()> {
        let document: Value = serde_json::from_str(output)?;
        let hosts = document["cloud"].as_object().ok_or("the endpoint failed")?;
        let on = |host: &Value| host["vms"].as_object().map_or(0, serde_json::Map::len);
        let listed: usize = hosts.values().map(on).sum();
        if listed == guests { Ok(()) } else { Err(format!("{listed} of {guests}").into()) }
    };
    // This run fills the cache of the fake, too.
    let (output, peaks) = program.gather_watched(&request)?;
    check(&output)?;
    let requests = cloud.server.received();
    let (mut own, mut other, mut ratios, mut processor) = (vec![], vec![], vec![], vec![]);
    for turn in 0..TURNS {
        let gather = || -> Result<Cost> {
            let (output, cost) = program.gather(&request)?;
            check(&output)?;
            Ok(cost)
        };
        let (cost, fetched) = if turn % 2 == 0 {
            let cost = gather()?;
            (cost, cloud.fetch(program.folder(), &requests)?)
        } else {
            let fetched = cloud.fetch(program.folder(), &requests)?;
            (gather()?, fetched)
        };
        ratios.push(cost.wall.as_secs_f64() / fetched.as_secs_f64());
        own.push(cost.wall);
        processor.push(cost.processor);
        other.push(fetched);
    }
    Ok(OpenstackFigures {
        requests: requests.len(),
        gatherer: median(&own),
        curl: median(&other),
        ratio: median(&ratios),
        processor: median(&processor),
        peaks,
    })
}

/// The fake, whose lists are rendered only once.
struct Cloud {
    fake: Arc<OpenstackFake>,
    server: TlsServer,
}

impl Cloud {
    fn start(guests: usize) -> Self {
        let fake = Arc::new(OpenstackFake::new(OpenstackInventory::of_size(guests)));
        let answering = Arc::clone(&fake);
        let lists: Mutex<HashMap<String, Action>> = Mutex::default();
        let server = TlsServer::start(move |request| {
            if request.method != "GET" {
                return answering.answer(request);
            }
            let version = request.header("openstack-api-version").unwrap_or_default();
            let key = format!("{version} {}", request.target);
            let known = lists.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            known.unwrap_or_else(|| {
                let answer = answering.answer(request);
                if matches!(answer, Action::Answer { status: 200, .. }) {
                    let mut lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
                    lists.insert(key, answer.clone());
                }
                answer
            })
        });
        Self { fake, server }
    }

    fn endpoint(&self) -> Value {
        json!({
            "id": "cloud", "module": "OpenStack",
            "auth_url": format!("https://127.0.0.1:{}/v3", self.server.port()),
            "username": "admin", "password": "pa55-of-keystone", "project": "admin",
            "ca_file": self.server.ca_file(),
        })
    }

    /// Sends the program's requests with curl on one connection, and returns the time that it took.
    fn fetch(&self, folder: &Path, requests: &[ReceivedRequest]) -> Result<Duration> {
        let token = self.token(requests)?;
        let mut config = String::new();
        for (number, request) in requests.iter().enumerate() {
            if number > 0 {
                config.push_str("next\n");
            }
            writeln!(
                config,
                "silent\nfail\ncacert = \"{}\"\nurl = \"https://127.0.0.1:{}{}\"\nrequest = \"{}\"\n\
                 output = \"/dev/null\"",
                self.server.ca_file().display(),
                self.server.port(),
                request.target,
                request.method,
            )?;
            for (name, value) in &request.headers {
                let value = match name.as_str() {
                    "host" | "content-length" | "accept-encoding" | "connection" => continue,
                    "x-auth-token" | "x-subject-token" => &token,
                    _ => value,
                };
                writeln!(config, "header = \"{name}: {value}\"")?;
            }
            if !request.body.is_empty() {
                let file = folder.join(format!("body{number}"));
                std::fs::write(&file, &request.body)?;
                writeln!(config, "data-binary = \"@{}\"", file.display())?;
            }
        }
        let file = folder.join("curl.conf");
        std::fs::write(&file, config)?;
        let mut command = Command::new("curl");
        command.arg("--fail-early").arg("--config").arg(&file);
        Ok(run(command, "")?.1.wall)
    }

    /// A new token, for the same login as the program's.
    fn token(&self, requests: &[ReceivedRequest]) -> Result<String> {
        let login = requests.iter().find(|request| request.method == "POST").ok_or("no login")?;
        let Action::Answer { headers, .. } = self.fake.answer(login) else {
            return Err("no answer to the login".into());
        };
        let token = headers.into_iter().find(|(name, _)| name == "X-Subject-Token");
        Ok(token.ok_or("no token")?.1)
    }
}
