#!/usr/bin/env bash
# Unpacks libtorch out of PyPI wheels for hearth-train: headers and libraries only, exact versions, checked by hash.
# Where there is an NVIDIA GPU, its half for GPUs too, with the CUDA libraries that needs (more than 2 GB to download).
#
#   HEARTH_DEPS  where to unpack (default: the user's cache folder)
#   HEARTH_GPU   1: the GPU half also on a host without a GPU, for building what runs elsewhere; 0: never
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deps=${HEARTH_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/cloudhearth/deps}
target=$deps/torch-2.15.0
say() { printf 'libtorch: %s\n' "$*" >&2; }

has_gpu() {
  local gpus=(/proc/driver/nvidia/gpus/*)
  [ "${HEARTH_GPU:-}" = 1 ] || { [ "${HEARTH_GPU:-}" != 0 ] && [ -e "${gpus[0]}" ]; }
}

requirements=(-r "$here/torch-requirements.txt")
torch_libraries=(torch/lib/libtorch_cpu.so torch/lib/libc10.so 'torch/lib/libgomp*' 'torch/lib/libshm*')
mark=complete
size='555 MB'
if has_gpu; then
  requirements+=(-r "$here/torch-cuda-requirements.txt")
  torch_libraries+=('torch/lib/libtorch_cuda*.so' torch/lib/libc10_cuda.so 'torch/lib/libtorch_nvshmem*')
  mark=complete-with-cuda
  size='more than 2 GB, for the GPU'
fi

[ -e "$target/$mark" ] && exit 0
mkdir -p "$deps"
staging=$(mktemp -d "$deps/torch.XXXXXX")
trap 'rm -rf "$staging"' EXIT

say "downloading wheels ($size)"
/usr/bin/python3 -m pip download --quiet --no-deps --require-hashes --only-binary :all: --python-version 3.11 \
  --dest "$staging/wheels" "${requirements[@]}"
say "checksums match; unpacking"
mkdir -p "$staging/unpacked/lib"
unzip -q "$staging"/wheels/torch-*.whl 'torch/include/*' "${torch_libraries[@]}" -d "$staging/torch"
mv "$staging/torch/torch/include" "$staging/unpacked/include"
mv "$staging"/torch/torch/lib/*.so* "$staging/unpacked/lib/"
# NVIDIA's libraries lie in one folder with libtorch's, which look for them there.
for wheel in "$staging"/wheels/nvidia_*.whl; do
  case ${wheel##*/} in
    nvidia_cuda_cupti-*) libraries='*/lib/libcupti.so*' ;;  # the others in it are for profilers
    nvidia_cuda_runtime-*) libraries='*/lib/libcudart.so*' ;;
    *) libraries='*/lib/*.so*' ;;
  esac
  unzip -q -j -o "$wheel" "$libraries" -d "$staging/unpacked/lib"
done
touch "$staging/unpacked/complete" "$staging/unpacked/$mark"
rm -rf "$target"
mv "$staging/unpacked" "$target"
say "ready in $target"
