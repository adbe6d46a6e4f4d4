#!/usr/bin/env bash
# Generates the parts of the documents that follow from the code: the JSON Schemas, and the tables of
# parameters and of the model's fields. Tests fail if they are out of date.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
cargo build --locked -p virtual-host-gatherer
program=$(target_dir)/debug/virtual-host-gatherer
for schema in docs/schema/*.json; do
    name=$(basename "$schema" .json)
    "$program" schema "$name" >"$schema.new"
    mv "$schema.new" "$schema"
    say "$schema"
done
GATHERER_RENEW_DOCS=1 cargo test --locked -q -p gatherer-tests --test docs -- parameters model_fields
say "docs/modules/*.md and docs/plugin-model.md"
