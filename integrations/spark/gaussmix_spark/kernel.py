"""gaussmix.wasm in wasmtime: an instance, its memory, and what it is asked of blocks of rows (docs/ABI.md).

Must not know where rows come from, nor anything of Spark.
"""

import ctypes
import hashlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import wasmtime

from .partition import BLOCK

PANEL = 8
"""Rows of a panel: element `feature` of row `row` is double `row // 8 * 8 * D + feature * 8 + row % 8`."""
_LINE = 64
"""Bytes of a cache line."""


class Block(NamedTuple):
    """Rows of a block, on their way into the kernel's memory."""

    number: int
    """Among all blocks of all rows."""
    rows: int
    doubles: np.ndarray
    """Panels (ceil(rows / 8) * 8 * D), then the sample weights (rows) if there are any."""


class Pass(NamedTuple):
    """A mixture as a pass over rows needs it."""

    form: int
    """0 spherical, 1 diag, 2 tied, 3 full."""
    k: int
    d: int
    means: np.ndarray
    """K * D doubles."""
    factors: np.ndarray
    """As gmm_prepare made them."""
    weights: np.ndarray | None = None
    """K; where values may be missing (NaN), what the factors were made of is needed too."""
    covariances: np.ndarray | None = None
    """In the form's shape."""
    cache: int = 0
    """Doubles for the factors of patterns of missing values, from block to block."""


@cache
def binary() -> bytes:
    """The kernel that came with this package."""
    data = pkgutil.get_data(__package__, "gaussmix.wasm")
    assert data is not None
    return data


@cache
def sha256() -> str:
    return hashlib.sha256(binary()).hexdigest()


@cache
def _module(frugal: bool) -> tuple[wasmtime.Engine, wasmtime.Module]:
    """The kernel compiled, once for all instances: it takes a tenth of a second.

    wasmtime reserves 4 GiB of addresses for a memory, so that no access needs a check; frugal: none, for processes whose
    addresses are limited (spark.executor.pyspark.memory). The kernel is then up to twice as slow.
    """
    config = wasmtime.Config()
    if frugal:
        config.memory_reservation = 0
        config.memory_reservation_for_growth = 2**20
        config.memory_guard_size = 2**16
    engine = wasmtime.Engine(config)
    return engine, wasmtime.Module(engine, binary())


def _instance(frugal: bool) -> tuple[wasmtime.Store, Any]:
    engine, module = _module(frugal)
    store = wasmtime.Store(engine)
    return store, wasmtime.Instance(store, module, []).exports(store)


@cache
def shared() -> "Kernel":
    """The instance of this process for what is not kept (kept.py)."""
    return Kernel()


class Kernel:
    """An instance, and a stack of allocations in its memory. Views die with the next allocation."""

    def __init__(self) -> None:
        """Raises MemoryError where the process has no room for another."""
        try:
            self._store, self._exports = _instance(frugal=False)
        except wasmtime.WasmtimeError:
            try:
                self._store, self._exports = _instance(frugal=True)
            except wasmtime.WasmtimeError as error:
                raise MemoryError(f"the kernel cannot be started: {error}") from None
        self._memory = self._exports["memory"]
        self._functions: dict[str, Callable[..., int]] = {}
        self._bind = _binding(self._store, self._exports["gmm_heap_base"])
        self._top = -(-self.call("gmm_heap_base") // _LINE) * _LINE

    def call(self, name: str, *arguments: int) -> int:
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self._bind(self._store, self._exports[name])
        return function(*arguments)

    def allocate(self, count: int) -> int:
        """Address of `count` doubles, on cache lines of their own, not zeroed. Raises MemoryError where there is no room."""
        address = self._top
        top = -(-(address + 8 * count) // _LINE) * _LINE
        missing = top - self._memory.data_len(self._store)
        if missing > 0:
            try:
                self._memory.grow(self._store, -(-missing // 65536))
            except wasmtime.WasmtimeError as error:
                raise MemoryError(f"the kernel's memory cannot be {top} bytes: {error}") from None
        self._top = top
        return address

    def place(self, values: np.ndarray) -> int:
        address = self.allocate(len(values))
        self.view(address, len(values))[:] = values
        return address

    def view(self, address: int, count: int) -> np.ndarray:
        """`count` doubles at an address, no copy. (wasmtime's own Memory.write is several times slower than writing here.)"""
        size = self._memory.data_len(self._store)
        data = np.ctypeslib.as_array(
            ctypes.cast(self._memory.data_ptr(self._store), ctypes.POINTER(ctypes.c_double)), (size // 8,)
        )
        return data[address // 8 : address // 8 + count]

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """What is allocated within is freed at the end."""
        mark = self._top
        try:
            yield
        finally:
            self._top = mark


def _slow(store: wasmtime.Store, function: wasmtime.Func) -> Callable[..., int]:
    return partial(function, store)


def _fast(store: wasmtime.Store, function: wasmtime.Func) -> Callable[..., int]:
    """As `function(store, ...)` for integers, in a tenth of the time.

    wasmtime's own call asks for the types and makes an object of each argument: 50 to 150 microseconds, as long as a block
    of few components takes. Below it is the C function that takes the arguments as they are.
    """
    from wasmtime import _bindings as c

    kind = function.type(store)
    count = max(len(kind.params), len(kind.results), 1)
    raw = (c.wasmtime_val_raw_t * count)()
    values = np.frombuffer(raw, np.int32).reshape(count, -1)[:, 0]
    context, address, trap = store._context(), ctypes.byref(function._func), ctypes.POINTER(c.wasm_trap_t)()
    trap_address = ctypes.byref(trap)

    def call(*arguments: int) -> int:
        # Addresses are unsigned, their 32 bits the same.
        values[: len(arguments)] = np.array(arguments, np.int64).astype(np.int32)
        error = c.wasmtime_func_call_unchecked(context, address, raw, count, trap_address)
        if error or trap:
            raise RuntimeError("the kernel has trapped: it was given a wrong address")
        return int(values[0])

    return call


def _binding(store: wasmtime.Store, function: wasmtime.Func) -> Callable[..., Callable[..., int]]:
    """The faster of the two ways to call; what it rests on is no part of wasmtime's Python interface, and may change."""
    try:
        if _fast(store, function)() == function(store):
            return _fast
    except (ImportError, AttributeError, TypeError, ValueError):
        pass
    return _slow


class Operations:
    """What a pass does with one block: the kernel's operations for complete rows, or for rows with missing values.

    To be made and used within one `scratch`.
    """

    def __init__(self, kernel: Kernel, mixture: Pass, weighted: bool, active: bool = False) -> None:
        form, self._k, self._d = mixture.form, mixture.k, mixture.d
        self._kernel, self._weighted, self._sizes = kernel, weighted, (form, self._d, self._k)
        self._means, self._factors = kernel.place(mixture.means), kernel.place(mixture.factors)
        self._panels = kernel.allocate(BLOCK * (self._d + weighted))
        self._missing: tuple[int, int, int] | None = None
        self._state = 0
        sizes, spaces = self._sizes, "gmm_workspace_count"
        if active:
            # Asked for only where no value is missing.
            spaces = "gmm_active_workspace_count"
            self._state = kernel.allocate(kernel.call("gmm_active_state_bytes", self._k) // 8)
        elif mixture.weights is not None and mixture.covariances is not None:
            spaces = "gmm_missing_workspace_count"
            cache = kernel.allocate(mixture.cache)
            kernel.call("gmm_missing_begin", cache, mixture.cache)
            self._missing = kernel.place(mixture.weights), kernel.place(mixture.covariances), cache
        self._workspace = kernel.allocate(kernel.call(spaces, *sizes))

    def accumulate(self, block: Block, slot: int, likelihood_only: bool) -> None:
        """Adds the block's statistics to those at `slot`."""
        kernel, only, n = self._kernel, int(likelihood_only), block.rows
        panels, weights = load(kernel, self._panels, block, self._weighted)
        form, d, k = self._sizes
        rows = (form, panels, weights, n, d, k)
        if self._missing is not None:
            mixture_weights, covariances, cache = self._missing
            mixture = (mixture_weights, self._means, covariances, self._factors)
            kernel.call("gmm_accumulate_missing", *rows, *mixture, slot, self._workspace, only, cache)
            return
        dense = (*rows, self._means, self._factors, slot, self._workspace, only)
        if self._state == 0:
            kernel.call("gmm_accumulate", *dense)
            return
        # Nothing is remembered from pass to pass: the sums do not depend on it. Phase 0 lists pairs, which a pass for the
        # likelihood alone does not have; phase 1 writes bounds that nobody reads.
        kernel.call("gmm_active_begin", self._state, k)
        if kernel.call("gmm_accumulate_active", *dense, self._state, 0, 1 if likelihood_only else 0) == -BLOCK:
            kernel.call("gmm_accumulate", *dense)
            kernel.view(slot, kernel.call("gmm_statistics_count", *self._sizes))[-1] = n * k

    def e_step(self, block: Block, resp: int, log_density: int) -> None:
        """Writes responsibilities and log-densities to addresses; 0: not wanted."""
        panels, _ = load(self._kernel, self._panels, block, self._weighted)
        form, d, k = self._sizes
        rows, targets = (form, panels, block.rows, d, k), (resp, 0, log_density)
        if self._missing is not None:
            mixture_weights, covariances, cache = self._missing
            mixture = (mixture_weights, self._means, covariances, self._factors)
            self._kernel.call("gmm_e_step_missing", *rows, *mixture, *targets, 0, self._workspace, cache)
        else:
            self._kernel.call("gmm_e_step", *rows, self._means, self._factors, *targets, self._workspace)


def load(kernel: Kernel, address: int, block: Block, weighted: bool) -> tuple[int, int]:
    """Puts a block into memory; the addresses of its panels and weights (0: none)."""
    kernel.view(address, len(block.doubles))[:] = block.doubles
    return address, address + 8 * (len(block.doubles) - block.rows) if weighted else 0


class Numbered(Protocol):
    """A block, wherever its rows are."""

    @property
    def number(self) -> int: ...


_B = TypeVar("_B", bound=Numbered)


def sum_blocks(
    kernel: Kernel, count: int, blocks: Iterable[_B], add: Callable[[_B, int], None]
) -> tuple[list[int], np.ndarray]:
    """Sums of `count` doubles over the largest aligned subtrees of consecutive blocks, as src/worker.ts makes them.

    `add` adds those of a block at an address. Returns the sizes of the subtrees, left to right, and their sums, one after
    the other.
    """
    entries: list[tuple[int, int]] = []
    slots: list[int] = []
    with kernel.scratch():
        for block in blocks:
            if len(entries) == len(slots):
                slots.append(kernel.allocate(count))
            slot = slots[len(entries)]
            kernel.view(slot, count)[:] = 0
            add(block, slot)
            entries.append((block.number, 1))
            while len(entries) > 1 and entries[-1][1] == entries[-2][1] and entries[-2][0] % (2 * entries[-1][1]) == 0:
                size = entries.pop()[1]
                kernel.call("gmm_merge", slots[len(entries) - 1], slots[len(entries)], count)
                entries[-1] = (entries[-1][0], 2 * size)
        sums = [kernel.view(slot, count).copy() for slot in slots[: len(entries)]]
    return [size for _, size in entries], np.concatenate([np.empty(0), *sums])


def accumulate(
    kernel: Kernel, mixture: Pass, blocks: Iterable[Block], weighted: bool, likelihood_only: bool, active: bool
) -> tuple[list[int], np.ndarray]:
    """E-step: statistics of consecutive blocks; see sum_blocks."""
    with kernel.scratch():
        operations = Operations(kernel, mixture, weighted, active)
        count = kernel.call("gmm_statistics_count", mixture.form, mixture.d, mixture.k)
        return sum_blocks(kernel, count, blocks, lambda block, slot: operations.accumulate(block, slot, likelihood_only))


def observed(kernel: Kernel, d: int, blocks: Iterable[Block], weighted: bool) -> tuple[list[int], np.ndarray]:
    """Per feature the weight of the rows that have it, then the number of missing values; see sum_blocks."""
    with kernel.scratch():
        address = kernel.allocate(BLOCK * (d + weighted))

        def add(block: Block, slot: int) -> None:
            panels, weights = load(kernel, address, block, weighted)
            kernel.call("gmm_observed", panels, weights, block.rows, d, slot)

        return sum_blocks(kernel, d + 1, blocks, add)


def lowest(
    kernel: Kernel, mixture: Pass, blocks: Iterable[Block], weighted: bool, count: int, credit: list[float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and log-densities of the `count` rows of positive weight that the mixture explains worst, lowest first.

    credit: what each missing feature (D) adds to a row's log-density.
    """
    rows, values = np.empty(0), np.empty(0)
    for block, _, log_density in e_step(kernel, mixture, blocks, weighted, False):
        numbers = block.number * BLOCK + np.arange(block.rows, dtype=np.float64)
        if credit is not None:
            log_density = log_density + _credits(block, mixture.d, credit)
        if weighted:
            positive = block.doubles[len(block.doubles) - block.rows :] > 0
            numbers, log_density = numbers[positive], log_density[positive]
        rows, values = np.concatenate([rows, numbers]), np.concatenate([values, log_density])
        best = np.lexsort((rows, values))[:count]
        rows, values = rows[best], values[best]
    return rows, values


def _credits(block: Block, d: int, credit: list[float]) -> np.ndarray:
    """Added feature by feature, as passes.ts does: the order is part of the bits."""
    sums = np.zeros(block.rows)
    panels = block.doubles[: -(-block.rows // PANEL) * PANEL * d].reshape(-1, d, PANEL)
    for feature, value in enumerate(credit):
        sums += np.where(np.isnan(panels[:, feature].ravel()[: block.rows]), value, 0.0)
    return sums


def e_step(
    kernel: Kernel, mixture: Pass, blocks: Iterable[Block], weighted: bool, with_resp: bool
) -> Iterator[tuple[Block, np.ndarray, np.ndarray]]:
    """Per block responsibilities (rows * K; empty if not wanted) and log-densities (rows): copies."""
    with kernel.scratch():
        operations = Operations(kernel, mixture, weighted)
        resp = kernel.allocate(BLOCK * mixture.k) if with_resp else 0
        log_density = kernel.allocate(BLOCK)
        for block in blocks:
            operations.e_step(block, resp, log_density)
            found = kernel.view(resp, block.rows * mixture.k * with_resp).copy()
            yield block, found, kernel.view(log_density, block.rows).copy()


def pack(columns: np.ndarray, rows: int) -> np.ndarray:
    """Panels of rows given column by column (D, capacity >= rows rounded up to 8); what lies beyond `rows` pads the last."""
    d = len(columns)
    padded = -(-rows // PANEL) * PANEL
    columns[:, rows:padded] = columns[:, rows - 1 : rows]
    return columns[:, :padded].reshape(d, padded // PANEL, PANEL).transpose(1, 0, 2).ravel()
