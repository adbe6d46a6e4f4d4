//! Measures module VMware with a simulator of vCenter, compared with curl that sends the same requests, and with pyvmomi.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gatherer_plugin_support::testing::{Authority, ReceivedRequest, ScriptedServer};
use gatherer_tests::Judge;
use gatherer_tests::fakes::vcenter::Vcenter;
use gatherer_tests::servers::vcsim::{Vcsim, VcsimOptions};
use serde_json::json;

use super::Result;
use super::curl;
use super::measure::{Cost, Peaks, Program, Table, mebibytes, median, milliseconds, run};

/// The inventories: clusters, hosts in each, hosts in no cluster, and machines in each cluster and on each of these hosts.
const SIZES: [[usize; 4]; 2] = [[2, 49, 2, 250], [20, 49, 20, 250]];
const TURNS: usize = 5;
/// The number of machines to which the goals for time and memory apply.
const RATED_GUESTS: usize = 10_000;
/// The goal for the time of a run divided by curl's.
const RATIO: f64 = 1.3;
/// The goal for the memory of the worker, in MiB.
const MEMORY_MIB: u64 = 128;
/// The goal for the processor time of a machine divided by that with a tenth of the machines.
const GROWTH: f64 = 1.3;

pub fn measure(program: &Path) -> Result<Table> {
    let mut table = Table::new("Module VMware: vcsim, in turns with curl and pyvmomi, medians");
    if !curl::installed() {
        table.figure("skipped", "curl is not installed");
        return Ok(table);
    }
    let judge = Judge::new();
    let program = Program::new(program)?;
    let mut per_guest = Vec::new();
    for [clusters, cluster_hosts, hosts, guests] in SIZES {
        let options = VcsimOptions {
            clusters,
            cluster_hosts,
            hosts,
            guests,
            page_size: 100,
            ..VcsimOptions::default()
        };
        let vcsim = match Vcsim::start(&options) {
            Ok(vcsim) => vcsim,
            Err(reason) => {
                table.figure("skipped", reason);
                return Ok(table);
            }
        };
        let figures = compare(&program, &vcsim, judge.as_ref().ok())?;
        figures.add_to(&mut table, &vcsim);
        per_guest.push(figures.processor.as_secs_f64() / f64::from(u32::try_from(vcsim.guests())?));
    }
    if let [before, after] = per_guest[..] {
        let growth = after / before;
        table.goal(
            "processor time a machine, with ten times the machines",
            format!("{:.0} us against {:.0} us: {growth:.2} x", after * 1e6, before * 1e6),
            format!("<= {GROWTH} x"),
            growth <= GROWTH,
        );
    }
    if let Err(reason) = judge {
        table.figure("pyvmomi skipped", reason);
    }
    Ok(table)
}

struct VmwareFigures {
    requests: usize,
    gatherer: Duration,
    curl: Duration,
    /// The median of the ratios of each turn.
    ratio: f64,
    pyvmomi: Option<Duration>,
    processor: Duration,
    peaks: Peaks,
}

impl VmwareFigures {
    fn add_to(&self, table: &mut Table, vcsim: &Vcsim) {
        let name = format!("{} hosts and {} machines", vcsim.hosts(), vcsim.guests());
        let pyvmomi = self.pyvmomi.map_or("not there".to_owned(), milliseconds);
        let figure = format!(
            "{}; curl {}, pyvmomi {pyvmomi}",
            milliseconds(self.gatherer),
            milliseconds(self.curl)
        );
        table.figure(name.clone(), figure);
        table.figure(format!("{name}, requests"), self.requests.to_string());
        let (ratio, worker) = (format!("{:.2} x", self.ratio), mebibytes(self.peaks.worker));
        let times_curl = format!("{name}, times curl");
        let memory = format!("{name}, peak memory of the worker");
        if vcsim.guests() == RATED_GUESTS {
            table.goal(times_curl, ratio, format!("<= {RATIO} x"), self.ratio <= RATIO);
            let met = self.peaks.worker < MEMORY_MIB << 20;
            table.goal(memory, worker, format!("< {MEMORY_MIB} MiB"), met);
        } else {
            table.figure(times_curl, ratio);
            table.figure(memory, worker);
        }
        let runner = mebibytes(self.peaks.runner);
        table.figure(format!("{name}, peak memory of the runner"), runner);
    }
}

fn compare(program: &Program, vcsim: &Vcsim, judge: Option<&Judge>) -> Result<VmwareFigures> {
    let request = json!([vcsim.endpoint()]).to_string();
    let check = |output: &str| -> Result<()> {
        let listed = output.matches("\"vmState\"").count();
        let expected = vcsim.guests();
        if listed == expected { Ok(()) } else { Err(format!("{listed} of {expected}").into()) }
    };
    let (output, peaks) = program.gather_watched(&request)?;
    check(&output)?;
    let client = BareClient::new(program, vcsim)?;
    let (mut own, mut other, mut ratios, mut judged) = (vec![], vec![], vec![], vec![]);
    let mut processor = vec![];
    for turn in 0..TURNS {
        let gather = || -> Result<Cost> {
            let (output, cost) = program.gather(&request)?;
            check(&output)?;
            Ok(cost)
        };
        // Alternately first, because the simulator collects its garbage now and then.
        let (cost, fetched) = if turn % 2 == 0 {
            let cost = gather()?;
            (cost, client.fetch()?)
        } else {
            let fetched = client.fetch()?;
            (gather()?, fetched)
        };
        ratios.push(cost.wall.as_secs_f64() / fetched.as_secs_f64());
        own.push(cost.wall);
        processor.push(cost.processor);
        other.push(fetched);
        if let Some(judge) = judge {
            let mut command = judge.command("vmware.py");
            command.args(vcsim.judge_arguments());
            judged.push(run(command, "")?.1.wall);
        }
    }
    Ok(VmwareFigures {
        requests: client.requests,
        gatherer: median(&own),
        curl: median(&other),
        ratio: median(&ratios),
        pyvmomi: (!judged.is_empty()).then(|| median(&judged)),
        processor: median(&processor),
        peaks,
    })
}

/// curl, which sends the program's requests for objects on one connection. The login and the view, which must exist before,
/// are not in its time, but they are in the program's.
struct BareClient<'a> {
    vcsim: &'a Vcsim,
    folder: PathBuf,
    /// The bodies of the requests for the login and the view.
    login: String,
    create_view: String,
    /// The bodies of the requests for the list of the view, for the first page and for the second page, with the view and
    /// the token of the fake.
    list: String,
    first_page: String,
    second_page: String,
    /// The number of pages.
    pages: usize,
    /// The number of all requests of the program.
    requests: usize,
}

/// The token of the fake's second page.
const FAKE_TOKEN: &str = "<token>0</token>";

impl<'a> BareClient<'a> {
    /// Takes the requests from a run against a fake, whose service has the same objects.
    fn new(program: &Program, vcsim: &'a Vcsim) -> Result<Self> {
        let authority = Authority::new("The authority of the bench");
        let fake = Vcenter { page_size: 20, ..Vcenter::default() };
        let identity = authority.identity(&["127.0.0.1"]);
        let server = ScriptedServer::https(&identity, move |request| fake.answer(request));
        let ca_file = program.folder().join("fake.crt");
        std::fs::write(&ca_file, authority.pem())?;
        let mut endpoint = vcsim.endpoint();
        endpoint["port"] = server.address().port().into();
        endpoint["ca_file"] = ca_file.display().to_string().into();
        program.gather(&json!([endpoint]).to_string())?;
        let text = |request: &ReceivedRequest| String::from_utf8_lossy(&request.body).into_owned();
        let bodies: Vec<String> = server.received().iter().map(text).collect();
        let body = |marker: &str| -> Result<String> {
            let found = bodies.iter().find(|body| body.contains(marker));
            Ok(found.ok_or_else(|| format!("no request has {marker}"))?.clone())
        };
        let mut client = Self {
            vcsim,
            folder: program.folder().to_owned(),
            login: body("<Login ")?,
            create_view: body("<CreateContainerView ")?,
            list: body("<pathSet>view</pathSet>")?,
            first_page: body("<path>view</path>")?,
            second_page: body(FAKE_TOKEN)?,
            pages: 0,
            requests: 0,
        };
        let session = client.session()?;
        let list = client.post(&session, &client.list)?.0;
        // Beside the objects of the view the program asks for the names of custom attributes.
        let objects = list.matches("<ManagedObjectReference").count() + 1;
        client.pages = objects.div_ceil(100);
        let pages_of_fake = bodies.iter().filter(|body| {
            body.contains("<path>view</path>") || body.contains("ContinueRetrievePropertiesEx")
        });
        client.requests = bodies.len() - pages_of_fake.count() + client.pages;
        Ok(client)
    }

    /// Logs in and creates a view, and returns what is in their requests instead of the fake's values.
    fn session(&self) -> Result<VcsimSession> {
        let mut session = VcsimSession::default();
        let headers = self.post(&session, &self.login)?.1;
        let cookie = headers.lines().find_map(|line| {
            let value = line.split_once("vmware_soap_session=")?.1;
            Some(format!("vmware_soap_session={}", value.split(';').next()?.trim()))
        });
        session.cookie = cookie.ok_or("the login has no cookie")?;
        let answer = self.post(&session, &self.create_view)?.0;
        let view = answer.split_once("type=\"ContainerView\">").map(|(_, rest)| rest);
        let view = view.and_then(|rest| rest.split('<').next()).ok_or("no view")?;
        view.clone_into(&mut session.view);
        Ok(session)
    }

    /// Sends one request with a process of its own, and returns the body and the headers of the answer.
    fn post(&self, session: &VcsimSession, body: &str) -> Result<(String, String)> {
        let headers = self.folder.join("headers");
        let mut config = String::new();
        self.add_request(&mut config, session, body, "-", 0)?;
        let mut command = self.curl(&config)?;
        command.arg("--dump-header").arg(&headers);
        let (body, _) = run(command, "")?;
        Ok((body, std::fs::read_to_string(&headers)?))
    }

    /// Fetches all pages, and returns the time that it took.
    fn fetch(&self) -> Result<Duration> {
        let session = self.session()?;
        let last = self.folder.join("last");
        let mut config = String::new();
        self.add_request(&mut config, &session, &self.list, "/dev/null", 0)?;
        for page in 0..self.pages {
            // The simulator numbers the tokens of a session.
            let body = match page.checked_sub(1) {
                None => self.first_page.clone(),
                Some(token) => {
                    self.second_page.replace(FAKE_TOKEN, &format!("<token>{token}</token>"))
                }
            };
            let is_last = page + 1 == self.pages;
            let output = if is_last { last.as_path() } else { Path::new("/dev/null") };
            self.add_request(
                &mut config,
                &session,
                &body,
                &output.display().to_string(),
                page + 1,
            )?;
        }
        let mut command = self.curl(&config)?;
        command.arg("--fail-early");
        let wall = run(command, "")?.1.wall;
        if std::fs::read_to_string(&last)?.contains("<token>") {
            return Err("curl did not fetch the last page".into());
        }
        Ok(wall)
    }

    /// Adds a request to a file of curl's options.
    fn add_request(
        &self,
        config: &mut String,
        session: &VcsimSession,
        body: &str,
        output: &str,
        number: usize,
    ) -> Result<()> {
        let body = match body.split_once("type=\"ContainerView\">") {
            Some((before, rest)) => {
                let after = rest.split_once('<').ok_or("the view ends")?.1;
                format!("{before}type=\"ContainerView\">{}<{after}", session.view)
            }
            None => body.to_owned(),
        };
        let file = self.folder.join(format!("body{number}"));
        std::fs::write(&file, body)?;
        if !config.is_empty() {
            config.push_str("next\n");
        }
        writeln!(
            config,
            "silent\nfail\ncacert = \"{}\"\nurl = \"https://127.0.0.1:{}/sdk\"\ndata-binary = \"@{}\"\n\
             header = \"content-type: text/xml; charset=utf-8\"\nheader = \"soapaction: urn:vim25/6.5\"\n\
             header = \"expect:\"\nheader = \"cookie: {}\"\noutput = \"{output}\"",
            self.vcsim.ca_file(),
            self.vcsim.port(),
            file.display(),
            session.cookie
        )?;
        Ok(())
    }

    fn curl(&self, config: &str) -> Result<Command> {
        let file = self.folder.join("curl.conf");
        std::fs::write(&file, config)?;
        let mut command = Command::new("curl");
        command.arg("--config").arg(&file);
        Ok(command)
    }
}

/// The session's cookie, and the id of its view.
#[derive(Default)]
struct VcsimSession {
    cookie: String,
    view: String,
}
