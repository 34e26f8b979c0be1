"""The same bits on every x86-64 processor with AVX2: `compute.reproducible`."""

import os
import platform
import sys

from stridor.common.errors import StridorError

# Each library chooses its code by the processor, and sums in another order with wider registers. All of them read
# these when they are loaded.
_VARIABLES = {
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own kernels
    "MKL_CBWR": "AVX2",  # matrix products and Fourier transforms of PyTorch
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions of PyTorch
    "OPENBLAS_CORETYPE": "HASWELL",  # matrix products of NumPy and SciPy
}
_NUMPY = "NPY_DISABLE_CPU_FEATURES"  # exponentials and logarithms of NumPy
# Marks a process that has started itself once more, so that it does so once only.
_MARK = "STRIDOR_REPRODUCIBLE"


def variables() -> dict[str, str]:
    """Return the environment in which every library keeps to AVX2.

    Raises
    ------
    StridorError
        If the processor is of another kind, for which there is no such setting.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        raise StridorError(
            f"compute.reproducible is true, which only x86-64 processors with AVX2 can keep, not {platform.machine()}; "
            "set it to false."
        )
    return _VARIABLES | {_NUMPY: " ".join(_beyond_avx2()), _MARK: "1"}


def start_again() -> None:
    """Start this process again in that environment, unless it already runs in it; the command line stays the same."""
    wanted = variables()
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, os.environ | wanted)


def _beyond_avx2() -> list[str]:
    """Name NumPy's features beyond AVX2; the names differ between its versions, and others than its own are errors."""
    from numpy._core._multiarray_umath import __cpu_dispatch__  # type: ignore[import-not-found]

    return sorted(name for name in __cpu_dispatch__ if name == "X86_V4" or name.startswith("AVX512"))
