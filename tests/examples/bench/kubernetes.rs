//! Module Kubernetes against a real API server, beside curl that fetches the same pages.

use std::path::Path;
use std::time::Duration;

use gatherer_tests::servers::kubernetes::Cluster;
use serde_json::json;

use super::Result;
use super::curl::{self, Curl};
use super::measure::{Cost, Program, Table, mebibytes, median, milliseconds};

/// A node's size, in bytes, as big clusters have it.
const NODE_BYTES: usize = 10_000;

/// How many nodes there are, and in how many turns each is measured: all of [`ORDERS`].
const SIZES: [(u32, u32); 4] = [(20, 24), (200, 24), (2_000, 48), (20_000, 6)];

/// Who is measured.
#[derive(Clone, Copy)]
enum Which {
    Ours,
    Plain,
    Compressed,
}

/// Each turn has another order. The server tidies its memory up every few requests: in one order
/// the same of the three would pay for that each time.
const ORDERS: [[Which; 3]; 6] = {
    use Which::{Compressed, Ours, Plain};
    [
        [Ours, Plain, Compressed],
        [Compressed, Plain, Ours],
        [Plain, Ours, Compressed],
        [Compressed, Ours, Plain],
        [Plain, Compressed, Ours],
        [Ours, Compressed, Plain],
    ]
};

/// What the whole run may cost in units of curl's, at [`RATED_NODES`] nodes.
const RATIO: f64 = 1.3;
/// What runner and worker may need together, in MiB, at [`RATED_NODES`] nodes.
const MEMORY_MIB: u64 = 64;
const RATED_NODES: u32 = 2_000;
/// How much more a node may cost among ten times as many.
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
    let mut present = 0;
    let mut per_node = Vec::new();
    for (nodes, turns) in SIZES {
        cluster.create_nodes_from(present as usize, (nodes - present) as usize, NODE_BYTES);
        present = nodes;
        let measured = compare(&program, &cluster, nodes, turns)?;
        measured.add_to(&mut table, nodes);
        per_node.push((nodes, measured.processor.as_secs_f64() / f64::from(nodes)));
    }
    // The fixed part of a run is most of a small one.
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

struct Measured {
    ours: Duration,
    plain: Duration,
    compressed: Duration,
    /// The medians of the ratios of each turn.
    ratio_plain: f64,
    ratio_compressed: f64,
    processor: Duration,
    peak_bytes: u64,
}

impl Measured {
    fn add_to(&self, table: &mut Table, nodes: u32) {
        let ratio = self.ratio_plain.max(self.ratio_compressed);
        let figure = format!(
            "{}; curl {}, compressed {}",
            milliseconds(self.ours),
            milliseconds(self.plain),
            milliseconds(self.compressed)
        );
        table.figure(format!("{nodes} nodes"), figure);
        let what = format!("{nodes} nodes, times the faster curl");
        let figure = format!("{ratio:.2} x");
        let memory = format!("{nodes} nodes, peak memory of runner and worker");
        let peak = mebibytes(self.peak_bytes);
        if nodes == RATED_NODES {
            table.goal(what, figure, format!("<= {RATIO} x"), ratio <= RATIO);
            let met = self.peak_bytes < MEMORY_MIB << 20;
            table.goal(memory, peak, format!("< {MEMORY_MIB} MiB"), met);
        } else {
            table.figure(what, figure);
            table.figure(memory, peak);
        }
    }
}

fn compare(program: &Program, cluster: &Cluster, nodes: u32, turns: u32) -> Result<Measured> {
    let parameters = json!({});
    let curl = Curl::new(program, cluster, &parameters)?;
    let request = curl::request(&cluster.kubeconfig("token").display().to_string(), &parameters);
    let complete = |output: &str| {
        let listed = output.matches("\"hostIdentifier\"").count();
        if listed == nodes as usize { Ok(()) } else { Err(format!("{listed} nodes of {nodes}")) }
    };
    let ours = || -> Result<Cost> {
        let (output, cost) = program.gather(&request)?;
        complete(&output)?;
        Ok(cost)
    };
    let mut peak_bytes = 0;
    for _ in 0..3 {
        let (output, peak) = program.gather_watched(&request)?;
        complete(&output)?;
        peak_bytes = peak_bytes.max(peak.together());
    }
    let (mut costs, mut plain, mut compressed) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..turns as usize {
        for which in ORDERS[turn % ORDERS.len()] {
            match which {
                Which::Ours => costs.push(ours()?),
                Which::Plain => plain.push(curl.fetch(false)?),
                Which::Compressed => compressed.push(curl.fetch(true)?),
            }
        }
    }
    let walls: Vec<_> = costs.iter().map(|cost| cost.wall).collect();
    let ratios = |others: &[Duration]| {
        let pairs = walls.iter().zip(others);
        let ratios: Vec<_> =
            pairs.map(|(ours, other)| ours.as_secs_f64() / other.as_secs_f64()).collect();
        median(&ratios)
    };
    let processor = costs.iter().map(|cost| cost.processor).sum::<Duration>();
    Ok(Measured {
        ours: median(&walls),
        ratio_plain: ratios(&plain),
        ratio_compressed: ratios(&compressed),
        plain: median(&plain),
        compressed: median(&compressed),
        processor: processor / turns,
        peak_bytes,
    })
}
