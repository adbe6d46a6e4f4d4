#!/usr/bin/env bash
# Renews every file that follows from the code and that a test compares with the code: the generated
# parts of the documents, and the snapshots (*.snap). Review the changes with `git diff`.
#
# Not renewed are the files that prove compatibility with a release. They never change:
# plugin-api/tests/golden/abi-1.0.txt, tests/released-api/, tests/tests/released_api/ and
# plugins/file/tests/fixtures/inventory-1.0*.json.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

title "Generated parts of the documents"
scripts/docs.sh
scripts/own-words.sh

target=$(target_dir)
case $target in /*) ;; *) target=$PWD/$target ;; esac
used=$target/snapshots-in-use.txt
rm -f "$used"
export INSTA_UPDATE=always
export INSTA_SNAPSHOT_REFERENCES_FILE=$used
status=0
scripts/test.sh || status=$?

title "Snapshots"
# A test that failed or was skipped may not have reached its snapshots.
if [ "$status" -ne 0 ] || [ -s "$target/test-skips.txt" ]; then
    say "Unused snapshots are not removed, because tests failed or were skipped."
else
    # Compare canonical paths, since $PWD may contain a symbolic link.
    sort -u "$used" | xargs -d '\n' realpath >"$used.sorted"
    git ls-files --cached --others --exclude-standard -- '*.snap' | while read -r snapshot; do
        [ -e "$snapshot" ] || continue
        grep -qxF "$(realpath "$snapshot")" "$used.sorted" ||
            { rm -f "$snapshot" && say "removed, no test uses it: $snapshot"; }
    done
fi
git status --short -- '*.snap' docs
exit "$status"
