"""One vector for a clip out of its tokens."""

from torch import Tensor


def mean_pool(tokens: Tensor, valid: Tensor) -> Tensor:
    """Mean over the tokens that count.

    Parameters
    ----------
    tokens : Tensor[B x N x width]
    valid : Tensor[B x N], bool

    Returns
    -------
    Tensor[B x width]
    """
    weights = valid[..., None].to(tokens.dtype)
    return (tokens * weights).sum(dim=1) / weights.sum(dim=1)
