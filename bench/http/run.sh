#!/usr/bin/env bash
# The wire beside a bare hello; see README.md.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ninja --quiet -C "$folder/../../build/release" bench_hello bench_wire_cost
python "$folder/bench.py" "$@"
echo
"$folder/../../build/release/bench_wire_cost"
