"""Partitions whose rows stay in this Python process between passes over active pairs, with what these passes remember.

Which pairs of row and component count, and their sums, depend on rows and mixture alone (docs/ALGORITHM.md, "Active pairs").
What is remembered only says where not to look. So it can be lost at any moment, and it does not matter how many passes other
processes made since: bounds are distances from the mixture they were made under, of which a copy is kept with them, and by the
drift from there to the mixture of a pass, whichever it is, they bound the distances from that one.
Must not read rows, nor know of Spark.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

import numpy as np

from .kernel import BLOCK, PANEL, Block, Kernel, Pass, load, shared, sum_blocks

_SORT, _BOUND, _PRUNE = 0, 1, 2
_TOO_MANY = -BLOCK
_ADDRESSABLE = 2**31
"""Bytes of a kernel's memory whose addresses are positive in 32 bits."""

Sums = tuple[list[int], np.ndarray]
"""Sizes of aligned subtrees of blocks, and their statistics one after the other."""


class _Place(NamedTuple):
    """Where a block is in the kernel's memory."""

    number: int
    rows: int
    panels: int
    weights: int
    """0: none."""
    state: int


class ActivePartition:
    """The rows of a partition in a kernel of their own, whose memory is free when this is; and passes over their active pairs.

    Phases, and when bounds are made anew, are those of ActivePasses in src/active.ts, where the reasons are. Rows move within
    their blocks: a pass that raises leaves them, and what is remembered, in between, and this has then to be dropped.
    """

    def __init__(self, form: int, d: int, k: int, blocks: Iterable[Block], weighted: bool) -> None:
        """Raises MemoryError where the process has no room."""
        kernel = self._kernel = Kernel()
        self._sizes = form, d, k
        state_bytes = kernel.call("gmm_active_state_bytes", k)
        self._blocks: list[_Place] = []
        for block in blocks:
            panels, weights = load(kernel, kernel.allocate(len(block.doubles)), block, weighted)
            state = kernel.allocate(state_bytes // 8)
            kernel.call("gmm_active_begin", state, k)
            self._blocks.append(_Place(block.number, block.rows, panels, weights, state))
        self._means = kernel.allocate(k * d)
        self._factors = kernel.allocate(kernel.call("gmm_factors_count", form, d, k))
        self._drift = kernel.allocate(3 * (k + k % 2))
        self._phase = _SORT
        # Pairs of panel and component computed in vain: in this pass; in the first pass with these bounds; beyond that since.
        self._wasted = 0
        self._usual: int | None = None
        self._excess = 0

    @staticmethod
    def bytes(form: int, d: int, k: int, rows: int, weighted: bool) -> int:
        """What it takes, and the passes."""
        kernel, blocks = shared(), -(-rows // BLOCK)
        panels = 8 * (-(-rows // PANEL) * PANEL * d + rows * weighted)
        mixture = 16 * (k * d + kernel.call("gmm_factors_count", form, d, k))
        sums = 16 * blocks.bit_length() * kernel.call("gmm_statistics_count", form, d, k)
        workspace = 8 * kernel.call("gmm_active_workspace_count", form, d, k)
        return panels + blocks * kernel.call("gmm_active_state_bytes", k) + mixture + sums + workspace + 2**17

    def accumulate(self, mixture: Pass, likelihood_only: bool) -> Sums:
        """Statistics from active pairs: the bits of kernel.accumulate. mixture: of the form and sizes given."""
        kernel, (form, d, k), only = self._kernel, self._sizes, int(likelihood_only)
        # A pass for the likelihood alone lists no pairs, which sorting needs.
        phase = _BOUND if likelihood_only and self._phase == _SORT else self._phase
        with kernel.scratch():
            means, factors = kernel.place(mixture.means), kernel.place(mixture.factors)
            workspace = kernel.allocate(kernel.call("gmm_active_workspace_count", form, d, k))
            self._begin(mixture, means, factors, workspace)
            count = kernel.call("gmm_statistics_count", form, d, k)

            def add(block: _Place, slot: int) -> None:
                _, n, panels, weights, state = block
                dense = (form, panels, weights, n, d, k, means, factors, slot, workspace, only)
                wasted = kernel.call("gmm_accumulate_active", *dense, state, self._drift, phase)
                if wasted == _TOO_MANY:
                    # Dense passes go through rows in their own order.
                    kernel.call("gmm_active_end", panels, n, d, k, state)
                    kernel.call("gmm_accumulate", *dense)
                    kernel.view(slot, count)[-1] = n * k
                    wasted = BLOCK // PANEL * k
                self._wasted += wasted

            sums = sum_blocks(kernel, count, self._blocks, add)
        if not likelihood_only:
            self._end()
        return sums

    def _begin(self, mixture: Pass, means: int, factors: int, workspace: int) -> None:
        kernel, (form, d, k) = self._kernel, self._sizes
        self._wasted = 0
        if self._phase == _BOUND:
            kernel.view(self._means, len(mixture.means))[:] = mixture.means
            kernel.view(self._factors, len(mixture.factors))[:] = mixture.factors
        elif self._phase == _PRUNE:
            reference = self._means, self._factors
            kernel.call("gmm_active_drift", form, d, k, *reference, means, factors, self._drift, workspace)

    def _end(self) -> None:
        if self._phase != _PRUNE:
            self._phase += 1
            self._usual, self._excess = None, 0
            return
        if self._usual is None:
            self._usual = self._wasted
        self._excess += max(0, self._wasted - self._usual)
        if self._excess > 2 * len(self._blocks) * (BLOCK // PANEL) * self._sizes[2]:
            self._phase = _SORT


class _Entry(NamedTuple):
    partition: ActivePartition
    sizes: tuple[int, int, int]
    bytes: int


class KeptPartitions:
    """The partitions that a process keeps, by fit and range of rows, within a bound on their memory.

    Those of other fits give way, the least recently used first. Those of the same fit do not: where all are read in turn, what
    was used longest ago is what is wanted next.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, Hashable], _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self._entries.values())

    def accumulate(
        self,
        fit: str,
        place: Hashable,
        rows: int,
        read: Callable[[], Iterable[Block]],
        weighted: bool,
        mixture: Pass,
        likelihood_only: bool,
        most: int,
    ) -> Sums | None:
        """A pass over the active pairs of a partition, which is read and kept if it is not yet; None if it has no room.

        most: bytes for all that is kept.
        """
        sizes = mixture.form, mixture.d, mixture.k
        # Taken out: what a pass leaves that does not come to its end must not be found again.
        entry = self._entries.pop((fit, place), None)
        try:
            if entry is None or entry.sizes != sizes:
                entry = None
                needed = ActivePartition.bytes(*sizes, rows, weighted)
                if not self._make_room(fit, needed, most):
                    return None
                entry = _Entry(ActivePartition(*sizes, read(), weighted), sizes, needed)
            sums = entry.partition.accumulate(mixture, likelihood_only)
        except MemoryError:
            return None
        self._entries[fit, place] = entry
        return sums

    def forget(self, fit: str, place: Hashable) -> None:
        self._entries.pop((fit, place), None)

    def _make_room(self, fit: str, needed: int, most: int) -> bool:
        if needed > min(most, _ADDRESSABLE):
            return False
        for key in [key for key in self._entries if key[0] != fit]:
            if self.bytes + needed <= most:
                break
            del self._entries[key]
        return self.bytes + needed <= most
