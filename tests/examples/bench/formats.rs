//! Measures links and formats: `convert` of an inventory with clusters whose nodes are guests.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Result;
use super::measure::{
    Cost, Peaks, Program, Table, mebibytes, median, milliseconds, run, run_watched,
};

/// The numbers of guests.
const SIZES: [u32; 2] = [10_000, 100_000];
/// The number of guests to which the goal for links applies.
const RATED_GUESTS: u32 = 100_000;
/// The goal for finding the links, in milliseconds.
const LINKS_MS: u64 = 1_000;
/// The goal for the processor time of ten times the guests, divided by ten.
const GROWTH: f64 = 1.3;
/// Guests of a host, and guests for each node of a cluster.
const GUESTS_OF_A_HOST: u32 = 50;
const GUESTS_PER_NODE: u32 = 10;
const TURNS: usize = 3;

/// The formats, with further arguments.
const FORMATS: [(&str, &[&str]); 10] = [
    ("gatherer", &[]),
    ("inventory", &["--no-run-info"]),
    ("ndjson", &[]),
    ("table", &[]),
    ("virt-who", &[]),
    ("ansible", &[]),
    ("prometheus", &[]),
    ("csv", &["--csv-table", "hosts"]),
    ("csv", &["--csv-table", "guests"]),
    ("csv", &["--csv-table", "links"]),
];

/// Measures all formats.
pub fn measure(program: &Path) -> Result<Table> {
    let mut table =
        Table::new("Links and formats: convert, medians; reading the inventory is included");
    let program = Program::new(program)?;
    let folder = program.folder().to_owned();
    let inventories = SIZES.map(|size| inventory_file(&folder, size));
    for (format, arguments) in FORMATS {
        let mut per_guest = Vec::new();
        let name = [&[format][..], arguments].concat().join(" ");
        for (size, inventory) in SIZES.into_iter().zip(&inventories) {
            let inventory = inventory.as_ref().map_err(ToString::to_string)?;
            let converted = Converted::measure(&program, inventory, format, arguments)?;
            table.figure(
                format!("{size} guests, {name}"),
                format!(
                    "{}, {}, output {}",
                    milliseconds(converted.cost.wall),
                    mebibytes(converted.peaks.runner),
                    mebibytes(converted.output_bytes)
                ),
            );
            per_guest.push(converted.cost.processor.as_secs_f64() / f64::from(size));
            if format == "inventory" {
                add_links(&mut table, &program, size)?;
            }
        }
        let growth = per_guest[1] / per_guest[0].max(1e-9);
        table.goal(
            format!("{name}: processor time a guest, with ten times the guests"),
            format!("{growth:.2} x"),
            format!("<= {GROWTH} x"),
            growth <= GROWTH,
        );
    }
    Ok(table)
}

/// Adds the time that the last run needed to find the links, from its log.
fn add_links(table: &mut Table, program: &Program, size: u32) -> Result<()> {
    let log = std::fs::read_to_string(program.folder().join("gatherer.log"))?;
    let line = log.lines().rfind(|line| line.contains(" between endpoints found in "));
    let line = line.ok_or("no links are in the log")?;
    let figure = |after: &str| -> Result<u64> {
        let (_, rest) = line.split_once(after).ok_or_else(|| line.to_owned())?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    };
    let ms = figure(" found in ")?;
    let expected = size / GUESTS_PER_NODE * 2;
    if !line.contains(&format!("{expected} links")) {
        return Err(format!("not {expected} links: {line}").into());
    }
    let name = format!("{size} guests, {} nodes: finding {expected} links", size / GUESTS_PER_NODE);
    if size == RATED_GUESTS {
        table.goal(name, format!("{ms} ms"), format!("< {LINKS_MS} ms"), ms < LINKS_MS);
    } else {
        table.figure(name, format!("{ms} ms"));
    }
    Ok(())
}

/// The cost of one conversion.
struct Converted {
    cost: Cost,
    peaks: Peaks,
    output_bytes: u64,
}

impl Converted {
    fn measure(
        program: &Program,
        inventory: &Path,
        format: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let output = program.folder().join("output");
        let command = || {
            let mut command = program.command();
            command.arg("convert").arg(inventory).args(["--format", format]).args(arguments);
            command.arg("--outfile").arg(&output);
            command
        };
        let (_, peaks) = run_watched(command(), "")?;
        let output_bytes = std::fs::metadata(&output)?.len();
        if output_bytes < 1_000 {
            return Err(format!("{format}: {output_bytes} bytes").into());
        }
        let mut costs = Vec::new();
        for _ in 0..TURNS {
            costs.push(run(command(), "")?.1);
        }
        let wall = median(&costs.iter().map(|cost| cost.wall).collect::<Vec<_>>());
        let processor = median(&costs.iter().map(|cost| cost.processor).collect::<Vec<_>>());
        Ok(Self { cost: Cost { wall, processor }, peaks, output_bytes })
    }
}

fn uuid(number: u32) -> String {
    format!("4c4c4544-0042-3510-8051-{number:012}")
}

/// Writes an inventory: hypervisors with guests, and a cluster whose nodes are every tenth guest, with a pod each.
fn inventory_file(folder: &Path, guests: u32) -> Result<PathBuf> {
    let guest = |number: u32| {
        json!({
            "id": uuid(number), "name": format!("vm{number:06}"), "uuid": uuid(number), "state": "running",
            "sourceState": "poweredOn", "cpus": 4, "memoryBytes": 8_589_934_592_u64,
            "addresses": [{"address": format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255)}],
            "os": {"name": "SUSE Linux Enterprise 15 (64-bit)"}, "labels": {"team": "shop"},
        })
    };
    let hosts: Vec<Value> = (0..guests / GUESTS_OF_A_HOST)
        .map(|host| {
            let first = host * GUESTS_OF_A_HOST;
            json!({
                "id": format!("99999999-0042-3510-8051-{host:012}"), "name": format!("esx{host:05}.example.com"),
                "hypervisor": {"type": "vmware", "version": "8.0.2"}, "state": "up",
                "identifiers": {"uuid": format!("99999999-0042-3510-8051-{host:012}")},
                "cpu": {"architecture": "x86_64", "sockets": 2, "cores": 32, "threads": 64},
                "memoryBytes": 549_755_813_888_u64, "location": {"cluster": format!("c{}", host / 16)},
                "guests": (first..first + GUESTS_OF_A_HOST).map(guest).collect::<Vec<_>>(),
            })
        })
        .collect();
    let nodes = 0..guests / GUESTS_PER_NODE;
    let node = |number: u32| {
        json!({
            "id": format!("{number:032x}"), "name": format!("node{number:05}"), "hypervisor": {"type": "kubernetes"},
            "identifiers": {"systemUuid": uuid(number * GUESTS_PER_NODE), "machineId": format!("{number:032x}")},
            "cpu": {"millicores": 4000}, "roles": ["worker"],
        })
    };
    let pod = |number: u32| {
        json!({
            "namespace": "shop", "name": format!("web-{number}"), "uid": format!("u{number}"), "phase": "Running",
            "host": {"id": format!("{number:032x}"), "name": format!("node{number:05}")},
        })
    };
    let inventory = json!({
        "schemaVersion": "1.8", "generator": {"name": "bench"},
        "endpoints": [
            {"id": "cluster", "module": "Kubernetes", "status": "complete",
             "hosts": nodes.clone().map(node).collect::<Vec<_>>(),
             "collections": {"pods": {"status": "complete"}},
             "workloads": {"pods": nodes.map(pod).collect::<Vec<_>>()}},
            {"id": "vcenter", "module": "VMware", "status": "complete", "hosts": hosts},
        ],
    });
    let path = folder.join(format!("inventory-{guests}.json"));
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    serde_json::to_writer(&mut file, &inventory)?;
    file.flush()?;
    Ok(path)
}
