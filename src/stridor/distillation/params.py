"""The parameters of a distillation, which do not belong to a detector."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from stridor.common.errors import StridorError
from stridor.params.section import Section


class DistillParams(Section):
    """Parameters of a distillation.

    The weights bring the losses to the same order of magnitude: pooled and map start near 1, the divergence of the
    tags, a mean over some hundred rare tags, near 0.02, and the difference of distances near 0.05.

    What a distillation writes is the exponential moving average of the student's weights, of which a step keeps the
    share `average_decay`; with 0 it is the student of the last step.
    """

    student: Literal["mini", "base"] = "mini"
    steps: Annotated[int, Field(ge=1)] = 1500
    warm_up_steps: Annotated[int, Field(ge=0)] = 100
    batch_size: Annotated[int, Field(ge=2)] = 16
    seconds: Annotated[float, Field(ge=0.5)] = 5.0
    learning_rate: Annotated[float, Field(gt=0)] = 8e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    pooled_weight: Annotated[float, Field(ge=0)] = 1.0
    map_weight: Annotated[float, Field(ge=0)] = 1.0
    tags_weight: Annotated[float, Field(ge=0)] = 10.0
    relation_weight: Annotated[float, Field(ge=0)] = 10.0
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998
    report_steps: Annotated[int, Field(ge=1)] = 50
    statistics_batches: Annotated[int, Field(ge=1)] = 32
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    seed: Annotated[int, Field(ge=0)] = 0


def distill_params(**values: object) -> DistillParams:
    """Validate parameters from the command line.

    Raises
    ------
    StridorError
        If a value is out of range.
    """
    try:
        return DistillParams.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        option = str(problem["loc"][0]).replace("_", "-")
        message = problem["msg"][0].lower() + problem["msg"][1:]
        raise StridorError(f"--{option} is {problem['input']!r}: {message}.") from None
