//! Measures module Kubernetes when it collects everything, compared with curl that fetches the same pages.
//!
//! The environment variable [`PODS_VARIABLE`] sets the largest number of pods. 100,000 pods take many minutes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::load::REPLICAS;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::Result;
use super::curl::{self, Curl};
use super::measure::{
    Beside, Peaks, Program, Table, gather_in_turn, mebibytes, median, milliseconds,
};

const NODES: u32 = 2_000;
/// The size of a node in bytes. A pod has about 5,000 bytes.
const NODE_BYTES: usize = 10_000;

/// Numbers of pods, each with the number of turns, which must be even.
const SIZES: [(u32, u32); 2] = [(2_000, 12), (RATED_PODS, 20)];
/// The environment variable with the largest number of pods, and the number of its turns.
const PODS_VARIABLE: &str = "PODS";
const PODS_VARIABLE_TURNS: u32 = 4;

/// The goal for the time of a run divided by curl's time, with [`RATED_PODS`] pods.
const RATIO: f64 = 1.3;
/// The goals for the memory of the worker and of the runner, in MiB, with [`RATED_PODS`] pods.
const WORKER_MIB: u64 = 150;
const RUNNER_MIB: u64 = 300;
/// The number of pods to which the goals apply.
const RATED_PODS: u32 = 20_000;
/// The goal for the processor time for each pod divided by that with the next smaller number of pods.
const GROWTH: f64 = 1.3;

pub fn measure(program: &Path) -> Result<Table> {
    let mut table = Table::new(format!(
        "Module Kubernetes: everything of {NODES} nodes and pods of 5,000 bytes, in turns with curl, medians"
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
    cluster.create_nodes(NODES as usize, NODE_BYTES);
    let program = Program::new(program)?.printing("inventory");
    let mut beside = Beside::from_environment("inventory")?;
    let nodes_only = nodes_only(&program, &cluster)?;
    let mut present = 0;
    let mut per_pod: Vec<(u32, f64)> = Vec::new();
    for (pods, turns) in sizes()? {
        let (first, count) = (present as usize, (pods - present) as usize);
        cluster.create_workloads_from(first, count, NODES as usize);
        present = pods;
        let measured = compare(&program, beside.as_mut(), &cluster, pods, turns)?;
        measured.add_to(&mut table, pods);
        if let Some(beside) = &mut beside {
            beside.add_to(&mut table, &format!("{pods} pods"));
        }
        let processor = measured.processor.saturating_sub(nodes_only);
        per_pod.push((pods, processor.as_secs_f64() / f64::from(pods)));
    }
    for pair in per_pod.windows(2) {
        let [(few, before), (many, after)] = pair else { continue };
        let growth = after / before;
        table.goal(
            format!("processor time a pod, {many} against {few}"),
            format!("{:.1} us against {:.1} us: {growth:.2} x", after * 1e6, before * 1e6),
            format!("<= {GROWTH} x"),
            growth <= GROWTH,
        );
    }
    Ok(table)
}

fn sizes() -> Result<Vec<(u32, u32)>> {
    let mut sizes = SIZES.to_vec();
    if let Some(value) = std::env::var(PODS_VARIABLE).ok().filter(|value| !value.is_empty()) {
        let pods = value
            .parse::<u32>()
            .ok()
            .filter(|pods| *pods > 0 && (*pods as usize).is_multiple_of(REPLICAS));
        let pods =
            pods.ok_or(format!("{PODS_VARIABLE}={value}: must be a multiple of {REPLICAS}"))?;
        sizes.retain(|(size, _)| *size <= pods);
        if sizes.iter().all(|(size, _)| *size != pods) {
            sizes.push((pods, PODS_VARIABLE_TURNS));
        }
    }
    Ok(sizes)
}

fn request(cluster: &Cluster, parameters: &Value) -> String {
    curl::request(&cluster.kubeconfig("token").display().to_string(), parameters)
}

/// The processor time of a run that lists only nodes, which is subtracted before the time for each pod is computed.
fn nodes_only(program: &Program, cluster: &Cluster) -> Result<Duration> {
    const TURNS: u32 = 8;
    let request = request(cluster, &json!({"collect": "nodes"}));
    let mut total = Duration::ZERO;
    for _ in 0..TURNS {
        let (output, cost) = program.gather(&request)?;
        check(&output, &BTreeMap::new())?;
        total += cost.processor;
    }
    Ok(total / TURNS)
}

struct PodFigures {
    gatherer: Duration,
    curl: Duration,
    /// The median of the ratios of each turn.
    ratio: f64,
    requests: usize,
    bytes: usize,
    processor: Duration,
    peaks: Peaks,
}

impl PodFigures {
    fn add_to(&self, table: &mut Table, pods: u32) {
        let Peaks { runner, worker } = self.peaks;
        let figure = format!("{}; curl {}", milliseconds(self.gatherer), milliseconds(self.curl));
        table.figure(format!("{pods} pods"), figure);
        table.figure(format!("{pods} pods, requests"), self.requests.to_string());
        table.figure(format!("{pods} pods, the document"), mebibytes(self.bytes as u64));
        let ratio = (format!("{pods} pods, times curl"), format!("{:.2} x", self.ratio));
        let worker_line = (format!("{pods} pods, peak memory of the worker"), mebibytes(worker));
        let runner_line = (format!("{pods} pods, peak memory of the runner"), mebibytes(runner));
        if pods == RATED_PODS {
            table.goal(ratio.0, ratio.1, format!("<= {RATIO} x"), self.ratio <= RATIO);
            let goal = |mib: u64| format!("< {mib} MiB");
            let met = |bytes: u64, mib: u64| bytes < mib << 20;
            table.goal(worker_line.0, worker_line.1, goal(WORKER_MIB), met(worker, WORKER_MIB));
            table.goal(runner_line.0, runner_line.1, goal(RUNNER_MIB), met(runner, RUNNER_MIB));
        } else {
            for (name, figure) in [ratio, worker_line, runner_line] {
                table.figure(name, figure);
            }
        }
    }
}

fn compare(
    program: &Program,
    mut beside: Option<&mut Beside>,
    cluster: &Cluster,
    pods: u32,
    turns: u32,
) -> Result<PodFigures> {
    let parameters = json!({"collect": "all,secrets,config-maps"});
    let request = request(cluster, &parameters);
    let curl = Curl::new(program, cluster, &parameters)?;
    let mut peaks = Peaks::default();
    let mut whole = String::new();
    for _ in 0..2 {
        let (output, peak) = program.gather_watched(&request)?;
        peaks = peaks.max(peak);
        whole = output;
    }
    let expected = expected(cluster);
    check(&whole, &expected)?;
    if let Some(beside) = &mut beside {
        check(&beside.watch(&request)?, &expected)?;
    }
    let (mut walls, mut others, mut processor) = (Vec::new(), Vec::new(), Duration::ZERO);
    for turn in 0..turns {
        if turn % 2 == 1 {
            others.push(curl.fetch(false)?);
        }
        let (output, cost) =
            gather_in_turn(program, beside.as_deref_mut(), turn as usize, &request, |output| {
                check(output, &expected)
            })?;
        // Comparing with a checked document is faster than checking this one.
        if output != whole {
            return Err("two runs gave different documents".into());
        }
        walls.push(cost.wall);
        processor += cost.processor;
        if turn % 2 == 0 {
            others.push(curl.fetch(false)?);
        }
    }
    let ratios: Vec<f64> = walls
        .iter()
        .zip(&others)
        .map(|(gatherer, other)| gatherer.as_secs_f64() / other.as_secs_f64())
        .collect();
    let found = expected["pods"];
    if found != pods as usize {
        return Err(format!("the cluster has {found} pods").into());
    }
    Ok(PodFigures {
        gatherer: median(&walls),
        curl: median(&others),
        ratio: median(&ratios),
        requests: curl.requests(),
        bytes: whole.len(),
        processor: processor / turns,
        peaks,
    })
}

/// The number of objects of each kind in the cluster, by the name of their list in the document.
fn expected(cluster: &Cluster) -> BTreeMap<String, usize> {
    let lists: [(&str, &[&str]); 7] = [
        ("namespaces", &["/api/v1/namespaces"]),
        ("serviceAccounts", &["/api/v1/serviceaccounts"]),
        (
            "controllers",
            &[
                "/api/v1/replicationcontrollers",
                "/apis/apps/v1/deployments",
                "/apis/apps/v1/replicasets",
                "/apis/apps/v1/statefulsets",
                "/apis/apps/v1/daemonsets",
                "/apis/batch/v1/jobs",
                "/apis/batch/v1beta1/cronjobs",
            ],
        ),
        ("pods", &["/api/v1/pods"]),
        ("services", &["/api/v1/services"]),
        ("configMaps", &["/api/v1/configmaps"]),
        ("secrets", &["/api/v1/secrets"]),
    ];
    lists
        .into_iter()
        .map(|(name, paths)| {
            (name.to_owned(), paths.iter().map(|path| cluster.count(path)).sum::<usize>())
        })
        .collect()
}

/// The parts of a document that are counted.
#[derive(Deserialize)]
struct Document {
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    status: String,
    #[serde(default)]
    error: Value,
    hosts: Vec<IgnoredAny>,
    #[serde(default)]
    workloads: BTreeMap<String, Vec<IgnoredAny>>,
    #[serde(default)]
    collections: BTreeMap<String, Collection>,
}

#[derive(Deserialize)]
struct Collection {
    status: String,
}

/// Returns an error unless a document has all nodes and the expected number of objects in each list.
fn check(document: &str, expected: &BTreeMap<String, usize>) -> Result<()> {
    let document: Document = serde_json::from_str(document)?;
    let [endpoint] = &document.endpoints[..] else { return Err("not one endpoint".into()) };
    let found: BTreeMap<String, usize> =
        endpoint.workloads.iter().map(|(name, list)| (name.clone(), list.len())).collect();
    let whole = endpoint.status == "complete"
        && endpoint.collections.values().all(|collection| collection.status == "complete");
    if whole && endpoint.hosts.len() == NODES as usize && found == *expected {
        return Ok(());
    }
    let (hosts, error) = (endpoint.hosts.len(), &endpoint.error);
    Err(format!("whole: {whole}, {hosts} hosts, {found:?} of {expected:?}: {error}").into())
}
