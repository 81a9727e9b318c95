#!/usr/bin/env bash
# S3 against nginx and MinIO; see README.md.
set -euo pipefail
exec python "$(dirname "${BASH_SOURCE[0]}")/bench.py" "$@"
