"""Parquet files for the tests: the same rows in one file, for the command line, and in several, with row groups that end
anywhere. Must give the same rows on every machine.
"""

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def clusters(seed: int, rows: int, columns: int, k: int, apart: float) -> np.ndarray:
    random = np.random.Generator(np.random.PCG64(seed))
    centres = apart * random.standard_normal((k, columns))
    return centres[random.integers(0, k, rows)] + random.standard_normal((rows, columns))


def write(folder: Path, name: str, table: pa.Table, cuts: list[int], group_rows: int) -> None:
    """folder/name.parquet and folder/name/part-*.parquet, cut before the rows `cuts`."""
    pq.write_table(table, folder / f"{name}.parquet")
    parts = folder / name
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    (parts / "_SUCCESS").touch()
    bounds = [0, *cuts, table.num_rows]
    for number, (start, end) in enumerate(pairwise(bounds)):
        pq.write_table(table.slice(start, end - start), parts / f"part-{number:03}.parquet", row_group_size=group_rows)


def table(values: np.ndarray, **more: np.ndarray) -> pa.Table:
    return pa.table({f"x{j}": values[:, j] for j in range(values.shape[1])} | more)


def small(folder: Path) -> None:
    """30,000 x 3 of three types, whole weights from 0 to 3, numbers of the rows, and groups."""
    values = clusters(1, 30_000, 3, 4, 3.0)
    columns = {"a": values[:, 0], "b": values[:, 1].astype(np.float32), "c": np.round(100 * values[:, 2]).astype(np.int32)}
    columns["w"] = np.arange(30_000) % 4
    columns["id"] = np.arange(30_000)
    # The first row is alone in its group.
    columns["group"] = np.where(np.arange(30_000) == 0, "alone", np.char.mod("g%d", np.arange(30_000) % 3))
    write(folder, "small", pa.table(columns), [1, 5000, 5003, 17_000], 2500)


def large(folder: Path) -> None:
    """150,000 x 2: more rows than a start looks at; weights, a third of them 0."""
    values = clusters(2, 150_000, 2, 3, 4.0)
    write(folder, "large", table(values, w=np.arange(150_000) % 3 * 0.5), [70_001], 20_000)


def apart(folder: Path) -> None:
    """20,000 x 8 in 16 clusters far apart: passes over active pairs."""
    write(folder, "apart", table(clusters(3, 20_000, 8, 16, 20.0)), [], 20_000)


def wide(folder: Path) -> None:
    """12,000 x 32 in 32 clusters apart: passes over active pairs with all covariance types; weights, some of them 0."""
    write(folder, "wide", table(clusters(6, 12_000, 32, 32, 4.0), w=np.arange(12_000) % 4 * 0.5), [5000], 3000)


def gaps(folder: Path) -> None:
    """12,000 x 3, a tenth of the values missing, as null in two columns and NaN in the third; weights, some of them 0."""
    values = clusters(4, 12_000, 3, 3, 3.0)
    random = np.random.Generator(np.random.PCG64(5))
    absent = random.random(values.shape) < 0.1
    absent[absent.all(axis=1), 0] = False
    columns = {f"x{j}": pa.array(values[:, j], mask=absent[:, j]) for j in range(2)}
    columns["x2"] = pa.array(np.where(absent[:, 2], np.nan, values[:, 2]))
    write(folder, "gaps", pa.table(columns | {"w": np.arange(12_000) % 3}), [5000], 3000)
    nothing = {f"x{j}": pa.array([1.0, 2.0, None, 4.0]) for j in range(3)}
    write(folder, "nothing", pa.table(nothing), [], 10)
