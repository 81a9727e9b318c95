#!/usr/bin/env bash
# Installs the AWS SDK for JavaScript v3 that tests/conformance/js drives the server with: exactly what
# sdk-js/package-lock.json names, each package checked against its sha512 there. No package's scripts are run.
#
#   HEARTH_DEPS  where to install (default: the user's cache folder)
#   NPM          the npm command (default: npm)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/sdk-js

deps=${HEARTH_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/cloudhearth/deps}
npm=${NPM:-npm}
# One folder per content of the lock file, so a changed pin never meets an old install (tests/conftest.py names it the same way).
target=$deps/sdk-js-$(sha256sum "$here/package-lock.json" | cut -c1-16)

say() { printf 'AWS SDK for JavaScript: %s\n' "$*" >&2; }
die() { printf 'tools/deps/sdk-js.sh: %s\n' "$*" >&2; exit 1; }

[ -e "$target/complete" ] && exit 0
command -v "$npm" >/dev/null || die "npm not found; set NPM to the npm command"

mkdir -p "$deps"
staging=$(mktemp -d "$deps/sdk-js.XXXXXX")
trap 'rm -rf "$staging"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$staging/"
say "installing the pinned packages"
(cd "$staging" && "$npm" ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) || { cat "$staging/npm.log" >&2; die "npm ci failed"; }
touch "$staging/complete"
rm -rf "$target"
mv "$staging" "$target"
say "ready in $target"
