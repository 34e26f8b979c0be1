"""Pictures of their size with nothing on them: drawing takes half the time of a tiny pipeline's stages.

Tests of the plots, and stages in interpreters of their own, draw them.
"""

from typing import Any

# Set to anything, the jobs of `ForkedPython` leave their pictures blank.
VARIABLE = "STRIDOR_TEST_BLANK_PICTURES"


def draw_background(figure: Any, renderer: Any) -> None:
    """Take the place of `Figure.draw`, which arranges and draws everything."""
    figure.patch.draw(renderer)


def leave_blank() -> None:
    """Have this process draw nothing from now on."""
    from matplotlib.figure import Figure

    Figure.draw = draw_background
