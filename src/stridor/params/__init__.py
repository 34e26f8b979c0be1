"""params.yaml: its sections, reading it, editing it, and ready sets of values.

sections  each section as a frozen record
params    all of the file, read and checked
editing   writing values into it with every other line kept
profiles  ready parameter files
"""

from stridor.params.params import PARAMS, Params, read_params

__all__ = ["PARAMS", "Params", "read_params"]
