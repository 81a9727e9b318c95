#!/usr/bin/env bash
# Start time and idle memory; see README.md.
set -euo pipefail
exec python "$(dirname "${BASH_SOURCE[0]}")/bench.py" "$@"
