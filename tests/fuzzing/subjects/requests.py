"""Requests to a served detector, in this process and through MLflow's own reading of them."""

import base64
import io
import json
import logging
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile as sf

from fuzzing.mutations import TEXTS, any_digits, integer, mutated_bytes, mutated_tree, odd_value
from fuzzing.sandbox import Sandbox, Wrong, check_sentence
from fuzzing.subject import Subject
from mlflow_project import in_project, make_empty_database, write_detector
from stridor.common.errors import StridorError
from stridor.params.sections import DetectorParams
from stridor.serving.requests import COLUMNS
from stridor.tracking.location import DATABASE
from tiny import tiny_params


class Requests(Subject):
    """A mutated request."""

    seconds = 20.0

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.model = _registered_model(sandbox.root.parent / f"{sandbox.root.name}-project")
        self.signature = self.model.metadata.get_input_schema()
        self.reached: pd.DataFrame | None = None
        self.clips = [_clip(samples) for samples in (4000, 9000)]
        predict = self.model.unwrap_python_model().predict

        def told(context: Any, table: pd.DataFrame, params: Any = None) -> pd.DataFrame:
            self.reached = table
            answer: pd.DataFrame = predict(context, table, params)
            return answer

        self.model.unwrap_python_model().predict = told
        # MLflow warns of types that it converts, and of requests that fail.
        logging.disable(logging.WARNING)
        for body in self._bodies(random.Random(0)):
            self._ask(json.dumps(body).encode(), "application/json")

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write the body of one request."""
        body: Any = rng.choice(self._bodies(rng))
        if rng.random() < 0.35:
            body = mutated_tree(body, rng)
        with any_digits():
            try:
                content = json.dumps(body).encode("utf-8", "surrogatepass")
            except (TypeError, ValueError):
                content = repr(body).encode("utf-8", "surrogatepass")
        if rng.random() < 0.12:
            content = mutated_bytes(content, rng, head=200)
        (folder / "body").write_bytes(content)

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return how rows and columns are called."""
        return ("Row ", "'audio'", "column")

    def check(self, rng: random.Random, folder: Path) -> None:
        """Send it; whatever reaches the detector is answered row by row, or refused by one sentence."""
        content = (folder / "body").read_bytes()
        kind = rng.choice(("application/json",) * 8 + ("text/csv", "application/json; charset=utf-8"))
        status, text = self._ask(content, kind)
        if self.reached is None:
            # MLflow refused it; its own sentences are not stridor's.
            if status == 200:
                raise Wrong("a request was answered that has not reached the detector")
            raise StridorError("MLflow refused it before any Row was read.")
        if len(text) > 20_000 + 2000 * len(self.reached):
            raise Wrong(f"an answer has {len(text)} characters")
        if status != 200:
            if status != 400 or "Traceback" in text:
                raise Wrong(f"the status is {status}: {text[:500]}")
            said = json.loads(text)
            if said.get("stack_trace"):
                raise Wrong(f"the answer holds a traceback: {text[:500]}")
            raise StridorError(said["message"])
        rows = json.loads(text)["predictions"]
        if len(rows) != len(self.reached):
            raise Wrong(f"{len(rows)} rows answer {len(self.reached)}")
        for row in rows:
            if set(row) != set(COLUMNS):
                raise Wrong(f"a row has the columns {sorted(row)}")
            if row["error"] is not None:
                check_sentence(row["error"], self.names(folder))
            elif not np.isfinite(row["score"]):
                raise Wrong(f"a score is {row['score']}")

    def _ask(self, content: bytes, kind: str) -> tuple[int, str]:
        """Return status and body, as MLflow's server sends them."""
        from mlflow.exceptions import MlflowException
        from mlflow.pyfunc.scoring_server import invocations

        self.reached = None
        try:
            answer = invocations(content, kind, self.model, self.signature)
        except MlflowException as error:
            return error.get_http_status_code(), error.serialize_as_json()
        except Exception:
            # Of MLflow's own reader, which its server answers by status 500; not where a detector was asked.
            if self.reached is not None:
                raise
            return 500, ""
        return answer.status, answer.response

    def _bodies(self, rng: random.Random) -> list[Any]:
        """Return requests in all forms, with recordings that are as they should be or are not."""
        audio = [self._audio(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
        machines = [rng.choice(("saw", "saw", "press", "pump", "saw", rng.choice(TEXTS))) for _ in audio]
        rows = [{"audio": one, "machine": machine} for one, machine in zip(audio, machines, strict=True)]
        return [
            {"dataframe_records": rows},
            {"dataframe_split": {"columns": ["audio", "machine"], "data": [list(row.values()) for row in rows]}},
            {"dataframe_split": {"index": [integer(rng) for _ in rows], "columns": ["audio", "machine"],
                                 "data": [list(row.values()) for row in rows]}},
            {"inputs": {"audio": audio, "machine": machines}}, {"inputs": rows}, {"instances": rows},
            {"inputs": {"audio": audio}}, {"dataframe_records": rows, "params": {"x": odd_value(rng)}},
        ]  # fmt: skip

    def _audio(self, rng: random.Random) -> Any:
        clip, way = rng.choice(self.clips), rng.random()
        if way < 0.4:
            return base64.b64encode(clip).decode()
        if way < 0.7:
            return base64.b64encode(mutated_bytes(clip, rng, self.clips)).decode()
        text = base64.b64encode(clip).decode()
        return rng.choice((
            text[: rng.randrange(len(text))], text[:-1], text + "=", text + "\n", text.replace("A", "-"), f" {text}",
            base64.b85encode(clip).decode(), clip.decode("latin-1"), odd_value(rng), odd_value(rng), list(clip[:300]),
        ))  # fmt: skip


def _clip(samples: int) -> bytes:
    file = io.BytesIO()
    sf.write(file, 0.1 * np.random.default_rng(samples).standard_normal(samples), 16000, format="WAV")
    return file.getvalue()


def _registered_model(folder: Path) -> Any:
    """Return a registered detector of two machines, loaded as MLflow's server loads it."""
    import mlflow

    from stridor.tracking.registry import register

    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    make_empty_database(folder / "empty")
    with in_project(folder / "project", folder / "empty" / DATABASE) as root:
        params = tiny_params(embedding={"layer": 1}).model_copy(
            update={"detectors": {"plant": DetectorParams(machines=("press", "saw"))}}
        )
        encoder, banks = write_detector(root, params)
        register("plant", encoder, banks, params.for_detector("plant"), None, {"hmean": 0.5})
        return mlflow.pyfunc.load_model("models:/stridor-plant@champion")
