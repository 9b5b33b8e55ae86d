"""Which rows a data-driven start looks at: the rule of src/random.ts and src/choose-rows.ts, vectorised.

Must give the library's integers: a start elsewhere would be another model.
"""

import math

import numpy as np

_RANGE = 2**32


def _mix(word: np.ndarray) -> np.ndarray:
    """murmur3's finaliser of 32-bit words."""
    h = (word ^ (word >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def _words(values: np.ndarray, plus: int) -> np.ndarray:
    return (values + np.uint64(plus)).astype(np.uint32)


def hash_rows(seed: int, rows: np.ndarray) -> np.ndarray:
    """Hashes (uint32) of row numbers (uint64) under a seed from 0 to 2^53 - 1."""
    low, high = np.array([seed % _RANGE], np.uint32), np.array([seed // _RANGE], np.uint32)
    key = _mix(low ^ _mix(high ^ np.uint32(0x9E3779B9)))
    keyed = key ^ _mix(_words(rows >> np.uint64(32), 0x7F4A7C15))
    return _mix(keyed ^ _mix(_words(rows, 0x165667B1)))


def likely_threshold(count: int, rows: int) -> int:
    """A hash below which `count` of the rows lie almost surely (five standard deviations), and hardly more."""
    wanted = count + 5 * math.sqrt(count) + 16
    return min(_RANGE - 1, math.ceil(_RANGE * wanted / rows))
