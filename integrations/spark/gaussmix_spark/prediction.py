"""Component and responsibilities of each row of a DataFrame. Must not need the rows in any order."""

import json
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from .driver import ship
from .errors import GaussmixSparkError
from .model import GaussianMixtureModel
from .worker import refused

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from .kernel import Block, Pass

_NARROW = {"spherical": 0, "EII": 0, "VII": 0, "diag": 1, "EEI": 1, "VEI": 1, "EVI": 1, "VVI": 1, "tied": 2, "EEE": 2}
"""The kernel's covariance forms; those of the other covariance types are full: 3."""

_CACHE_DOUBLES = 2**18
"""For the factors of patterns of missing values: more saves time, and changes no bit."""


def predict(
    df: "DataFrame",
    model: GaussianMixtureModel,
    *,
    columns: list[str] | None = None,
    label: str = "label",
    responsibilities: str | None = "responsibilities",
    missing: str = "error",
) -> "DataFrame":
    """The DataFrame with two columns more: `label` (int), the most probable component from 0, and `responsibilities`
    (array of K doubles that sum to one), the bits of the library's predictProba; None: without.

    columns: the features in the model's order; by default those of the model's names, or, if the DataFrame has none of
    them, all columns. missing: 'marginalize' gives rows with nulls or NaN the responsibilities of the values they have.
    Lazy, as any DataFrame: a value that is missing, infinite or too large fails the job that reads it, with its row and
    column in the message.

    Raises GaussmixSparkError for columns that do not fit the model.
    """
    from pyspark.sql.types import ArrayType, DoubleType, IntegerType, StructField, StructType

    if missing not in ("error", "marginalize"):
        raise GaussmixSparkError(f"missing is {missing!r}, but must be 'error' or 'marginalize'", "INVALID_OPTION")
    own = model.feature_names or []
    names = columns or (own if set(own) & set(df.columns) else df.columns)
    if len(names) != model.n_features:
        raise GaussmixSparkError(
            f"the model has {model.n_features} features, but {len(names)} columns are given ({', '.join(names)}): name them "
            "(columns=[...]) in the model's order"
        )
    numeric = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
    types = dict(df.dtypes)
    for name in names:
        if name not in types:
            raise GaussmixSparkError(f'the DataFrame has no column "{name}": it has {", ".join(df.columns)}')
        if not types[name].startswith(numeric):
            raise GaussmixSparkError(f'column "{name}" holds no numbers but {types[name]}: choose others')
    added = [StructField(label, IntegerType(), False)]
    if responsibilities is not None:
        added.append(StructField(responsibilities, ArrayType(DoubleType(), False), False))
    for field in added:
        if field.name in df.columns:
            raise GaussmixSparkError(f'the DataFrame has a column "{field.name}" already: give another name')
    ship(df.sparkSession)
    text, with_resp, may_miss = model.to_json(), responsibilities is not None, missing == "marginalize"

    def label_batches(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        try:
            yield from _labelled(batches, text, names, [field.name for field in added], with_resp, may_miss)
        except ImportError as error:
            raise refused(error) from None

    return df.mapInArrow(label_batches, StructType([*df.schema.fields, *added]))


def _labelled(
    batches: "Iterator[pa.RecordBatch]", text: str, names: list[str], added: list[str], with_resp: bool, may_miss: bool
) -> "Iterator[pa.RecordBatch]":
    import numpy as np
    import pyarrow as pa

    from .kernel import e_step, shared
    from .parquet import check, doubles

    kernel, mixture = shared(), prepared(text, may_miss)
    k, done = mixture.k, 0
    for batch in batches:
        n = batch.num_rows
        values = np.empty((len(names), -(-n // 8) * 8))
        for target, name in zip(values, names, strict=True):
            target[:n] = doubles(batch.column(name))
        check(values[:, :n], names, None, may_miss, "predict", done)
        done += n

        resp = np.concatenate(
            [np.empty(0), *(found for _, found, _ in e_step(kernel, mixture, _blocks(values, n), False, True))]
        )
        labels = resp.reshape(n, k).argmax(axis=1).astype(np.int32)
        columns = [*batch.columns, pa.array(labels)]
        if with_resp:
            offsets = pa.array(np.arange(0, n * k + 1, k, dtype=np.int32))
            columns.append(pa.ListArray.from_arrays(offsets, pa.array(resp)))
        yield pa.RecordBatch.from_arrays(columns, names=[*batch.schema.names, *added])


def _blocks(columns: "np.ndarray", rows: int) -> "Iterator[Block]":
    """Rows given column by column (D, rows rounded up to 8), packed."""
    from .kernel import BLOCK, Block, pack

    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        yield Block(start // BLOCK, count, pack(columns[:, start : start + BLOCK].copy(), count))


@cache
def prepared(text: str, may_miss: bool) -> "Pass":
    """A saved model as passes over rows need it: its factors computed once in each process."""
    import numpy as np

    from .kernel import Pass, shared

    saved = json.loads(text)
    k, d, form = saved["nComponents"], saved["nFeatures"], _NARROW.get(saved["covarianceType"], 3)
    full = np.array(saved["covariances"], np.float64)
    narrow: list[np.ndarray] = [full[:, 0, 0], full.diagonal(axis1=1, axis2=2), full[0], full]
    kernel = shared()
    with kernel.scratch():
        weights = kernel.place(np.array(saved["weights"], np.float64))
        means = kernel.place(np.array(saved["means"], np.float64).ravel())
        covariances = kernel.place(narrow[form].ravel())
        count = kernel.call("gmm_factors_count", form, d, k)
        factors, status = kernel.allocate(count), kernel.allocate(k)
        workspace = kernel.allocate(kernel.call("gmm_workspace_count", form, d, k))
        if kernel.call("gmm_prepare", form, d, k, weights, means, covariances, 0, factors, status, workspace) > 0:
            raise GaussmixSparkError("the model has a covariance that is singular", "NOT_POSITIVE_DEFINITE")
        mixture = Pass(form, k, d, kernel.view(means, k * d).copy(), kernel.view(factors, count).copy())
        if not may_miss:
            return mixture
        cache = kernel.call("gmm_missing_cache_count", form, d, k) + _CACHE_DOUBLES
        return mixture._replace(weights=np.array(saved["weights"]), covariances=narrow[form].ravel(), cache=cache)
