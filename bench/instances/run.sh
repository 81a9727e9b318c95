#!/usr/bin/env bash
# RunInstances beside runc; see README.md.
set -euo pipefail
exec python "$(dirname "${BASH_SOURCE[0]}")/bench.py" "$@"
