"""Random streams by name: adding or reordering things never changes the draws of others."""

import hashlib

import numpy as np


def rng_for(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random stream of, say, (machine, clip, variant) under a seed."""
    return np.random.default_rng(int.from_bytes(_digest(seed, names), "big"))


def seed_for(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed for generators of other libraries."""
    return int.from_bytes(_digest(seed, names)[:8], "big") >> 1


def _digest(seed: int, names: tuple[str | int, ...]) -> bytes:
    # A separator that no name holds keeps ("a", "bc") apart from ("ab", "c").
    return hashlib.blake2b("\0".join(str(part) for part in (seed, *names)).encode(), digest_size=16).digest()
