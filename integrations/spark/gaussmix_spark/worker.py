"""What an executor does: it answers one question about one partition of the rows.

What goes wrong in a way that a second try would not mend is returned, not raised: the driver then has a sentence, not a
stack trace after four attempts. Must import nothing but the standard library until it is asked, because an executor may
lack the rest.
"""

import contextlib
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import GaussmixSparkError
from .partition import BLOCK, Partition

if TYPE_CHECKING:
    import numpy as np

    from .kept import KeptPartitions, Sums
    from .kernel import Block, Pass

_MEMORY = 2**28
"""Bytes of rows that a Python process keeps if nothing else is said."""
_HASHED = 2**20
"""Rows hashed at a time."""


class Rows(NamedTuple):
    """How the rows of a fit are read and kept: the same for all questions."""

    fingerprint: str
    columns: tuple[str, ...]
    weight: str | None
    missing: bool
    """Values may be missing: null or NaN."""
    cache_folder: str | None
    """Where packed rows are kept; None: in the folder that Spark gives the executor."""
    cache_bytes: int | None
    """Most that they may take in that folder; None: all but a tenth of the disk."""
    memory_bytes: int | None
    """Most that a Python process keeps of them in its memory; None: 256 MiB, or a quarter of what it may have."""
    fit: str
    """Tells this fit from others, of the same rows too."""


class Reply(NamedTuple):
    """An answer, or an error."""

    partition: int
    kernel: str = ""
    """SHA-256 of the kernel that computed it."""
    sizes: tuple[int, ...] = ()
    data: bytes = b""
    error: str = ""
    code: str = ""


def answer(rows: Rows, question: dict[str, Any], payload: bytes, partition: Partition) -> Reply:
    """Answers a question of the engine (docs/ENGINE.md), or `open`: how many rows have a positive weight."""
    try:
        reply = _answer(rows, question, payload, partition)
    except GaussmixSparkError as error:
        return Reply(partition.number, error=str(error), code=error.code)
    except ImportError as error:
        return Reply(partition.number, error=str(refused(error)), code="EXECUTOR")
    _settle(len(sys.modules))
    return reply


@cache
def _settle(modules: int) -> None:
    """Takes what there is out of the garbage collector's sight, again whenever there are more `modules`.

    PySpark's worker collects after each task, over all objects of all packages: more time than a short pass takes.
    """
    gc.collect()
    gc.freeze()


def refused(error: ImportError) -> GaussmixSparkError:
    """What to say where an executor lacks a package."""
    remedy = f"install {error.name} for the Python of the executors (spark.pyspark.python)"
    return GaussmixSparkError(f"an executor cannot import {error.name}: {remedy}", "EXECUTOR")


def _answer(rows: Rows, question: dict[str, Any], payload: bytes, partition: Partition) -> Reply:
    import numpy as np

    from . import kernel as k

    kind, d, weighted = question["kind"], len(rows.columns), rows.weight is not None
    doubles = np.frombuffer(payload)
    first = partition.first_block * BLOCK
    sizes: tuple[int, ...] = ()
    if kind == "open":
        count = partition.rows
        if weighted:
            count = sum(int(np.count_nonzero(block.doubles[-block.rows :])) for block in blocks(rows, partition))
        else:
            for _ in blocks(rows, partition):
                pass
        data = np.array([count], np.float64)
    elif kind == "accumulate":
        found, data = _accumulate(rows, question, _mixture(question, doubles, d), partition)
        sizes = tuple(found)
    elif kind == "observed":
        found, data = k.observed(k.shared(), d, blocks(rows, partition), weighted)
        sizes = tuple(found)
    elif kind == "worst":
        mixture, given = _mixture(question, doubles, d), blocks(rows, partition)
        data = np.concatenate(k.lowest(k.shared(), mixture, given, weighted, question["count"], question.get("credit")))
    elif kind == "gather":
        mine = doubles[np.searchsorted(doubles, first) : np.searchsorted(doubles, first + partition.rows)]
        data = _gather(rows, partition, mine)
    elif kind == "choose":
        data = _choose(rows, partition, question["seed"], question["threshold"])
    else:
        raise GaussmixSparkError(f"unknown question {kind}", "ENGINE")
    return Reply(partition.number, k.sha256(), sizes, data.tobytes())


def _mixture(question: dict[str, Any], doubles: "np.ndarray", d: int) -> "Pass":
    """The payload: means, factors, and where values may be missing weights and covariances."""
    import numpy as np

    from .kernel import Pass, shared

    form, k = question["form"], question["k"]
    counts = [k * d, shared().call("gmm_factors_count", form, d, k), k]
    means, factors, weights, covariances = np.split(doubles, np.cumsum(counts))
    if "cache" not in question:
        return Pass(form, k, d, means, factors)
    return Pass(form, k, d, means, factors, weights, covariances, question["cache"])


def _accumulate(rows: Rows, question: dict[str, Any], mixture: "Pass", partition: Partition) -> "Sums":
    """Passes over active pairs remember where not to look, if there is memory for the rows too; the sums are the same."""
    from . import kernel

    only, active, weighted = question["likelihoodOnly"], question["active"], rows.weight is not None
    if active:
        read, most = partial(blocks, rows, partition), memory_limit(rows)
        kept = in_memory().accumulate(rows.fit, partition.number, partition.rows, read, weighted, mixture, only, most)
        if kept is not None:
            return kept
    else:
        # Another run has begun, or components have come close: what was remembered is of no use.
        in_memory().forget(rows.fit, partition.number)
    return kernel.accumulate(kernel.shared(), mixture, blocks(rows, partition), weighted, only, active)


@cache
def in_memory() -> "KeptPartitions":
    """What this process keeps."""
    from .kept import KeptPartitions

    return KeptPartitions()


def memory_limit(rows: Rows) -> int:
    """Bytes that this process may keep of rows."""
    if rows.memory_bytes is not None:
        return rows.memory_bytes
    # What Spark has been told that a Python process may have: spark.executor.pyspark.memory by the cores.
    told = int(os.environ.get("PYSPARK_EXECUTOR_MEMORY_MB") or -1)
    return min(_MEMORY, told * 2**20 // 4) if told > 0 else _MEMORY


def _choose(rows: Rows, partition: Partition, seed: int, threshold: int) -> "np.ndarray":
    """Numbers, then weights if there are any, of the rows whose hash is at most the threshold."""
    import numpy as np

    from .hashing import hash_rows

    first = partition.first_block * BLOCK
    numbers, weights = [np.empty(0)], [np.empty(0)]
    if rows.weight is None:
        for start in range(first, first + partition.rows, _HASHED):
            some = np.arange(start, min(start + _HASHED, first + partition.rows), dtype=np.uint64)
            numbers.append(some[hash_rows(seed, some) <= threshold].astype(np.float64))
    else:
        for block in blocks(rows, partition):
            some = np.arange(block.number * BLOCK, block.number * BLOCK + block.rows, dtype=np.uint64)
            chosen = hash_rows(seed, some) <= threshold
            numbers.append(some[chosen].astype(np.float64))
            weights.append(block.doubles[-block.rows :][chosen])
    return np.concatenate([*numbers, *weights])


def _gather(rows: Rows, partition: Partition, numbers: "np.ndarray") -> "np.ndarray":
    """Rows by number, ascending, row-major."""
    import numpy as np

    from .kernel import PANEL

    d = len(rows.columns)
    wanted = numbers.astype(np.int64) - partition.first_block * BLOCK
    result = np.empty((len(wanted), d))
    if len(wanted) == 0:
        return result.ravel()
    for block in blocks(rows, partition):
        start = (block.number - partition.first_block) * BLOCK
        low, high = np.searchsorted(wanted, [start, start + block.rows])
        if low == high:
            continue
        panels = block.doubles[: -(-block.rows // PANEL) * PANEL * d].reshape(-1, d, PANEL)
        local = wanted[low:high] - start
        result[low:high] = panels[local // PANEL, :, local % PANEL]
    return result.ravel()


def blocks(rows: Rows, partition: Partition) -> "Iterator[Block]":
    """The partition's blocks: from the file in which this executor keeps them packed, else from Parquet into that file.

    The file lies in the page cache while there is memory for it, for all Python processes of the executor together, and
    is read block by block: memory is bounded whatever the size of the rows. Where it cannot be kept (no room), Parquet is
    decoded in each pass.
    """
    from . import parquet

    path = _cache_path(rows, partition)
    file = _open_kept(path, rows, partition)
    if file is not None:
        with file:
            yield from _kept(file, rows, partition)
        return
    store = _Store(path, _room(path, rows, partition))
    try:
        for block in parquet.read_blocks(partition, rows.columns, rows.weight, rows.missing):
            store.add(block)
            yield block
        store.finish()
    finally:
        store.drop()


class _Store:
    """A file on its way: it gets its name when it is complete. Trouble with the disk ends it, not the pass."""

    def __init__(self, path: str, file: Any) -> None:
        self._path, self._file = path, file

    def add(self, block: "Block") -> None:
        if self._file is None:
            return
        try:
            self._file.write(block.doubles.data)
        except OSError:
            self.drop()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.flush()
                os.replace(self._file.name, self._path)

    def drop(self) -> None:
        """Closes the file, and removes it unless it has got its name."""
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(OSError):
            os.unlink(file.name)


def _bytes(rows: Rows, partition: Partition) -> int:
    """Of the partition's blocks, packed."""
    d, weights = len(rows.columns), partition.rows * (rows.weight is not None)
    return 8 * (-(-partition.rows // 8) * 8 * d + weights)


def _open_kept(path: str, rows: Rows, partition: Partition) -> Any:
    """The file that keeps the partition; None where there is none, or one that a crash of the machine has cut."""
    try:
        file = open(path, "rb", buffering=0)
    except OSError:
        return None
    if os.fstat(file.fileno()).st_size == _bytes(rows, partition):
        return file
    file.close()
    return None


def _kept(file: Any, rows: Rows, partition: Partition) -> "Iterator[Block]":
    import numpy as np

    from .kernel import PANEL, Block

    d, weighted = len(rows.columns), rows.weight is not None
    buffer = np.empty(BLOCK * (d + weighted))
    for i in range(partition.blocks):
        n = min(BLOCK, partition.rows - i * BLOCK)
        doubles = buffer[: -(-n // PANEL) * PANEL * d + n * weighted]
        view = memoryview(doubles).cast("B")
        while len(view) > 0:
            got = file.readinto(view)
            if not got:
                raise OSError(f"{file.name} has been cut")
            view = view[got:]
        yield Block(partition.first_block + i, n, doubles)


def _cache_path(rows: Rows, partition: Partition) -> str:
    folders = (os.environ.get("SPARK_LOCAL_DIRS") or tempfile.gettempdir()).split(",")
    base = rows.cache_folder or folders[partition.number % len(folders)]
    name = f"{partition.first_block}-{partition.rows}.rows"
    # Rows that were checked under other rules are other rows.
    return os.path.join(base, f"gaussmix-{rows.fingerprint}{'-missing' * rows.missing}", name)


def _room(path: str, rows: Rows, partition: Partition) -> Any:
    """A temporary file beside `path`; None where the partition has no room.

    Rows of other fits give way, the oldest first. Those of this fit do not: where all are read in turn, the ones just read
    are those that are wanted last.
    """
    size = _bytes(rows, partition)
    folder = os.path.dirname(path)
    base = os.path.dirname(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        others = [entry for entry in os.scandir(base) if entry.name.startswith("gaussmix-") and entry.path != folder]
        others.sort(key=lambda entry: entry.stat().st_mtime)
        while not _fits(base, size, rows.cache_bytes):
            if not others:
                return None
            shutil.rmtree(others.pop(0).path, ignore_errors=True)
        return tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False)
    except OSError:
        return None


def _fits(base: str, size: int, most: int | None) -> bool:
    if most is None:
        disk = shutil.disk_usage(base)
        return disk.free - size >= disk.total // 10
    kept = 0
    for entry in os.scandir(base):
        if entry.name.startswith("gaussmix-"):
            kept += sum(file.stat().st_size for file in os.scandir(entry.path))
    return kept + size <= most
