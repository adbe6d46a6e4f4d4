#!/usr/bin/env bash
# What a newcomer sees first: builds the program and gathers from libvirt's built-in test
# hypervisor and from a sample inventory file.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain

# Only the Libvirt module needs a package, and only to run. Without it the demo still shows
# the rest, with Libvirt as an endpoint that failed: that is worth seeing too.
if ! have_libvirt && ! install_packages libvirt0; then
    say "The Libvirt module needs libvirt's client library, which is not installed. To have it, run:"
    say "    $(libvirt_command)"
    say "The demo goes on without it."
fi

title "Building (a few minutes the first time)"
build_program release
target=$(target_dir)
program=$target/release/virtual-host-gatherer

# The program's own default would be a file in the home folder, or /var/log for root.
log=$target/demo.log

# Text as it stands in a JSON string.
json_text() {
    printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'
}

request=demo/request.json
# A person who has a cluster at hand sees that one too.
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
say "\$ $program --infile $request --logfile $log --format table"
"$program" --infile "$request" --logfile "$log" --format table

title "The same as a Manager reads it"
say "\$ $program --infile $request --logfile $log"
"$program" --infile "$request" --logfile "$log"

title "Try next"
cat <<END
What can be asked, and with which parameters:
    $program modules

The same endpoints with everything that is known about them:
    $program --infile $request --format inventory

An endpoint of your own, here of the Example module, as a Manager hands it over:
    echo '[{"id": "mine", "module": "Example", "hostname": "esx1", "guests": "3"}]' | $program --infile - --format table
END

if [ -z "$kubeconfig" ]; then
    say ""
    say "A Kubernetes cluster of yours, here in the demo: KUBECONFIG=~/.kube/config make demo"
fi

if ! have_libvirt; then
    say ""
    say "The endpoint 'test hypervisor' failed because libvirt's client library is missing; to have it, run:"
    say "    $(libvirt_command)"
fi
