#!/usr/bin/env python3
"""Compiles the kernels to ../kernels.ptx with NVIDIA's run-time compiler, fetched by pip; no card or toolkit needed.

    python3 make_ptx.py           compile and write
    python3 make_ptx.py --check   fail if kernels.ptx was made from other sources

The compiler is that of CUDA 12.0, so drivers from 525 on take the PTX; the code is for compute capability 8.0 and later.
"""

import ctypes
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

COMPILER = "nvidia-cuda-nvrtc-cu12==12.0.76"
HERE = pathlib.Path(__file__).resolve().parent
PTX = HERE.parent / "kernels.ptx"
OPTIONS = ["--gpu-architecture=compute_80", "--fmad=false", "-default-device", f"--include-path={HERE}"]


def first_line():
    """The comment that ties the PTX to its sources."""
    sources = sorted(p for p in HERE.iterdir() if p.suffix in (".cu", ".h"))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()
    return f"// made by make_ptx.py from kernels with SHA-256 {digest}"


def compiler(folder):
    """The run-time compiler's library, unpacked into a folder."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--dest", folder, COMPILER], check=True)
    (wheel,) = pathlib.Path(folder).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (builtins,) = pathlib.Path(folder).glob("nvidia/cuda_nvrtc/lib/libnvrtc-builtins.so.*")
    ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
    (library,) = pathlib.Path(folder).glob("nvidia/cuda_nvrtc/lib/libnvrtc.so.*")
    return ctypes.CDLL(str(library))


def compiled(nvrtc, source):
    """The PTX of a source; any warning is an error."""
    program = ctypes.c_void_p()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"all.cu", 0, None, None) == 0
    options = (ctypes.c_char_p * len(OPTIONS))(*(o.encode() for o in OPTIONS))
    failed = nvrtc.nvrtcCompileProgram(program, len(OPTIONS), options)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if failed or log.value.strip():
        sys.exit(log.value.decode() or f"nvrtc failed with code {failed}")
    assert nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size)) == 0
    ptx = ctypes.create_string_buffer(size.value)
    assert nvrtc.nvrtcGetPTX(program, ptx) == 0
    return ptx.value.decode()


def main():
    if sys.argv[1:] == ["--check"]:
        if not PTX.exists() or PTX.read_text().split("\n", 1)[0] != first_line():
            sys.exit("kernels.ptx was made from other sources: run make_ptx.py")
        return
    if sys.argv[1:]:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        ptx = compiled(compiler(folder), (HERE / "all.cu").read_bytes())
    # Constants of the compiler's own headers, which nothing reads.
    kept = (line for line in ptx.splitlines() if not re.match(r"\.global .*nv6target", line))
    lines = (re.sub(r"\s*//.*", "", line).rstrip() for line in kept)
    PTX.write_text("\n".join([first_line(), *filter(None, lines)]) + "\n")


main()
