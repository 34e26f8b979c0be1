"""params.yaml: its sections, reading it, editing it, and ready sets of values.

sections  each section as a frozen record
params    all of the file, read and checked; which sections concern training, which scoring
editing   writing values into it, with every comment and other line kept
profiles  ready parameter files
"""

from stridor.params.params import (
    ENVIRONMENT_SECTIONS,
    EVALUATION_SECTIONS,
    EXPERIMENT_SECTIONS,
    PARAMS,
    SCORING_SECTIONS,
    TRAINING_SECTIONS,
    Params,
    read_params,
)

__all__ = [
    "ENVIRONMENT_SECTIONS",
    "EVALUATION_SECTIONS",
    "EXPERIMENT_SECTIONS",
    "PARAMS",
    "SCORING_SECTIONS",
    "TRAINING_SECTIONS",
    "Params",
    "read_params",
]
