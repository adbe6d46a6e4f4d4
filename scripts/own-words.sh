#!/usr/bin/env bash
# Lists the words of the sentences that the program and its plugins write, from the texts in their source. Redaction
# leaves these words alone: host/src/request/redact/own_words.rs. With --check, fails if the list is out of date.

# The dollar signs in single quotes are awk's.
# shellcheck disable=SC2016

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

export LC_ALL=C

list=host/src/request/redact/own_words.txt
# The example is not installed.
plugins=$(find plugins -mindepth 1 -maxdepth 1 ! -name example | sort)
{
    # shellcheck disable=SC2086
    find host/src file-reader/src image-reference/src yaml-reader/src plugin-api/src plugin-support/src $plugins -name '*.rs' \
        ! -name '*_tests.rs' ! -name '*fuzz*' ! -name 'test_*' ! -path '*/tests/*' ! -path '*/testing/*' ! -name testing.rs -print0 |
        sort -z |
        # Without the tests at the end of a file, without comments, and with each string on one line.
        xargs -0 awk 'FNR == 1 { skip = 0 }
            /^(pub )?mod (tests|testing) \{/ { skip = 1 }
            !skip && !/^ *\/\// { if (sub(/\\$/, "")) printf "%s", $0; else print }' |
        sed "s/'\"'//g; s/'\\\\\\\\\"'//g" |
        grep -oE '"([^"\\]|\\.)*"' |
        sed -E 's/\{[^}]*\}/ /g; s/\\(u\{[0-9a-f]*\}|.)/ /g'
    # What libraries say: the errors of the system, HTTP, TLS, libvirt and ssh.
    cat host/src/request/redact/library_words.txt
    # shellcheck disable=SC2086
    find $plugins -name manifest.json -exec grep -hoE '"name": *"[^"]*"' {} +
} | tr '[:upper:]' '[:lower:]' |
    # Compounds, and each word.
    awk '{ gsub(/[^a-z0-9_-]/, " "); print; gsub(/[_-]/, " "); print }' | tr -s ' ' '\n' | sed 's/^[-_]*//; s/[-_]*$//' |
    grep -E '^[a-z][a-z0-9_-]{0,23}$' | grep -vx canary | sort -u | tr '\n' ' ' | fold -s -w 118 | sed 's/ *$//' >"$list.new"
if [ "${1:-}" = --check ]; then
    status=0
    cmp -s "$list" "$list.new" || status=1
    rm "$list.new"
    [ "$status" -eq 0 ] || say "$list is out of date: run $0"
    exit "$status"
fi
mv "$list.new" "$list"
say "$list"
