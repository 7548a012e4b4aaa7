"""Makes the files of this folder with the Python package `gguf`, which is what ours are compared with.

    pip install gguf==0.19.0
    python generate.py

blocks.gguf   a tensor of each type, made by the package's quantiser where it has one and of random blocks where it has none, and beside each, as F32, what
              the package's dequantisation makes of it
written.gguf  a value of each type of the metadata, and tensors of the types that palinode writes; `NAME.values` are the numbers that were given
"""

from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Kind, GGUFValueType as Type, GGUFWriter
from gguf.quants import dequantize, quantize

HERE = Path(__file__).parent
READ = [Kind.F32, Kind.F16, Kind.BF16, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q8_0, Kind.Q2_K, Kind.Q3_K, Kind.Q4_K, Kind.Q5_K, Kind.Q6_K, Kind.IQ4_NL]
WRITTEN = [Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0]
# Where a random block has halves, by their first byte: a scale must be a number.
HALVES = {Kind.Q2_K: [80, 82], Kind.Q3_K: [108], Kind.Q4_K: [0, 2], Kind.Q5_K: [0, 2], Kind.Q6_K: [208], Kind.IQ4_NL: [0]}
rng = np.random.default_rng(20)


def of_package(kind, values):
    if kind in HALVES:
        size, length = GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (values.size // size, length), dtype=np.uint8)
        for place in HALVES[kind]:
            blocks[:, place:place + 2] = rng.normal(scale=0.01, size=len(blocks)).astype(np.float16).view(np.uint8).reshape(-1, 2)
        return blocks.reshape(values.shape[0], -1)
    return quantize(values, kind)


def numbers(rows, columns):
    """Of several sizes, with a row of zeros, one of a single number, and ties."""
    values = rng.normal(size=(rows, columns)).astype(np.float32) * np.float32(10) ** rng.integers(-4, 3, (rows, 1)).astype(np.float32)
    values[0, :32] = 0
    values[0, 32:64] = -0.75
    values[1, :64:2] = np.arange(32) - 15.5
    return values


def blocks():
    writer = GGUFWriter(HERE / "blocks.gguf", "none")
    for kind in READ:
        raw = of_package(kind, numbers(2, 512))
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
        writer.add_tensor(kind.name + ".values", dequantize(raw, kind).astype(np.float32))
    finish(writer)


def written():
    writer = GGUFWriter(HERE / "written.gguf", "none")
    writer.add_custom_alignment(64)
    for name, value in [("UINT8", 200), ("INT8", -100), ("UINT16", 60_000), ("INT16", -30_000), ("UINT32", 4_000_000_000), ("INT32", -2_000_000_000),
                        ("FLOAT32", 0.5), ("BOOL", True), ("STRING", "Größe"), ("UINT64", 1 << 63), ("INT64", -(1 << 62)), ("FLOAT64", 1e-300)]:
        kind = Type[name]
        writer.add_key_value(f"one.{name.lower()}", value, kind)
        writer.add_key_value(f"list.{name.lower()}", [value, value], Type.ARRAY, sub_type=kind)
    for kind in WRITTEN:
        # A length that leaves a gap before the next multiple of the alignment.
        values = numbers(3, 96) if kind == Kind.Q8_0 else numbers(3, 67)
        writer.add_tensor(kind.name + ".values", values)
        writer.add_tensor(kind.name, quantize(values, kind), raw_dtype=kind)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


blocks()
written()
