"""Which version of the raw clips lies in data/, by the hash that DVC keeps of it."""

from pathlib import Path

from stridor.common.errors import StridorError


def data_md5(data: Path) -> str:
    """Return the MD5 under which DVC tracks a folder, from the `.dvc` file beside it.

    Raises
    ------
    StridorError
        If the folder is not tracked.
    """
    from ruamel.yaml import YAML

    tracker = data.with_name(f"{data.name}.dvc")
    try:
        return YAML(typ="safe").load(tracker.read_text(encoding="utf-8"))["outs"][0]["md5"]
    except FileNotFoundError:
        raise StridorError(f"{tracker} is missing; run 'dvc add {data}' so that the clips have a version.") from None
    except (KeyError, IndexError, TypeError):
        raise StridorError(f"{tracker} names no version; run 'dvc add {data}' again.") from None
