"""The checkpoints that were published, how each is known again, and where it or copies of it lie."""

from dataclasses import dataclass

from stridor.common.errors import StridorError

# Where the authors of BEATs link them; the links lead to OneDrive pages, which a program cannot fetch.
_BEATS_PAGE = "https://github.com/microsoft/unilm/tree/master/beats"
_PRETRAINED_BYTES, _FINE_TUNED_BYTES = 361_499_833, 363_145_291
# Copies on Hugging Face, named by public projects that use them. Whose copy it is does not matter: the digest decides.
_LPEPINO = "https://huggingface.co/lpepino/beats_ckpts/resolve/main/"
_LPEPINO_MIRROR = "https://hf-mirror.com/lpepino/beats_ckpts/resolve/main/"
_MORE_COPIES = {
    "BEATs_iter3_plus_AS2M": (
        "https://huggingface.co/datasets/Bencr/beats-checkpoints/resolve/main/",
        "https://huggingface.co/liuronghuan/BEATs/resolve/main/",
        "https://huggingface.co/mooneyko/BEATs/resolve/main/",
    ),
    "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2": (
        "https://huggingface.co/camenduru/beats/resolve/main/",
        "https://huggingface.co/THUdyh/Ola_speech_encoders/resolve/main/",
    ),
}


@dataclass(frozen=True)
class Published:
    """A published file.

    Attributes
    ----------
    name : str
        Without `.pt`.
    sources : tuple of str
        Addresses to be tried one after another.
    page : str
        Where its authors offer it, for people.
    """

    name: str
    bytes: int
    sha256: str
    sources: tuple[str, ...]
    page: str

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return f"{self.name}.pt"


def _beats(name: str, sha256: str) -> Published:
    folders = (_LPEPINO, *_MORE_COPIES.get(name, ()), _LPEPINO_MIRROR)
    size = _FINE_TUNED_BYTES if "finetuned" in name else _PRETRAINED_BYTES
    return Published(name, size, sha256, tuple(f"{folder}{name}.pt" for folder in folders), _BEATS_PAGE)


# Schmid, Koutini, Widmer, "Efficient Large-Scale Audio Tagging via Transformer-to-CNN Knowledge Distillation" (ICASSP
# 2023): a network of a million weights that was trained on AudioSet.
_MN04 = Published(
    "mn04_as_mAP_432",
    4_066_513,
    "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
    ("https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",),
    "https://github.com/fschmid56/EfficientAT/releases/tag/v0.0.1",
)

# Sizes and digests of BEATs as several public projects report them that had the files from the authors' links; the
# authors themselves publish none.
CHECKPOINTS = {
    one.name: one
    for one in (
        _beats("BEATs_iter3_plus_AS2M", "d43cbfad4d7b56381c061d7a24774f908d4d94c72961f6eb1d9090ff18cd8d34"),
        _beats("BEATs_iter3", "8d1b234032a9ccff353612dc6c20982346dc2968b205b79d97303eb5e77bfb34"),
        _beats(
            "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt1",
            "7f9362028ac6e5c049e8dc314d87e90e4f82a15a8e472deb56af55d7f9b34d6a",
        ),
        _beats(
            "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2",
            "e5815275a04b6885e7b8af63d120b29bffae2cd2225cf4915e1ec6d819d3022c",
        ),
        _MN04,
    )
}
DEFAULT = next(iter(CHECKPOINTS))


def published(name: str) -> Published:
    """Return a published checkpoint by its name, with or without `.pt`.

    Raises
    ------
    StridorError
        If none is known by that name.
    """
    found = CHECKPOINTS.get(name.removesuffix(".pt"))
    if found is None:
        raise StridorError(
            f"There is no published checkpoint '{name}'; choose one of {', '.join(CHECKPOINTS)}. A file of your own "
            "does not need to be fetched: set encoder.checkpoint in params.yaml to its path."
        )
    return found
