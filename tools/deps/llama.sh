#!/usr/bin/env bash
# Unpacks the prebuilt libllama that hearth-infer links: two npm tarballs of one exact version, checked against the
# sha512 below before anything in them is used. The libraries come from the platform package; their headers lie in the
# other package as a git bundle of the same llama.cpp release.
#
#   HEARTH_DEPS  where to unpack (default: the user's cache folder)
#   NPM          the npm command (default: npm)
set -euo pipefail

VERSION=3.22.1
declare -A INTEGRITY=(
  [node-llama-cpp-$VERSION.tgz]=bltIipuWmc123H7tMIgDGKSsSrhmhlQYeVUC48XTjVW7XGJJiJJyCdlTMzQ/LiWoPkGDpcL4FviDpgw7qfTiDw==
  [node-llama-cpp-linux-x64-$VERSION.tgz]=5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg==
)

deps=${HEARTH_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/cloudhearth/deps}
npm=${NPM:-npm}
target=$deps/llama-$VERSION

say() { printf 'libllama: %s\n' "$*" >&2; }
die() { printf 'tools/deps/llama.sh: %s\n' "$*" >&2; exit 1; }

[ -e "$target/complete" ] && exit 0
[ "$(uname -m)" = x86_64 ] || die "the prebuilt libllama is for x86_64, this machine is $(uname -m)"
command -v "$npm" >/dev/null || die "npm not found; set NPM to the npm command"
command -v git >/dev/null || die "git not found"

mkdir -p "$deps"
staging=$(mktemp -d "$deps/llama-$VERSION.XXXXXX")
trap 'rm -rf "$staging"' EXIT
cd "$staging"

say "downloading two tarballs of $VERSION (47 MB)"
"$npm" pack --silent "node-llama-cpp@$VERSION" "@node-llama-cpp/linux-x64@$VERSION" >/dev/null 2>npm.log ||
  { cat npm.log >&2; die "npm pack failed"; }

for tarball in "${!INTEGRITY[@]}"; do
  [ -e "$tarball" ] || die "npm pack did not write $tarball"
  found=$(openssl dgst -sha512 -binary "$tarball" | base64 -w0)
  [ "$found" = "${INTEGRITY[$tarball]}" ] || die "$tarball has sha512 $found, expected ${INTEGRITY[$tarball]}"
done
say "checksums match; unpacking"

mkdir -p unpacked/lib unpacked/include
tar xzf "node-llama-cpp-linux-x64-$VERSION.tgz" --strip-components=3 --wildcards -C unpacked/lib 'package/bins/linux-x64/*.so'
tar xzf "node-llama-cpp-$VERSION.tgz" package/llama/gitRelease.bundle
git clone --quiet --no-checkout package/llama/gitRelease.bundle source
git -C source checkout --quiet HEAD -- include ggml/include common LICENSE
cp source/include/*.h source/ggml/include/*.h unpacked/include/
# The chat template renderer's headers (libllama-common), in a folder of their own: they have names like "log.h".
mkdir unpacked/include/common
(cd source/common && find . -name '*.h' -exec cp --parents -t "$staging/unpacked/include/common" {} +)
cp source/LICENSE unpacked/

touch unpacked/complete
rm -rf "$target"
mv unpacked "$target"
say "ready in $target"
