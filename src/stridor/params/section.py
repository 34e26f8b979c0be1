"""The base of all sections of params.yaml."""

from pydantic import BaseModel, ConfigDict

# Of a bank, a batch or a study; more is a slip of the pen that would take all memory.
MOST_CLIPS = 2**20


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
