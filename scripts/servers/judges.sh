#!/usr/bin/env bash
# Prepares the vendors' own clients, which read the fakes of the tests: installs them from PyPI into a Python
# environment. This is done once, and takes about a minute.
#
#   scripts/servers/judges.sh          prepare the environment
#   scripts/servers/judges.sh --path   print the path of its interpreter; exit status 1 if it is not ready
#
# The exit status is 3, with the reason on stderr, if this machine cannot run them.

# shellcheck source=scripts/servers/common.sh
. "$(dirname "$0")/common.sh"

what="vendors' clients"
requirements=scripts/servers/judges/requirements.txt
# A change of the versions requires a new environment.
cache=$servers/judges-$(cksum <$requirements | cut -d' ' -f1)
python=$cache/venv/bin/python

made() {
    [ -e "$cache/.made" ]
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$python"
    exit
fi
made && exit 0

need_program() {
    command -v "$1" >/dev/null 2>&1 || cannot "$1 was not found: $(as_root)apt-get install $2"
}
need_program python3 python3
need_program flock util-linux
python3 -c 'import ensurepip, venv' 2>/dev/null || cannot "Python cannot create an environment: $(as_root)apt-get install python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || cannot "Python 3.11 or later is needed"
mkdir -p "$cache" 2>/dev/null || cannot "$cache cannot be created"
alone "the vendors' clients"
made && exit 0

trap 'rm -rf "$work"' EXIT
begin_work
rm -rf "$cache/venv"
say "Installing the vendors' clients for the tests. This happens once, and downloads about 80 MB."
stage "environment"
quiet python3 -m venv "$cache/venv"
stage "packages"
quiet "$python" -m pip install --disable-pip-version-check --requirement "$requirements"
touch "$cache/.made"
forget_older judges
stage "done"
