#!/usr/bin/env bash
# Unpacks libtorch out of PyPI wheels for hearth-train: headers and libraries only, exact versions, checked by hash.
#
#   HEARTH_DEPS  where to unpack (default: the user's cache folder)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deps=${HEARTH_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/cloudhearth/deps}
target=$deps/torch-2.15.0
say() { printf 'libtorch: %s\n' "$*" >&2; }

[ -e "$target/complete" ] && exit 0
mkdir -p "$deps"
staging=$(mktemp -d "$deps/torch.XXXXXX")
trap 'rm -rf "$staging"' EXIT

say "downloading three wheels (555 MB)"
/usr/bin/python3 -m pip download --quiet --no-deps --require-hashes --only-binary :all: --python-version 3.11 \
  --dest "$staging/wheels" -r "$here/torch-requirements.txt"
say "checksums match; unpacking"
mkdir -p "$staging/unpacked/lib"
unzip -q "$staging"/wheels/torch-*.whl 'torch/include/*' 'torch/lib/libtorch_cpu.so' 'torch/lib/libc10.so' 'torch/lib/libgomp*' \
  'torch/lib/libshm*' -d "$staging/torch" || [ $? -eq 11 ]  # 11: one of the patterns matched nothing
mv "$staging/torch/torch/include" "$staging/unpacked/include"
mv "$staging"/torch/torch/lib/*.so* "$staging/unpacked/lib/"
for wheel in "$staging"/wheels/nvidia_*.whl; do
  unzip -q -j "$wheel" '*/lib/libcupti.so*' '*/lib/libcudart.so*' -d "$staging/unpacked/lib" || [ $? -eq 11 ]
done
touch "$staging/unpacked/complete"
rm -rf "$target"
mv "$staging/unpacked" "$target"
say "ready in $target"
