"""Everything but Spark: the engine, and partitions answered one after the other in this process.

Arguments: a folder, and a JSON list of cases `{ name, data, paths?, options, happens? }`; `happens`: to the processes that
answer, see Processes. Prints a line of JSON for each: its saved model, or its error.
"""

import itertools
import json
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integrations" / "spark"))

import numpy as np
import rows as data
from gaussmix_spark import GaussmixSparkError, kernel, worker
from gaussmix_spark.driver import HeldRows, fit_options
from gaussmix_spark.engine import Engine
from gaussmix_spark.hashing import hash_rows
from gaussmix_spark.kept import ActivePartition, KeptPartitions
from gaussmix_spark.parquet import Table, divide, open_table
from gaussmix_spark.partition import Partition, Piece
from gaussmix_spark.worker import Rows, memory_limit

folder = Path(sys.argv[1])
numbers = itertools.count()


class Processes:
    """What the Python processes of executors keep. `seen` counts: partitions read to be kept, passes over kept ones, those of
    them that sorted rows, those that went by bounds, and those that failed.

    processes: so many, of which each task goes to any. fails: every n-th pass over a kept partition does before its last
    block; Spark tries again.
    """

    def __init__(self, processes: int = 1, fails: int = 0) -> None:
        self.kept = [KeptPartitions() for _ in range(processes)]
        self.seen = {"read": 0, "passes": 0, "sorted": 0, "bounded": 0, "failed": 0}
        self._fails = fails
        self._random = np.random.Generator(np.random.PCG64(9))

    def answer(self, task, partition: Partition):
        kept = self.kept[self._random.integers(len(self.kept))]
        worker.in_memory = lambda: kept
        try:
            return task(partition)
        except TypeError:
            return task(partition)

    def __enter__(self) -> "Processes":
        def begin(partition: ActivePartition, *args: object) -> None:
            self.seen["read"] += 1
            init(partition, *args)

        def accumulate(partition: ActivePartition, *args: object) -> object:
            self.seen["passes"] += 1
            self.seen["sorted"] += partition._phase == 0
            self.seen["bounded"] += partition._phase == 2
            if self._fails and self.seen["passes"] % self._fails == 0:
                self.seen["failed"] += 1
                partition._blocks[-1] = None
            return passes(partition, *args)

        init, passes = ActivePartition.__init__, ActivePartition.accumulate
        self._methods = init, passes
        ActivePartition.__init__, ActivePartition.accumulate = begin, accumulate
        return self

    def __exit__(self, *_: object) -> None:
        ActivePartition.__init__, ActivePartition.accumulate = self._methods


def fitted(
    engine, paths, n_components, columns=None, sample_weight=None, partitions=None, cache_bytes=None, memory_bytes=None,
    processes=None, **options,
):  # fmt: skip
    processes = processes or Processes()
    table = open_table(paths, columns, sample_weight)
    parts = divide(table, partitions, 2)
    may_miss, cache_folder = options.get("missing") == "marginalize", str(folder / "cache")
    fit = str(next(numbers))
    rows = Rows(table.fingerprint, table.columns, table.weight, may_miss, cache_folder, cache_bytes, memory_bytes, fit)
    held = HeldRows(table, rows, parts, lambda task: [processes.answer(task, part) for part in parts])
    held.open(n_components)
    asked = set()
    ask = held._ask
    held._ask = lambda question, payload=b"": asked.add(question["kind"]) or ask(question, payload)
    with processes:
        model = engine.fit(table.rows, table.columns, fit_options(n_components, **options), held)
    bounded = all(kept.bytes <= memory_limit(rows) for kept in processes.kept)
    counts = processes.seen | {"kept": sum(map(len, processes.kept)), "within": bounded}
    counts["frugal"] = kernel._module.cache_info().currsize > 1
    return {"model": model, "partitions": len(parts), "asked": sorted(asked), **counts}


def with_little_address_space(engine, **case) -> dict:
    """As where spark.executor.pyspark.memory is set: no kernel can reserve 4 GiB of addresses."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    kernel.shared.cache_clear()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, limits[1]))
    try:
        return fitted(engine, **case)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


for make in ("small", "large", "apart", "wide", "gaps"):
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
        happens = case.get("happens", {})
        fit, times = with_little_address_space if happens.pop("limit", False) else fitted, happens.pop("times", 1)
        processes = Processes(**happens)
        try:
            for _ in range(times):
                found = fit(engine, paths=paths, processes=processes, **case["options"])
            files = sum(1 for _ in (folder / "cache").glob("*/*")) if (folder / "cache").exists() else 0
            print(json.dumps({"name": case["name"], "files": files, **found}))
        except GaussmixSparkError as error:
            print(json.dumps({"name": case["name"], "error": str(error), "code": error.code}))
