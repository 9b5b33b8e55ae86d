"""Everything but Spark: the engine, and partitions answered one after the other in this process.

Arguments: a folder, and a JSON list of cases `{ name, data, paths?, options }`. Prints a line of JSON for each: its saved
model, or its error.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integrations" / "spark"))

import numpy as np
import rows as data
from gaussmix_spark import GaussmixSparkError
from gaussmix_spark.driver import HeldRows, fit_options
from gaussmix_spark.engine import Engine
from gaussmix_spark.hashing import hash_rows
from gaussmix_spark.parquet import Table, divide, open_table
from gaussmix_spark.partition import Piece
from gaussmix_spark.worker import Rows

folder = Path(sys.argv[1])


def fitted(engine, paths, n_components, columns=None, sample_weight=None, partitions=None, cache_bytes=None, **options):
    table = open_table(paths, columns, sample_weight)
    parts = divide(table, partitions, 2)
    rows = Rows(
        table.fingerprint,
        table.columns,
        table.weight,
        options.get("missing") == "marginalize",
        str(folder / "cache"),
        cache_bytes,
    )
    held = HeldRows(table, rows, parts, lambda task: [task(part) for part in parts])
    held.open(n_components)
    asked = set()
    ask = held._ask
    held._ask = lambda question, payload=b"": asked.add(question["kind"]) or ask(question, payload)
    model = engine.fit(table.rows, table.columns, fit_options(n_components, **options), held)
    return model, len(parts), sorted(asked)


for make in ("small", "large", "apart", "gaps"):
    getattr(data, make)(folder)
(folder / "damaged.parquet").write_bytes((folder / "small.parquet").read_bytes()[:-100])
whole = bytearray((folder / "small.parquet").read_bytes())
whole[4:60000] = bytes(59996)
(folder / "spoilt.parquet").write_bytes(whole)

pairs = json.loads(sys.argv[3])
print(json.dumps({"hashes": [int(hash_rows(seed, np.array([row], np.uint64))[0]) for seed, row in pairs]}))
sizes = [(12_000, 3, 2), (500_000, 32, 2), (10**9, 8, 64), (10**12, 8, 4000)]
tables = [Table(n, ("x",) * d, None, (Piece("rows", 0, n, 0, n, 0),), "") for n, d, _ in sizes]
counts = [len(divide(table, None, cores)) for table, (_, _, cores) in zip(tables, sizes, strict=True)]
print(json.dumps({"name": "divided", "counts": counts}))
try:
    Engine("/nowhere/node")
except GaussmixSparkError as error:
    print(json.dumps({"name": "no Node", "error": str(error)}))
with Engine() as engine:
    for case in json.loads(sys.argv[2]):
        paths = case.get("paths") or [str(folder / case["data"])]
        try:
            model, parts, asked = fitted(engine, paths, **case["options"])
            kept = sum(1 for _ in (folder / "cache").glob("*/*")) if (folder / "cache").exists() else 0
            print(json.dumps({"name": case["name"], "model": model, "partitions": parts, "asked": asked, "kept": kept}))
        except GaussmixSparkError as error:
            print(json.dumps({"name": case["name"], "error": str(error), "code": error.code}))
