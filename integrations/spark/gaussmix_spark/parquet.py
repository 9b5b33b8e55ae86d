"""Parquet files as one sequence of rows: which pieces make up a range of blocks, and reading them block by block.

Must not keep rows, nor know what is computed from them.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from .errors import GaussmixSparkError
from .kernel import BLOCK, Block, pack
from .partition import Partition, Piece

LARGEST = 1e150
"""Magnitudes beyond this are refused: sums of their squares would overflow."""
_BATCH_DOUBLES = 2**21
_BATCH_ROWS = 2**16
_PARTITION_BYTES = 2**27
_MOST_BY_SIZE = 2000
_TASK_BLOCKS, _DRIVER_BLOCKS = 4, 1
"""What a task costs besides its rows on its core, and in the driver, in blocks of rows: some milliseconds, and one."""


class Table(NamedTuple):
    """What is known of the rows before any is read."""

    rows: int
    columns: tuple[str, ...]
    """The features."""
    weight: str | None
    groups: tuple[Piece, ...]
    """All row groups, in the order of the rows."""
    fingerprint: str
    """Differs when a file has been replaced."""


def open_table(paths: list[str], columns: list[str] | None, weight: str | None) -> Table:
    """Reads the footers of Parquet files. Rows are in the order of the files: those of a folder by name.

    Raises GaussmixSparkError for what is missing, is no Parquet, or has a column that holds no numbers.
    """
    files = [file for path in paths for file in _files(path)]
    with ThreadPoolExecutor(16) as pool:
        footers = list(pool.map(_footer, (path for path, _ in files)))
    schema = footers[0][1]
    chosen = tuple(columns) if columns is not None else tuple(name for name in schema.names if name != weight)
    if len(set(chosen)) < len(chosen):
        raise GaussmixSparkError(f"columns names a column twice: {', '.join(chosen)}")
    if weight in chosen:
        raise GaussmixSparkError(f"{_quoted(weight)} is both a feature and sample_weight: leave it out of columns")
    groups: list[Piece] = []
    for (path, _), (metadata, own) in zip(files, footers, strict=True):
        _check_columns(path, own, [*chosen, *([weight] if weight else [])], columns is not None)
        first = 0
        for group in range(metadata.num_row_groups):
            n = metadata.row_group(group).num_rows
            groups.append(Piece(path, group, n, 0, n, first))
            first += n
    rows = sum(group.rows for group in groups)
    if not chosen or rows == 0:
        raise GaussmixSparkError(f"{paths[0]}: there are no {'rows' if chosen else 'columns'}")
    identity = repr((files, chosen, weight, groups))
    return Table(rows, chosen, weight, tuple(groups), hashlib.sha256(identity.encode()).hexdigest()[:16])


def _files(path: str) -> list[tuple[str, str]]:
    """The Parquet files of a path, by name, each with what tells its versions apart."""
    try:
        filesystem, inner = _filesystem(path)
        prefix = path[: len(path) - len(inner)] if path.endswith(inner) else ""
        found = filesystem.get_file_info(inner)
        if found.type == pa.fs.FileType.NotFound:
            raise GaussmixSparkError(f"{path}: no such file or folder")
        infos = [found]
        if found.type == pa.fs.FileType.Directory:
            every = filesystem.get_file_info(pa.fs.FileSelector(inner, recursive=True))
            infos = [info for info in every if info.is_file and not _hidden(info.path[len(found.path) :])]
            infos.sort(key=lambda info: info.path)
    except (OSError, pa.ArrowException) as error:
        raise GaussmixSparkError(f"{path}: cannot be read: {_line(error)}") from None
    if not infos:
        raise GaussmixSparkError(f"{path}: the folder has no files (those that begin with _ or . do not count)")
    return [(prefix + info.path, f"{info.size} {info.mtime_ns}") for info in infos]


def _hidden(path: str) -> bool:
    return any(part.startswith(("_", ".")) for part in path.split("/"))


def _filesystem(path: str) -> tuple[pa.fs.FileSystem, str]:
    return pa.fs.FileSystem.from_uri(path) if "://" in path else (pa.fs.LocalFileSystem(), path)


def _open(path: str) -> pq.ParquetFile:
    filesystem, inner = _filesystem(path)
    file = filesystem.open_input_file(inner)
    # Through a buffer: a column chunk is not held whole.
    return pq.ParquetFile(file, buffer_size=2**20, pre_buffer=False, page_checksum_verification=True)


def _footer(path: str) -> tuple[pq.FileMetaData, pa.Schema]:
    try:
        with _open(path) as file:
            return file.metadata, file.schema_arrow
    except (OSError, pa.ArrowException) as error:
        raise GaussmixSparkError(f"{path} is no Parquet file, or a damaged one: {_line(error)}") from None


def _check_columns(path: str, schema: pa.Schema, wanted: list[str], by_name: bool) -> None:
    for name in wanted:
        places = schema.get_all_field_indices(name)
        if len(places) != 1:
            found = "no column" if not places else f"{len(places)} columns"
            raise GaussmixSparkError(f"{path} has {found} {_quoted(name)}: it has {', '.join(schema.names)}")
        kind = schema.field(places[0]).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            remedy = "choose others" if by_name else "give the columns to use (columns=[...])"
            raise GaussmixSparkError(f"{path}: column {_quoted(name)} holds no numbers but {kind}: {remedy}")


def divide(table: Table, partitions: int | None, cores: int) -> list[Partition]:
    """Cuts the rows into ranges of whole blocks: `partitions` of about the same size, but not more than blocks; by default
    of what _partition_blocks says.
    """
    blocks = -(-table.rows // BLOCK)
    if partitions is None:
        bounds = list(range(0, blocks, _partition_blocks(blocks, len(table.columns), cores)))
    else:
        count = min(partitions, blocks)
        bounds = [i * blocks // count for i in range(count)]
    result, group, used = [], 0, 0
    for number, (start, end) in enumerate(zip(bounds, [*bounds[1:], blocks], strict=True)):
        missing = rows = min(table.rows, end * BLOCK) - start * BLOCK
        pieces = []
        while missing > 0:
            whole = table.groups[group]
            take = min(missing, whole.rows - used)
            if take > 0:
                pieces.append(whole._replace(skip=used, rows=take, first=whole.first + used))
            missing, used = missing - take, used + take
            if used == whole.rows:
                group, used = group + 1, 0
        result.append(Partition(number, start, rows, tuple(pieces)))
    return result


def _partition_blocks(blocks: int, d: int, cores: int) -> int:
    """A power of two, so that statistics of a partition are one sum: with which a pass ends first.

    At most 128 MiB of rows while that makes 2,000 partitions or fewer: a cluster may have more cores than it has now.
    """
    most = max(1, _PARTITION_BYTES // (8 * BLOCK * d), blocks // _MOST_BY_SIZE)

    def time(size: int) -> int:
        rounds, tasks = -(-blocks // (size * cores)), -(-blocks // size)
        return rounds * (size + _TASK_BLOCKS) + tasks * _DRIVER_BLOCKS

    return min((2**i for i in range(most.bit_length())), key=time)


def read_blocks(partition: Partition, columns: tuple[str, ...], weight: str | None, missing: bool) -> Iterator[Block]:
    """The blocks of a partition, packed, each value checked. Holds one batch of rows at a time.

    Raises GaussmixSparkError naming the first value that is refused, or the file that cannot be read.
    """
    names = [*columns, *([weight] if weight else [])]
    block = np.empty((len(names), BLOCK))
    filled, done = 0, 0
    for piece in partition.pieces:
        at = piece.first
        for batch in _batches(piece, names):
            offset, n = 0, len(batch[0])
            while offset < n:
                take = min(n - offset, BLOCK - filled)
                for target, values in zip(block, batch, strict=True):
                    target[filled : filled + take] = values[offset : offset + take]
                check(block[:, filled : filled + take], names, weight, missing, piece.path, at + offset)
                filled, offset = filled + take, offset + take
                if filled == BLOCK or done + filled == partition.rows:
                    yield _packed(partition.first_block + done // BLOCK, block, filled, len(columns))
                    done, filled = done + filled, 0
            at += n


def _packed(number: int, block: np.ndarray, rows: int, d: int) -> Block:
    weights = block[d, :rows].copy() if len(block) > d else block[0, :0]
    return Block(number, rows, np.concatenate([pack(block[:d], rows), weights]))


def _batches(piece: Piece, names: list[str]) -> Iterator[list[np.ndarray]]:
    """The rows of a piece, column by column, as doubles; null is NaN."""
    size = max(BLOCK, min(_BATCH_ROWS, _BATCH_DOUBLES // len(names)))
    skip, missing = piece.skip, piece.rows
    try:
        with _open(piece.path) as file:
            metadata = file.metadata
            if metadata.num_row_groups <= piece.row_group or (metadata.row_group(piece.row_group).num_rows != piece.group_rows):
                raise GaussmixSparkError(f"{piece.path} has been replaced since the fit began")
            for batch in file.iter_batches(size, row_groups=[piece.row_group], columns=names):
                passed = min(skip, batch.num_rows)
                skip -= passed
                rows = batch.slice(passed, missing)
                if rows.num_rows > 0:
                    missing -= rows.num_rows
                    yield [doubles(rows.column(name)) for name in names]
                if missing == 0:
                    return
    except (OSError, pa.ArrowException) as error:
        raise GaussmixSparkError(f"{piece.path} cannot be read, it may be damaged: {_line(error)}") from None
    raise GaussmixSparkError(f"{piece.path} is damaged: row group {piece.row_group} has fewer rows than its footer says")


def doubles(column: pa.Array) -> np.ndarray:
    return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def check(block: np.ndarray, names: list[str], weight: str | None, missing: bool, path: str, first: int) -> None:
    """block: columns by rows, the first of which is row `first` of the file. Raises GaussmixSparkError for a bad value."""
    good = np.abs(block) <= LARGEST
    d = len(names) - (weight is not None)
    if missing:
        absent = np.isnan(block[:d])
        good[:d] |= absent & ~absent.all(axis=0)
    if weight is not None:
        good[-1] &= block[-1] >= 0
    if good.all():
        return
    row = int(np.argmin(good.all(axis=0)))
    column = int(np.argmin(good[:, row]))
    value = block[column, row]
    at = f"{path}: row {first + row} (from 0), column {_quoted(names[column])} is"
    if np.isnan(value) and missing and names[column] != weight:
        raise GaussmixSparkError(f"{path}: row {first + row} (from 0) has no value at all: leave it out", "MISSING_VALUE")
    if np.isnan(value):
        raise GaussmixSparkError(
            f"{at} missing (null or NaN): leave such rows out, fill them, or give missing='marginalize'", "MISSING_VALUE"
        )
    if names[column] == weight:
        raise GaussmixSparkError(f"{at} {value}: a sample weight must be from 0 to {LARGEST:g}", "INVALID_OPTION")
    raise GaussmixSparkError(f"{at} {value}: values must be finite, of magnitude up to {LARGEST:g}", "INVALID_VALUE")


def _quoted(name: object) -> str:
    return f'"{name}"'


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
