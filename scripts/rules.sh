# shellcheck shell=bash
# The function with which scripts check rules and print the results, which test.sh counts. This file is sourced.

# Whether a rule failed: the exit status of the script that sources this file.
# shellcheck disable=SC2034
status=0

# Checks one rule: the command after the rule's name must succeed. Prints "ok: <rule>", or "not ok: <rule>" with the end of
# the command's output, which is in the file $output. `set -e` has no effect in a function whose status is tested, so the
# commands of a check are joined by `&&`, or it returns 1.
rule() {
    local name=$1
    shift
    if "$@" >"${output:?}" 2>&1; then
        say "ok: $name"
    else
        say "not ok: $name"
        tail -n 40 "$output" | sed 's/^/    /'
        # shellcheck disable=SC2034
        status=1
    fi
}
