"""params.yaml: its sections, reading it, editing it, and ready sets of values.

sections     each section as a frozen record
experiments  the sections of studies, sweeps and tables
names        the rule for names of detectors and machines
params       all of the file, read and checked; which sections concern training, which scoring
reading      YAML as a value or one sentence
problems     what is wrong with a parameter, by its full name
text         the file as text, and what changes in it
editing      writing values into it, with every comment and other line kept
profiles     ready parameter files

Sections are immutable, have defaults, and refuse names and values that they do not know:

>>> from stridor import BankParams, EmbeddingParams
>>> EmbeddingParams(pooling="bands").layer
-1
>>> BankParams(k=2).metric
'euclidean'
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
