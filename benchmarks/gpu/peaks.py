"""What the makers of GPUs say their chips reach, in TFLOP/s without sparsity.

NVIDIA H100 Tensor Core GPU datasheet (SXM) and NVIDIA H200 Tensor Core GPU datasheet,
which has the same chip with more memory. float32 is that of the CUDA cores, the others
are the tensor cores'.
"""

SXM = {"float64": 67.0, "float32": 67.0, "tf32": 494.7, "bfloat16": 989.4}
# By a word of the name that the driver gives.
PEAKS = {"H100 80GB HBM3": SXM, "H200": SXM}


def peak_gflops(accelerator: str, dtype: str) -> float | None:
    """Give the chip's peak, None for one that is not listed."""
    found = [peaks for word, peaks in PEAKS.items() if word in accelerator]
    return 1000 * found[0][dtype] if found else None
