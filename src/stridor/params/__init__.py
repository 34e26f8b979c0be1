"""params.yaml: its sections, reading it, editing it, and ready sets of values.

sections  each section as a frozen record
params    all of the file, read and checked
editing   writing values into it with every other line kept
profiles  ready parameter files

Sections are immutable, have defaults, and refuse names and values that they do not know:

>>> from stridor import BankParams, EmbeddingParams
>>> EmbeddingParams(pooling="bands").layer
-1
>>> BankParams(k=2).metric
'euclidean'
"""

from stridor.params.params import PARAMS, Params, read_params

__all__ = ["PARAMS", "Params", "read_params"]
