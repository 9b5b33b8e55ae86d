"""A range of rows as it travels to an executor: where they are, not what they are.

Must import nothing but the standard library, so that an executor that lacks the rest can still say so.
"""

from typing import NamedTuple

BLOCK = 4096
"""Rows of a block: statistics of blocks are merged along one fixed tree."""


class Piece(NamedTuple):
    """Consecutive rows of one row group."""

    path: str
    row_group: int
    group_rows: int
    """Of the whole row group: when the file has another number, it has been replaced since."""
    skip: int
    rows: int
    first: int
    """Number of the piece's first row within its file."""


class Partition(NamedTuple):
    """A range of whole blocks."""

    number: int
    first_block: int
    rows: int
    pieces: tuple[Piece, ...]

    @property
    def blocks(self) -> int:
        return -(-self.rows // BLOCK)
