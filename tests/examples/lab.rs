//! Starts a Kubernetes cluster for experiments (`make lab`), or the one that all tests of `make test` share. Prints
//! its folder and how to use it, and stops it when stdin closes.
//!
//! usage: lab [NODES [PODS]]; an empty argument means the number of the tests' cluster. With `--folder-only` as
//! the first argument, it prints only the folder. The cluster also has the workloads of the tests.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use gatherer_tests::servers::kubernetes::{
    Cluster, KUBECONFIGS, SHARED_FOLDER, SHARED_NODE_BYTES, SHARED_NODES, SHARED_PODS, workloads,
};

/// The number of nodes that the workloads of the tests need.
const LEAST_NODES: usize = 3;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let folder_only = args.first().is_some_and(|arg| arg == "--folder-only");
    if folder_only {
        args.remove(0);
    }
    let number = |at: usize, default: usize| {
        let argument = args.get(at).filter(|arg| !arg.is_empty());
        argument.map_or(Ok(default), |arg| arg.parse())
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
        println!("Kubeconfigs with limited permissions: {}", workloads::READERS.join(", "));
        println!();
        println!("export KUBECONFIG={}", cluster.kubeconfig("admin").display());
        println!(
            r#"echo '[{{"id": "lab", "module": "Kubernetes", "kubeconfig": "'$KUBECONFIG'", "collect": "all"}}]' | target/debug/virtual-host-gatherer --infile -"#
        );
        println!();
        println!(
            "To use it for the tests, which need {SHARED_NODES} nodes and {SHARED_PODS} pods: export {SHARED_FOLDER}={folder}"
        );
        println!("To stop it: Ctrl-D or Ctrl-C.");
    }
    if std::io::stdout().flush().is_err() {
        return ExitCode::from(4);
    }
    // If a signal ends this process, the watcher stops the servers.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    cluster.stop();
    ExitCode::SUCCESS
}
