#!/bin/sh
# Builds the simulated card: build.sh OUTDIR puts libcuda.so.1, libcudnn.so.9 and libnvidia-ml.so.1 there, in place of NVIDIA's.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${1:?"which folder?"}
mkdir -p "$out"
out=$(cd "$out" && pwd)

# Products and sums as the kernels write them, so that results do not hang on the compiler; no fortification,
# which takes a change of stacks for damage.
flags="-std=gnu11 -O2 -Wall -fPIC -shared -ffp-contract=off -fno-math-errno -fno-strict-aliasing"
flags="$flags -U_FORTIFY_SOURCE -pthread"
if cc -march=native -E -x c /dev/null >/dev/null 2>&1; then
    flags="$flags -march=native"
fi

# build SOURCE SONAME NAME [FLAGS]: under another name first, since another build may be reading.
build() {
    cc $flags ${4:-} -Wl,-soname,"$2" -o "$out/.$2.$$" "$here/$1" -lm -ldl
    mv -f "$out/.$2.$$" "$out/$2"
    ln -sf "$2" "$out/.$3.$$"
    mv -f "$out/.$3.$$" "$out/$3"
}

# A card ends a kernel that reads 16 bytes from an odd place; here that traps.
build driver.c libcuda.so.1 libcuda.so "-fsanitize=alignment -fsanitize-undefined-trap-on-error"
if [ -e "$here/cudnn.c" ]; then
    build cudnn.c libcudnn.so.9 libcudnn.so
fi
if [ -e "$here/nvml.c" ]; then
    build nvml.c libnvidia-ml.so.1 libnvidia-ml.so
fi
