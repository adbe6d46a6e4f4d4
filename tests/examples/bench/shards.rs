//! Measures runs that share the endpoints of a request, one after the other and at the same time, and the merge of their
//! inventories. The merged inventory must be that of one run.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gatherer_tests::processes;
use serde_json::{Value, json};

use super::Result;
use super::measure::{Program, Table, mebibytes};

/// The environment variable with the number of endpoints.
const ENDPOINTS_VARIABLE: &str = "ENDPOINTS";

/// The number of endpoints without it.
const ENDPOINTS: usize = 5000;

/// The number of guests of an endpoint of module File.
const GUESTS: usize = 20;

/// One endpoint of so many is of module Example and waits, as for a slow server.
const SLOW_ONE_OF: usize = 10;
const DELAY_MS: u64 = 200;

/// The interval at which memory is sampled. The peak of a process is a counter of the kernel, so little is missed.
const SAMPLE: Duration = Duration::from_millis(20);

/// What a process needed.
#[derive(Clone, Copy, Default)]
struct Used {
    wall: Duration,
    /// With that of its workers.
    processor: Duration,
    /// The peak of the process without its workers, in bytes.
    peak: u64,
    /// The highest sum of what its workers have for themselves, in bytes.
    workers: u64,
}

pub fn measure(program: &Path) -> Result<Table> {
    let program = Program::new(program)?;
    let endpoints = match std::env::var(ENDPOINTS_VARIABLE) {
        Ok(number) => number.parse()?,
        Err(_) => ENDPOINTS,
    };
    let mut table =
        Table::new(format!("{endpoints} endpoints, nine of ten with {GUESTS} guests, as shards"));
    let request = write_request(program.folder(), "mixed", endpoints, GUESTS, SLOW_ONE_OF)?;
    let single_file = program.folder().join("single.json");
    let single = finish(start(&program, &request, None, &single_file)?)?;
    let expected = fs::read(&single_file)?;
    table.figure("one run", shown(single));
    let folder = program.folder().join("results");
    for count in [1, 2, 4, 8] {
        fs::create_dir(&folder)?;
        let file = |index: usize| folder.join(format!("{index}.json"));
        let name = format!("{count} shard{}", if count == 1 { "" } else { "s" });
        let mut each = Vec::new();
        for index in 0..count {
            each.push(finish(start(&program, &request, Some((index, count)), &file(index))?)?);
        }
        let sizes = (0..count).map(|index| size(&file(index))).collect::<Result<Vec<_>>>()?;
        let (min, max) = (sizes.iter().min().unwrap_or(&0), sizes.iter().max().unwrap_or(&0));
        let mean = endpoints / count;
        table.figure(format!("{name}: endpoints"), format!("{min} to {max}, {mean} on average"));
        let longest = each.iter().map(|used| used.wall).max().unwrap_or_default();
        let all = each.iter().fold(Used::default(), |all, one| Used {
            wall: all.wall + one.wall,
            processor: all.processor + one.processor,
            peak: all.peak.max(one.peak),
            workers: all.workers.max(one.workers),
        });
        table.figure(format!("{name}, one after the other, together"), shown(all));
        table.figure(format!("{name}, the slowest of them"), seconds(longest));
        let begin = Instant::now();
        let started = (0..count)
            .map(|index| start(&program, &request, Some((index, count)), &file(index)))
            .collect::<Result<Vec<_>>>()?;
        // Each is waited for in a thread of its own, so that the memory of all is sampled.
        let used = std::thread::scope(|scope| {
            let threads: Vec<_> = started
                .into_iter()
                .map(|child| scope.spawn(|| finish(child).map_err(|error| error.to_string())))
                .collect();
            let joined =
                threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
            joined.collect::<std::result::Result<Vec<_>, _>>()
        })?;
        let wall = begin.elapsed();
        let peak = used.iter().map(|used| used.peak).max().unwrap_or_default();
        let figure = format!("{}, each up to {}", seconds(wall), mebibytes(peak));
        table.figure(format!("{name}, at the same time"), figure);
        let merged_file = program.folder().join("merged.json");
        let mut command = program.command();
        command.arg("merge").arg(&folder).args(["--no-run-info", "--outfile"]).arg(&merged_file);
        let merge = finish(spawn(command)?)?;
        let is_equal = fs::read(&merged_file)? == expected;
        table.goal(format!("{name}, merged"), shown(merge), "the bytes of one run", is_equal);
        fs::remove_dir_all(&folder)?;
    }
    for (name, endpoints, guests) in [
        ("1,000 endpoints with 1 guest each", 1000, 1),
        ("1,000 endpoints with 20 guests each", 1000, 20),
        ("100 endpoints with 1,000 guests each", 100, 1000),
        ("200 endpoints with 1,000 guests each", 200, 1000),
    ] {
        let request = write_request(program.folder(), name, endpoints, guests, usize::MAX)?;
        let outfile = program.folder().join("sized.json");
        let used = finish(start(&program, &request, None, &outfile)?)?;
        let bytes = fs::metadata(&outfile)?.len();
        if size(&outfile)? != endpoints {
            return Err(format!("{name}: endpoints are missing").into());
        }
        table.figure(name, format!("{}; inventory {}", shown(used), mebibytes(bytes)));
    }
    Ok(table)
}

fn shown(used: Used) -> String {
    let workers = match used.workers {
        0 => String::new(),
        workers => format!(", workers {}", mebibytes(workers)),
    };
    format!(
        "{}, processor {}, memory {}{workers}",
        seconds(used.wall),
        seconds(used.processor),
        mebibytes(used.peak)
    )
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// The number of endpoints of an inventory. Each must be complete.
fn size(file: &Path) -> Result<usize> {
    let inventory: Value = serde_json::from_slice(&fs::read(file)?)?;
    let endpoints = inventory["endpoints"].as_array().ok_or("no endpoints")?;
    match endpoints.iter().find(|endpoint| endpoint["status"] != "complete") {
        Some(failed) => Err(format!("an endpoint failed: {failed}").into()),
        None => Ok(endpoints.len()),
    }
}

/// Starts a run, of a shard or of the whole request.
fn start(
    program: &Program,
    request: &Path,
    shard: Option<(usize, usize)>,
    outfile: &Path,
) -> Result<(Child, Instant)> {
    let mut command = program.command();
    command.arg("--infile").arg(request).args(["--format", "inventory", "--no-run-info"]);
    command.arg("--outfile").arg(outfile);
    if let Some((index, count)) = shard {
        command.arg("--shard").arg(format!("{index}/{count}"));
    }
    spawn(command)
}

fn spawn(mut command: Command) -> Result<(Child, Instant)> {
    let begin = Instant::now();
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok((command.spawn()?, begin))
}

/// Waits for the end of a process, and samples its memory and its processor time meanwhile.
fn finish((mut child, begin): (Child, Instant)) -> Result<Used> {
    let mut used = Used::default();
    let pid = child.id();
    loop {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        used.peak = used.peak.max(kibibytes(&status, "VmHWM:"));
        used.processor = used.processor.max(processor_time(pid).unwrap_or_default());
        let workers = processes::children(pid).into_iter().map(|worker| {
            let path = format!("/proc/{worker}/smaps_rollup");
            kibibytes(&fs::read_to_string(path).unwrap_or_default(), "Pss:")
        });
        used.workers = used.workers.max(workers.sum());
        if let Some(status) = child.try_wait()? {
            used.wall = begin.elapsed();
            if !status.success() {
                return Err(format!("a run ended with {status}").into());
            }
            return Ok(used);
        }
        std::thread::sleep(SAMPLE);
    }
}

/// A value of a file in /proc, in bytes.
fn kibibytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")).map(str::parse::<u64>);
    number.and_then(std::result::Result::ok).unwrap_or(0) * 1024
}

/// The processor time of a process that runs, and of the children that it waited for.
fn processor_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The fields follow the name of the process, which is in parentheses.
    let fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(4);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
}

/// Writes a request and the documents of its endpoints. One of `slow_one_of` endpoints is of module Example. Of the others
/// one of ten is a cluster whose node is a guest of the endpoint before it, so that there are links between shards.
fn write_request(
    folder: &Path,
    name: &str,
    endpoints: usize,
    guests: usize,
    slow_one_of: usize,
) -> Result<PathBuf> {
    let documents = folder.join(format!("{name} documents"));
    fs::create_dir(&documents)?;
    let mut request = Vec::new();
    for number in 0..endpoints {
        let id = format!("endpoint-{number}");
        if number % slow_one_of == slow_one_of - 1 {
            request
                .push(json!({"id": id, "module": "Example", "hostname": format!("host{number}"),
                "guests": 2, "delay_ms": DELAY_MS}));
            continue;
        }
        let mut host = json!({
            "id": uuid(number, 0), "name": format!("esx{number}.example.com"),
            "hypervisor": {"type": "vmware", "version": "8.0.2"}, "state": "up",
            "cpu": {"architecture": "x86_64", "sockets": 2, "cores": 32, "threads": 64},
            "memoryBytes": 549_755_813_888_u64, "location": {"cluster": format!("c{}", number / 16)},
            "guests": (1..=guests).map(|guest| document_of_guest(number, guest)).collect::<Vec<_>>(),
        });
        if number % 10 == 1 {
            host["identifiers"] = json!({"systemUuid": uuid(number - 1, 1)});
        }
        let path = documents.join(format!("{number}.json"));
        let document = json!({"schemaVersion": "1.8", "generator": {"name": "bench"},
            "endpoints": [{"id": id, "status": "complete", "hosts": [host]}]});
        fs::write(&path, document.to_string())?;
        request.push(json!({"id": id, "module": "File", "url": path}));
    }
    let path = folder.join(format!("{name} request"));
    let mut file = BufWriter::new(fs::File::create(&path)?);
    serde_json::to_writer(&mut file, &request)?;
    file.flush()?;
    Ok(path)
}

fn document_of_guest(endpoint: usize, guest: usize) -> Value {
    let (id, name) = (uuid(endpoint, guest), format!("vm-{endpoint}-{guest}"));
    json!({
        "id": id, "uuid": id, "name": name, "state": "running", "cpus": 4, "memoryBytes": 8_589_934_592_u64,
        "hostName": format!("{name}.example.com"), "labels": {"team": "shop", "stage": "production"},
        "interfaces": [{"mac": format!("00:50:56:{:02x}:{:02x}:{:02x}", endpoint % 256, guest / 256, guest % 256),
            "network": "VM Network", "addresses": [format!("10.{}.{}.{}", endpoint % 256, guest / 256, guest % 256)]}],
    })
}

/// A UUID of a host (guest 0) or a guest.
fn uuid(endpoint: usize, guest: usize) -> String {
    format!("4c4c4544-{guest:04x}-4510-8051-{endpoint:012x}")
}
