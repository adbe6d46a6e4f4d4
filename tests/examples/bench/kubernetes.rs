//! Measures module Kubernetes with a real API server, compared with curl that fetches the same pages.

use std::path::Path;
use std::time::Duration;

use gatherer_tests::servers::kubernetes::Cluster;
use serde_json::json;

use super::Result;
use super::curl::{self, Curl};
use super::measure::{
    Beside, Cost, Program, Table, gather_in_turn, mebibytes, median, milliseconds,
};

/// The size of a node in bytes, as in large clusters.
const NODE_BYTES: usize = 10_000;

/// Numbers of nodes, each with the number of turns, which is a multiple of twice the number of [`ORDERS`].
const SIZES: [(u32, u32); 4] = [(20, 24), (200, 24), (2_000, 48), (20_000, 12)];

/// The commands that are measured.
#[derive(Clone, Copy)]
enum MeasuredCommand {
    Gatherer,
    Plain,
    Compressed,
}

/// The order differs from turn to turn. The server collects garbage every few requests, and with a fixed order
/// the same command would pay for that each time.
const ORDERS: [[MeasuredCommand; 3]; 6] = {
    use MeasuredCommand::{Compressed, Gatherer, Plain};
    [
        [Gatherer, Plain, Compressed],
        [Compressed, Plain, Gatherer],
        [Plain, Gatherer, Compressed],
        [Compressed, Gatherer, Plain],
        [Plain, Compressed, Gatherer],
        [Gatherer, Compressed, Plain],
    ]
};

/// The goal for the time of a run divided by curl's time, with [`RATED_NODES`] nodes.
const RATIO: f64 = 1.3;
/// The goal for the memory of runner and worker together, in MiB, with [`RATED_NODES`] nodes.
const MEMORY_MIB: u64 = 64;
/// The number of nodes to which the goals apply.
const RATED_NODES: u32 = 2_000;
/// The goal for the processor time for each node divided by that with a tenth of the nodes.
const GROWTH: f64 = 1.3;

pub fn measure(program: &Path) -> Result<Table> {
    let mut table = Table::new(format!(
        "Module Kubernetes: nodes of {NODE_BYTES} bytes, in turns with curl, medians"
    ));
    if !curl::installed() {
        table.figure("skipped", "curl is not installed");
        return Ok(table);
    }
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(reason) => {
            table.figure("skipped", reason);
            return Ok(table);
        }
    };
    let program = Program::new(program)?;
    let mut beside = Beside::from_environment("gatherer")?;
    let mut present = 0;
    let mut per_node = Vec::new();
    for (nodes, turns) in SIZES {
        cluster.create_nodes_from(present as usize, (nodes - present) as usize, NODE_BYTES);
        present = nodes;
        let measured = compare(&program, beside.as_mut(), &cluster, nodes, turns)?;
        measured.add_to(&mut table, nodes);
        if let Some(beside) = &mut beside {
            beside.add_to(&mut table, &format!("{nodes} nodes"));
        }
        per_node.push((nodes, measured.processor.as_secs_f64() / f64::from(nodes)));
    }
    // Only the two largest numbers, since the start of the process dominates in small runs.
    let [.., (few, before), (many, after)] = per_node[..] else { return Ok(table) };
    let growth = after / before;
    table.goal(
        format!("processor time a node, {many} against {few}"),
        format!("{:.1} us against {:.1} us: {growth:.2} x", after * 1e6, before * 1e6),
        format!("<= {GROWTH} x"),
        growth <= GROWTH,
    );
    Ok(table)
}

struct NodeFigures {
    gatherer: Duration,
    plain: Duration,
    compressed: Duration,
    /// The medians of the ratios of each turn.
    ratio_plain: f64,
    ratio_compressed: f64,
    processor: Duration,
    peak_bytes: u64,
}

impl NodeFigures {
    fn add_to(&self, table: &mut Table, nodes: u32) {
        let ratio = self.ratio_plain.max(self.ratio_compressed);
        let figure = format!(
            "{}; curl {}, compressed {}",
            milliseconds(self.gatherer),
            milliseconds(self.plain),
            milliseconds(self.compressed)
        );
        table.figure(format!("{nodes} nodes"), figure);
        let name = format!("{nodes} nodes, times the faster curl");
        let figure = format!("{ratio:.2} x");
        let memory = format!("{nodes} nodes, peak memory of runner and worker");
        let peak = mebibytes(self.peak_bytes);
        if nodes == RATED_NODES {
            table.goal(name, figure, format!("<= {RATIO} x"), ratio <= RATIO);
            let met = self.peak_bytes < MEMORY_MIB << 20;
            table.goal(memory, peak, format!("< {MEMORY_MIB} MiB"), met);
        } else {
            table.figure(name, figure);
            table.figure(memory, peak);
        }
    }
}

fn compare(
    program: &Program,
    mut beside: Option<&mut Beside>,
    cluster: &Cluster,
    nodes: u32,
    turns: u32,
) -> Result<NodeFigures> {
    let parameters = json!({});
    let curl = Curl::new(program, cluster, &parameters)?;
    let request = curl::request(&cluster.kubeconfig("token").display().to_string(), &parameters);
    let check = |output: &str| -> Result<()> {
        let listed = output.matches("\"hostIdentifier\"").count();
        if listed == nodes as usize {
            Ok(())
        } else {
            Err(format!("{listed} nodes of {nodes}").into())
        }
    };
    let gatherer = |turn: usize, beside: Option<&mut Beside>| -> Result<Cost> {
        let (output, cost) = gather_in_turn(program, beside, turn, &request, check)?;
        check(&output)?;
        Ok(cost)
    };
    let mut peak_bytes = 0;
    for _ in 0..3 {
        let (output, peak) = program.gather_watched(&request)?;
        check(&output)?;
        peak_bytes = peak_bytes.max(peak.together());
        if let Some(beside) = &mut beside {
            check(&beside.watch(&request)?)?;
        }
    }
    let (mut costs, mut plain, mut compressed) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..turns as usize {
        for command in ORDERS[turn % ORDERS.len()] {
            match command {
                MeasuredCommand::Gatherer => costs.push(gatherer(turn, beside.as_deref_mut())?),
                MeasuredCommand::Plain => plain.push(curl.fetch(false)?),
                MeasuredCommand::Compressed => compressed.push(curl.fetch(true)?),
            }
        }
    }
    let walls: Vec<_> = costs.iter().map(|cost| cost.wall).collect();
    let ratios = |others: &[Duration]| {
        let pairs = walls.iter().zip(others);
        let ratios: Vec<_> =
            pairs.map(|(gatherer, other)| gatherer.as_secs_f64() / other.as_secs_f64()).collect();
        median(&ratios)
    };
    let processor = costs.iter().map(|cost| cost.processor).sum::<Duration>();
    Ok(NodeFigures {
        gatherer: median(&walls),
        ratio_plain: ratios(&plain),
        ratio_compressed: ratios(&compressed),
        plain: median(&plain),
        compressed: median(&compressed),
        processor: processor / turns,
        peak_bytes,
    })
}
