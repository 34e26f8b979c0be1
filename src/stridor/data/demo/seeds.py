"""Random streams by name, so that neither order nor workers nor other machines change a clip."""

from hashlib import blake2b

import numpy as np


def named_rng(seed: int, *names: str) -> np.random.Generator:
    """Return the random stream that belongs to a seed and to names, on every machine the same."""
    key = "\0".join([str(seed), *names]).encode()
    return np.random.default_rng(int.from_bytes(blake2b(key, digest_size=16).digest(), "big"))
