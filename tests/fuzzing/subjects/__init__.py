"""The subjects by name; each is imported where it is needed only."""

from importlib import import_module

from fuzzing.sandbox import Sandbox
from fuzzing.subject import Subject

SUBJECTS = {
    "audio": "fuzzing.subjects.audio:Audio",
    "params": "fuzzing.subjects.params:ParamsFile",
    "manifests": "fuzzing.subjects.tables:Manifests",
    "attributes": "fuzzing.subjects.tables:Attributes",
    "checkpoints": "fuzzing.subjects.checkpoints:Checkpoints",
    "archives": "fuzzing.subjects.archives:Archives",
    "requests": "fuzzing.subjects.requests:Requests",
    "artefacts": "fuzzing.subjects.artefacts:Artefacts",
    "planted": "fuzzing.subjects.planted:Planted",
}


def make_subject(name: str, sandbox: Sandbox) -> Subject:
    """Return a subject, ready to write and to check inputs."""
    module, _, kind = SUBJECTS[name].partition(":")
    made: Subject = getattr(import_module(module), kind)(sandbox)
    return made
