"""A fit whose rows are on the executors: it answers the engine's questions by Spark jobs.

Must not compute: the kernel does, on the executors, and the engine.
"""

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import numpy as np

from . import kernel
from .engine import ENGINE_FILES, OPTIONS, Engine, find_program
from .errors import GaussmixSparkError
from .hashing import hash_rows, likely_threshold
from .model import GaussianMixtureModel
from .parquet import Table, divide, open_table
from .partition import Partition
from .worker import Reply, Rows, answer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_SHIPPED: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""Per Spark context: what it has been given."""

Ask = Callable[[Callable[[Partition], Reply]], list[Reply]]
"""Runs a function on each partition, somewhere; the replies in order."""


def fit(
    spark: "SparkSession",
    data: "str | list[str] | DataFrame",
    n_components: int,
    *,
    covariance_type: str = "full",
    columns: list[str] | None = None,
    start: "str | dict[str, Any] | GaussianMixtureModel" = "kmeans",
    n_init: int = 1,
    short_runs: int = 1,
    max_iterations: int = 500,
    tolerance: float = 1e-5,
    regularization: float | str = "auto",
    prior: "str | dict[str, Any] | None" = None,
    seed: int = 0,
    sample_weight: str | None = None,
    missing: str = "error",
    folder: str | None = None,
    partitions: int | None = None,
    cache_folder: str | None = None,
    cache_bytes: int | None = None,
    memory_bytes: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
    on_iteration: Callable[[dict[str, Any]], object] | None = None,
) -> GaussianMixtureModel:
    """Fits a Gaussian mixture to rows on a cluster: the model of `gaussmix fit` on the same rows, bit for bit.

    data: Parquet files or folders, local (the same on all machines) or of any file system that pyarrow reads (s3://,
    gs://, hdfs://, abfs://). Rows are in the order of the paths given, those of a folder in the order of its files'
    names. Or a DataFrame, which is written to `folder` first, because its rows have no order of their own.

    Options as in the library: covariance_type ('full', 'tied', 'diag', 'spherical', or 'EII' to 'VVV'), start ('kmeans',
    'k-means++', 'random', 'random-from-data', 'hierarchical', a model, or a dictionary of weights, means, covariances),
    n_init and short_runs (restarts), max_iterations, tolerance (on the mean log-likelihood, nats per row), regularization,
    prior, seed. columns: the features, all by default, which must then be numeric. sample_weight: a column of weights >= 0.
    missing: what to do with nulls and NaN: 'error' refuses them; 'marginalize': each row counts with the values it has.

    partitions: how the rows are divided, which the model does not depend on; by default one per core, or a few. cache_folder,
    cache_bytes: where executors keep packed rows (the folder Spark gives them), and most that they keep there (all but a tenth
    of the disk). memory_bytes: most that each of their Python processes keeps of the rows in its own memory, which it does
    while components are so far apart that it pays to remember from pass to pass (256 MiB, or a quarter of its share of
    spark.executor.pyspark.memory; 0: nothing). checkpoint: a file of the driver to which the state of the fit is written after
    each iteration; if it exists, the fit goes on from it, unless resume is False, and ends with the bits of one that was never
    interrupted. on_iteration: called with each iteration's `run`, `iteration`, `logLikelihood`, `change` and `elapsedMs`; False
    stops.

    Raises GaussmixSparkError.
    """
    options = fit_options(
        n_components,
        covariance_type=covariance_type,
        start=start,
        n_init=n_init,
        short_runs=short_runs,
        max_iterations=max_iterations,
        tolerance=tolerance,
        regularization=regularization,
        prior=prior,
        seed=seed,
        missing=missing,
    )
    if partitions is not None and partitions < 1:
        raise GaussmixSparkError(f"partitions is {partitions}, but must be at least 1")
    for name, given in (("cache_bytes", cache_bytes), ("memory_bytes", memory_bytes)):
        if given is not None and given < 0:
            raise GaussmixSparkError(f"{name} is {given}, but must be at least 0", "INVALID_OPTION")
    paths = _paths(data, folder)
    table = open_table(paths, columns, sample_weight)
    context = _context(spark)
    may_miss, identity = missing == "marginalize", uuid4().hex
    rows = Rows(table.fingerprint, table.columns, table.weight, may_miss, cache_folder, cache_bytes, memory_bytes, fit=identity)
    ship(spark)
    pieces = divide(table, partitions, max(1, context.defaultParallelism))
    # Kept, so that each partition has a place to which its tasks go first: where its rows are.
    descriptors = context.parallelize(pieces, len(pieces)).persist()
    try:
        with Engine() as engine:
            _check_kernel(engine)
            held = HeldRows(table, rows, pieces, lambda task: _run(descriptors, task))
            held.open(n_components)
            state = Path(checkpoint) if checkpoint is not None else None
            if state is not None and not resume:
                state.unlink(missing_ok=True)
            return GaussianMixtureModel(engine.fit(table.rows, table.columns, options, held, on_iteration, state))
    finally:
        descriptors.unpersist()


def fit_options(n_components: int, **given: Any) -> dict[str, Any]:
    """Options of a fit by the library's names. Its own checks say what is wrong, where JSON can carry the value."""
    known = {"covariance_type", "start", "n_init", "short_runs", "max_iterations", "tolerance"}
    known |= {"regularization", "prior", "seed", "missing"}
    for name in given:
        if name not in known:
            raise GaussmixSparkError(f"unknown option {name}: there are {', '.join(sorted(known))}", "UNKNOWN_OPTION")
    start = given.get("start")
    if isinstance(start, GaussianMixtureModel):
        values = {name: getattr(start, name).tolist() for name in ("weights", "means", "covariances")}
        # So that covariances of the fit's own type are taken as they are, as those of a model in the library.
        given["start"] = {**values, "covarianceType": start.covariance_type}
    given["n_components"] = n_components
    for name, value in given.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise GaussmixSparkError(f"{name}: {error}", "INVALID_OPTION") from None
    theirs = {ours: name for name, ours in OPTIONS.items()}
    return {theirs.get(name, name): value for name, value in given.items() if value is not None}


def _paths(data: "str | list[str] | DataFrame", folder: str | None) -> list[str]:
    if isinstance(data, (str, os.PathLike)):
        return [os.fspath(data)]
    if isinstance(data, (list, tuple)):
        if not data:
            raise GaussmixSparkError("there are no paths")
        return [os.fspath(path) for path in data]
    if folder is None:
        raise GaussmixSparkError(
            "the rows of a DataFrame have no order, which a reproducible fit needs: give a folder (folder=...) that all "
            "executors reach, to which it is written as Parquet once; or the paths of Parquet files"
        )
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        data.write.mode("error").parquet(folder)
    except (Py4JJavaError, PySparkException) as error:
        if "ALREADY_EXISTS" in str(error):
            raise GaussmixSparkError(f"{folder} exists already: give its path in place of the DataFrame, or another") from None
        raise GaussmixSparkError(f"the DataFrame cannot be written to {folder}: {_cause(error)}") from None
    return [folder]


def _context(spark: "SparkSession") -> Any:
    try:
        return spark.sparkContext
    except Exception:
        raise GaussmixSparkError("this is Spark Connect, which has no RDDs: connect with master(...), not remote(...)") from None


def _check_kernel(engine: Engine) -> None:
    if engine.kernel != kernel.sha256():
        raise GaussmixSparkError(
            "the engine has another kernel (gaussmix.wasm) than this package: install both of the same version", "ENGINE"
        )


class HeldRows:
    """The engine's questions as jobs over the partitions; see Answers in engine.py."""

    def __init__(self, table: Table, rows: Rows, partitions: list[Partition], run: Ask) -> None:
        self._table, self._rows, self._partitions, self._run = table, rows, partitions, run

    def open(self, n_components: int) -> None:
        """Reads all rows once, so that they are checked and cached."""
        positive = sum(int(_doubles(reply)[0]) for reply in self._ask({"kind": "open"}))
        if self._rows.weight is not None and positive < n_components:
            raise GaussmixSparkError(
                f"n_components is {n_components}, but {self._rows.weight} is above 0 for only {positive} rows", "TOO_FEW_ROWS"
            )

    def sums(self, question: dict[str, Any], payload: bytes) -> Iterable[tuple[list[int], bytes]]:
        for reply, part in zip(self._ask(question, payload), self._partitions, strict=True):
            if sum(reply.sizes) != part.blocks:
                raise GaussmixSparkError(f"partition {part.number}: {sum(reply.sizes)} of {part.blocks} blocks", "EXECUTOR")
            yield list(reply.sizes), reply.data

    def gather(self, rows: np.ndarray) -> bytes:
        order = np.argsort(rows, kind="stable")
        found = b"".join(reply.data for reply in self._ask({"kind": "gather"}, rows[order].tobytes()))
        result = np.empty((len(rows), len(self._table.columns)))
        result[order] = np.frombuffer(found).reshape(result.shape)
        return result.tobytes()

    def choose(self, seed: int, count: int) -> tuple[np.ndarray, np.ndarray | None]:
        every = self._table.rows
        weighted = self._rows.weight is not None
        if count >= every and not weighted:
            return np.arange(every, dtype=np.float64), None
        largest = 2**32 - 1
        threshold = largest if count >= every else likely_threshold(count, every)
        while True:
            replies = [_doubles(reply) for reply in self._ask({"kind": "choose", "seed": seed, "threshold": threshold})]
            halves = [np.split(found, 2) if weighted else (found, found) for found in replies]
            rows, weights = (np.concatenate(half) for half in zip(*halves, strict=True))
            if count >= every:
                return rows, weights
            if weighted:
                rows, weights = rows[weights > 0], weights[weights > 0]
            if len(rows) >= count or threshold == largest:
                break
            # Rows of weight 0 take no part.
            threshold = min(largest, 4 * threshold)
        best = np.sort(np.lexsort((rows, hash_rows(seed, rows.astype(np.uint64))))[:count])
        return rows[best], weights[best] if weighted else None

    def worst(self, question: dict[str, Any], payload: bytes) -> bytes:
        found = np.concatenate([_doubles(reply).reshape(2, -1) for reply in self._ask(question, payload)], axis=1)
        return found[:, np.lexsort((found[0], found[1]))[: question["count"]]].tobytes()

    def _ask(self, question: dict[str, Any], payload: bytes = b"") -> list[Reply]:
        replies = self._run(partial(answer, self._rows, question, payload))
        # By the first of the rows: partitions are in their order.
        for reply in replies:
            if reply.error:
                raise GaussmixSparkError(reply.error, reply.code)
        numbers = [reply.partition for reply in replies]
        if numbers != [partition.number for partition in self._partitions]:
            raise GaussmixSparkError(f"replies of partitions {numbers}, each once and in order, were expected", "EXECUTOR")
        if any(reply.kernel != kernel.sha256() for reply in replies):
            raise GaussmixSparkError("an executor has another kernel (gaussmix.wasm) than the driver", "EXECUTOR")
        return replies


def _doubles(reply: Reply) -> np.ndarray:
    return np.frombuffer(reply.data)


def _run(descriptors: Any, task: Callable[[Partition], Reply]) -> list[Reply]:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        return descriptors.map(task).collect()
    except (Py4JJavaError, PySparkException) as error:
        raise GaussmixSparkError(f"a Spark job failed: {_cause(error)}", "EXECUTOR") from None


def _cause(error: Exception) -> str:
    """The line of a Spark failure that says what happened."""
    java = getattr(error, "java_exception", None)
    text = str(java.getMessage() if java is not None else error)
    raised = re.findall(r"^(?:[\w.]*(?:Error|Exception|Interrupt)): .*$", text, re.MULTILINE)
    line = raised[-1] if raised else text.strip().split("\n")[0]
    return " ".join(line.split())[:500]


def ship(spark: "SparkSession", engine: bool = False) -> None:
    """Sends this package (and the engine, for executors that fit) to the executors, once per session: they need nothing of
    it installed, and have this version.
    """
    context = _context(spark)
    folder = Path(__file__).parent
    files = {f"{folder.name}/{file.name}": file for file in [*folder.glob("*.py"), folder / "gaussmix.wasm"]}
    if engine:
        program = Path(find_program()).parent
        files |= {f"{folder.name}/{name}": program / name for name in ENGINE_FILES}
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
    data = memory.getvalue()
    # A zip of another name for other content: Spark does not replace files.
    name = f"gaussmix_spark-{hashlib.sha256(data).hexdigest()[:12]}.zip"
    shipped = _SHIPPED.setdefault(context, set())
    if name in shipped:
        return
    path = Path(mkdtemp(prefix="gaussmix-"), name)
    path.write_bytes(data)
    context.addPyFile(str(path))
    shipped.add(name)
