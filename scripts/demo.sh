#!/usr/bin/env bash
# A demonstration for newcomers: builds the program and gathers from libvirt's built-in test
# hypervisor and from a sample inventory file.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain

# Only module Libvirt needs a package, and only at run time. Without the package, the demo shows the
# Libvirt endpoint as failed, and the rest as usual.
if ! have_libvirt && ! install_packages libvirt0; then
    say "Module Libvirt needs libvirt's client library, which is not installed. To install it, run:"
    say "    $(libvirt_command)"
    say "The demo continues without it."
fi

title "Building (a few minutes the first time)"
# Not optimized: that would take twice as long, and `make test` would build everything again.
build_program dev
target=$(target_dir)
program=$target/debug/virtual-host-gatherer

# The program's default is a file in the home folder, or in /var/log for root.
log=$target/demo.log

# Prints the text $1 escaped for a JSON string.
json_text() {
    printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'
}

request=demo/request.json
# If the user has a cluster, the demo includes it.
kubeconfig=${KUBECONFIG:-}
kubeconfig=${kubeconfig%%:*}
if [ -n "$kubeconfig" ]; then
    request=$target/demo-request.json
    case $kubeconfig in /*) ;; *) kubeconfig=$PWD/$kubeconfig ;; esac
    cat >"$request" <<END
[
    {"id": "test hypervisor", "module": "Libvirt", "uri": "test:///default"},
    {"id": "sample inventory", "module": "File", "url": "$(json_text "$PWD/demo/hosts.json")"},
    {"id": "your cluster", "module": "Kubernetes", "kubeconfig": "$(json_text "$kubeconfig")", "timeout": 30}
]
END
    title "Three endpoints as a table: a hypervisor, an inventory file, and the cluster of KUBECONFIG"
else
    title "Two endpoints as a table: a hypervisor and an inventory file"
fi
say "\$ cat $request"
cat "$request"
say "\$ $program --infile $request --logfile $log --format table"
"$program" --infile "$request" --logfile "$log" --format table

title "The same in the format that a Manager reads"
say "\$ $program --infile $request --logfile $log"
"$program" --infile "$request" --logfile "$log"

title "Try next"
cat <<END
The modules and their parameters:
    $program modules

The same endpoints, with everything that is known about them:
    $program --infile $request --format inventory

Your own endpoint, here of module Example, in the form that a Manager sends:
    echo '[{"id": "mine", "module": "Example", "hostname": "esx1", "guests": "3"}]' | $program --infile - --format table
END

if [ -z "$kubeconfig" ]; then
    say ""
    say "The demo with your Kubernetes cluster: KUBECONFIG=~/.kube/config make demo"
fi

if ! have_libvirt; then
    say ""
    say "The endpoint 'test hypervisor' failed because libvirt's client library is missing. To install it, run:"
    say "    $(libvirt_command)"
fi
