#!/usr/bin/env bash
# Training and inference speed; see README.md.
set -euo pipefail
exec python "$(dirname "${BASH_SOURCE[0]}")/bench.py" "$@"
