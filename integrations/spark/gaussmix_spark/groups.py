"""One model per group of rows, each fitted whole by an engine beside the Python process. Must not fit anything itself."""

import atexit
from functools import cache
from typing import TYPE_CHECKING, Any

from .driver import fit_options, ship
from .engine import Engine
from .errors import GaussmixSparkError
from .worker import refused

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


def fit_groups(
    df: "DataFrame",
    n_components: int,
    *,
    by: str | list[str],
    columns: list[str] | None = None,
    order_by: str | list[str] | None = None,
    sample_weight: str | None = None,
    **options: Any,
) -> "DataFrame":
    """Fits a mixture to each group of rows: a DataFrame of the columns `by`, `n_samples`, `model` (saved model, JSON) and
    `error` (null, or why the group could not be fitted; the others are finished).

    A group's rows go to one Python process, so a group must fit in its memory, and Node must be on the executors (PATH,
    GAUSSMIX_NODE, or pip install gaussmix-spark[node] there). order_by: columns that put a group's rows in order, which
    the bits of a model depend on, as Spark's grouping does not keep one; without it rows are ordered by their values.
    columns: the features, all others by default. options: those of `fit` but how rows are divided and kept.

    Raises GaussmixSparkError for wrong options and columns.
    """
    from pyspark.sql.types import LongType, StringType, StructField, StructType

    keys, order = _list(by), _list(order_by)
    given = fit_options(n_components, **options)
    apart = [*keys, *order, *_list(sample_weight)]
    names = columns or [name for name in df.columns if name not in apart]
    for name in [*apart, *names]:
        if name not in df.columns:
            raise GaussmixSparkError(f'the DataFrame has no column "{name}": it has {", ".join(df.columns)}')
    _check(given, names)
    ship(df.sparkSession, engine=True)
    fields = [df.schema[name] for name in keys]
    schema = StructType(
        [
            *fields,
            StructField("n_samples", LongType()),
            StructField("model", StringType()),
            StructField("error", StringType()),
        ]
    )

    def fit_group(group: "pa.Table") -> "pa.Table":
        try:
            return _fitted(group, keys, order, names, sample_weight, given)
        except ImportError as error:
            raise refused(error) from None

    used = list(dict.fromkeys([*apart, *names]))
    return df.select(*used).groupBy(*keys).applyInArrow(fit_group, schema)


def _list(names: str | list[str] | None) -> list[str]:
    return [names] if isinstance(names, str) else list(names or [])


def _check(options: dict[str, Any], names: list[str]) -> None:
    """Lets the library refuse on the driver what no group could use: a fit of no iterations."""
    import numpy as np

    rows = max(options["nComponents"] if isinstance(options["nComponents"], int) else 1, 2 * len(names))
    data = np.zeros((rows, len(names)))
    np.fill_diagonal(data, 1)
    most = options.get("maxIterations", 0)
    trial = {**options, "maxIterations": min(0, most) if isinstance(most, int) else most}
    if trial.get("regularization", "auto") == "auto":
        trial["regularization"] = 1
    trial.pop("prior", None)
    with Engine() as engine:
        engine.fit_rows(data, tuple(names), trial)


@cache
def _engine() -> Engine:
    """One for each Python process."""
    engine = Engine()
    atexit.register(engine.close)
    return engine


def _fitted(
    group: "pa.Table", keys: list[str], order: list[str], names: list[str], weight: str | None, options: dict[str, Any]
) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    from .parquet import check, doubles

    model = error = None
    if order:
        group = group.sort_by([(name, "ascending") for name in order])
    try:
        given = [*names, *([weight] if weight else [])]
        values = np.stack([doubles(group.column(name).combine_chunks()) for name in given])
        check(values, given, weight, options.get("missing") == "marginalize", "the group", 0)
        if not order:
            values = values[:, np.lexsort(values[::-1])]
        weights = values[-1] if weight else None
        model = _engine().fit_rows(values[: len(names)].T, tuple(names), options, weights).rstrip("\n")
    except (GaussmixSparkError, pa.ArrowException) as failure:
        if getattr(failure, "code", "") == "ENGINE":
            _engine.cache_clear()
            raise
        error = " ".join(str(failure).split())
    columns = {name: group.column(name).slice(0, 1) for name in keys}
    rest = {"n_samples": [group.num_rows], "model": pa.array([model], pa.string()), "error": pa.array([error], pa.string())}
    return pa.table({**columns, **rest})
