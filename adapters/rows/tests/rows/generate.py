"""Writes the Parquet files that the tests of `rows` read.

Needs pyarrow; run it in this folder. The files are checked in, so that tests need no Python.
"""

import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 50

messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
schema = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        ("prompt", pa.string()),
        ("reward_model", pa.struct([("ground_truth", pa.string()), ("weight", pa.float64())])),
        ("answers", pa.list_(pa.string())),
        ("messages", messages),
        ("level", pa.int32()),
        ("kept", pa.bool_()),
    ]
)


def row(i):
    """The tests say the same in Rust."""
    answers = None if i % 7 == 3 else [None if j == 2 else f"{i}/{j}" for j in range(i % 4)]
    truth = None if i % 6 == 4 else f"truth {i * i}"
    return {
        "id": i,
        "prompt": None if i % 5 == 2 else f"what is {i} times {i}?",
        "reward_model": None if i % 11 == 5 else {"ground_truth": truth, "weight": i / 4},
        "answers": answers,
        "messages": [{"role": "user", "content": f"q{i}.{j}"} for j in range(i % 3)],
        "level": i % 3 if i % 4 else None,
        "kept": i % 2 == 0,
    }


table = pa.Table.from_pylist([row(i) for i in range(ROWS)], schema)


def write(name, table=table, **options):
    pq.write_table(table, f"{name}.parquet", **{"compression": "none", "row_group_size": 25, "write_statistics": False} | options)


for codec in ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]:
    write(codec, compression=codec)
write("plain", use_dictionary=False, write_statistics=True)
write("v2", data_page_version="2.0", compression="snappy")
write("v2-plain", data_page_version="2.0", use_dictionary=False)
write("pages", data_page_size=40, use_dictionary=False, compression="snappy", write_batch_size=4)
deltas = {"id": "DELTA_BINARY_PACKED", "prompt": "DELTA_BYTE_ARRAY", "level": "DELTA_BINARY_PACKED", "kept": "RLE"}
deltas |= {
    "reward_model.ground_truth": "DELTA_LENGTH_BYTE_ARRAY",
    "reward_model.weight": "BYTE_STREAM_SPLIT",
    "answers.list.element": "DELTA_BYTE_ARRAY",
}
write("deltas", use_dictionary=False, column_encoding=deltas)
write("deltas-v2", use_dictionary=False, column_encoding=deltas, data_page_version="2.0", compression="gzip")

utc = datetime.timezone.utc
types = pa.table(
    {
        "u8": pa.array([255, None], pa.uint8()),
        "u64": pa.array([2**64 - 1, 0], pa.uint64()),
        "i8": pa.array([-128, 127], pa.int8()),
        "f32": pa.array([0.1, -2.0], pa.float32()),
        "f64": pa.array([1e300, 0.1], pa.float64()),
        "day": pa.array([datetime.date(1969, 12, 31), datetime.date(2024, 2, 29)], pa.date32()),
        "ms": pa.array([datetime.datetime(2001, 2, 3, 4, 5, 6, 7000), None], pa.timestamp("ms")),
        "us": pa.array([datetime.datetime(1901, 2, 3, 4, 5, 6, 7, utc), None], pa.timestamp("us", tz="UTC")),
        "clock": pa.array([datetime.time(23, 59, 58, 5), datetime.time(0, 0)], pa.time64("us")),
        "money": pa.array([decimal.Decimal("-0.05"), decimal.Decimal("123.40")], pa.decimal128(9, 2)),
        "large": pa.array([decimal.Decimal(-(10**37)), decimal.Decimal(7)], pa.decimal128(38, 0)),
        "map": pa.array([[("a", 1), ("b", None)], None], pa.map_(pa.string(), pa.int32())),
        "deep": pa.array([[[1, 2], [], None, [3]], [[]]], pa.list_(pa.list_(pa.int32()))),
        "nothing": pa.nulls(2),
        "sort": pa.array(["x", "x"]).dictionary_encode(),
    }
)
write("types", types)
write("types-int96", types.select(["us"]), use_deprecated_int96_timestamps=True)
write("binary", pa.table({"image": pa.array([b"text", b"\xff\xd8"], pa.binary())}))
write("empty", table.slice(0, 0))
write("small", pa.table({"q": ["one", "two", "three"], "a": [[1], [], [2, 3]]}), compression="snappy")
