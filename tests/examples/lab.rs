//! A cluster to try things out on, and the one that `make test` starts for all its tests: prints its
//! folder and how to use it, and ends it when stdin closes.
//!
//! usage: lab [NODES [PODS]]; an empty one is as many as the tests' cluster has. With `--folder-only` as
//! the first argument, prints the folder alone. The cases of workloads are there besides the pods.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use gatherer_tests::servers::kubernetes::{
    Cluster, KUBECONFIGS, SHARED_FOLDER, SHARED_NODE_BYTES, SHARED_NODES, SHARED_PODS, workloads,
};

/// The cases of workloads are on this many nodes.
const LEAST_NODES: usize = 3;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let folder_only = args.first().is_some_and(|arg| arg == "--folder-only");
    if folder_only {
        args.remove(0);
    }
    let number = |at: usize, default: usize| {
        let given = args.get(at).filter(|arg| !arg.is_empty());
        given.map_or(Ok(default), |arg| arg.parse())
    };
    let (Ok(nodes), Ok(pods)) = (number(0, SHARED_NODES), number(1, SHARED_PODS)) else {
        eprintln!("usage: lab [--folder-only] [NODES [PODS]]");
        return ExitCode::from(2);
    };
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(reason) => {
            eprintln!("lab: {reason}");
            return ExitCode::from(3);
        }
    };
    let nodes = nodes.max(LEAST_NODES);
    cluster.create_nodes(nodes, SHARED_NODE_BYTES);
    cluster.create_workloads(pods, nodes);
    cluster.create_cases();
    let folder = cluster.folder().display();
    if folder_only {
        println!("{folder}");
    } else {
        println!("A cluster of {nodes} nodes and {pods} pods at {}, in {folder}", cluster.url());
        println!("Kubeconfigs: {}", KUBECONFIGS.join(", "));
        println!("Those that may read some lists: {}", workloads::READERS.join(", "));
        println!();
        println!("export KUBECONFIG={}", cluster.kubeconfig("admin").display());
        println!(
            r#"echo '[{{"id": "lab", "module": "Kubernetes", "kubeconfig": "'$KUBECONFIG'", "collect": "all"}}]' | target/debug/virtual-host-gatherer --infile -"#
        );
        println!();
        println!(
            "For the tests, if it has its {SHARED_NODES} nodes and {SHARED_PODS} pods: export {SHARED_FOLDER}={folder}"
        );
        println!("It ends with this program: Ctrl-D, Ctrl-C, or the end of its stdin.");
    }
    if std::io::stdout().flush().is_err() {
        return ExitCode::from(4);
    }
    // A signal ends this process; what watches over the servers ends them then.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    cluster.stop();
    ExitCode::SUCCESS
}
