"""Small sound recordings of every kind that libsndfile writes, and headers written by hand."""

import io
import struct

import numpy as np
import soundfile as sf

# Format, subtypes, and the extension that people give it.
_KINDS = {
    "WAV": ("PCM_16", "PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM",
            "GSM610", "G721_32", "NMS_ADPCM_16", "MPEG_LAYER_III"),
    "WAVEX": ("PCM_16", "PCM_24", "FLOAT"),
    "RF64": ("PCM_16", "PCM_24", "FLOAT"),
    "W64": ("PCM_16", "FLOAT", "IMA_ADPCM"),
    "AIFF": ("PCM_16", "PCM_S8", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "GSM610", "DWVW_16"),
    "AU": ("PCM_16", "FLOAT", "ULAW", "G721_32"),
    "CAF": ("PCM_16", "FLOAT", "ALAC_16", "ALAC_24"),
    "FLAC": ("PCM_16", "PCM_24", "PCM_S8"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III", "MPEG_LAYER_II"),
    "NIST": ("PCM_16",), "IRCAM": ("PCM_16", "FLOAT"), "VOC": ("PCM_16", "PCM_U8"), "SVX": ("PCM_16", "PCM_S8"),
    "PAF": ("PCM_16", "PCM_24"), "MAT4": ("PCM_16", "DOUBLE"), "MAT5": ("PCM_16", "FLOAT"), "PVF": ("PCM_16",),
    "HTK": ("PCM_16",), "SDS": ("PCM_16",), "AVR": ("PCM_16",), "WVE": ("ALAW",), "MPC2K": ("PCM_16",),
}  # fmt: skip
# Others are read too, but nobody records machines in them.
USUAL = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3")
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".w64", ".rf64", ".caf", ".au")


def recordings() -> dict[str, list[bytes]]:
    """Return sound files by their format."""
    rng = np.random.default_rng(0)
    made: dict[str, list[bytes]] = {kind: [] for kind in _KINDS}
    for kind, subtypes in _KINDS.items():
        for subtype in subtypes:
            for channels, rate_hz, frames in ((1, 16000, 8000), (2, 44100, 12000), (8, 16000, 3000), (1, 8000, 4000)):
                samples = 0.1 * rng.standard_normal((frames, channels))
                file = io.BytesIO()
                try:
                    sf.write(file, samples, rate_hz, format=kind, subtype=subtype)
                except (sf.SoundFileError, ValueError):
                    continue
                made[kind].append(file.getvalue())
    made["FLAC"].append(_silence(700))
    made["OGG"].append(_silence(300, "OGG", "VORBIS"))
    made["WAV"] += _by_hand()
    return {kind: files for kind, files in made.items() if files}


def _silence(seconds: int, kind: str = "FLAC", subtype: str = "PCM_16") -> bytes:
    """Return a file that unpacks to a thousand times its size."""
    file = io.BytesIO()
    with sf.SoundFile(file, "w", 8000, 1, format=kind, subtype=subtype) as sound:
        # libsndfile's Vorbis writer overflows the stack on much at once.
        for _ in range(seconds):
            sound.write(np.zeros(8000, dtype=np.int16))
    return file.getvalue()


def _by_hand() -> list[bytes]:
    """Return WAV files with chunks that libsndfile does not write: masks, lists, cues, several data chunks."""
    samples = np.random.default_rng(1).integers(-9999, 9999, 4000, dtype=np.int16).tobytes()
    plain = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    masked = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 16000, 64000, 4, 16, 22, 16, 0x3) + guid
    odd_mask = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 16000, 64000, 4, 16, 22, 16, 0xFFFFFFFF) + guid
    listed = b"INFOISFT" + struct.pack("<I", 6) + b"stridr"
    cue = struct.pack("<IIIIIII", 1, 1, 0, 0, 0, 0, 0)
    return [
        wav((b"fmt ", plain), (b"data", samples)),
        wav((b"LIST", listed), (b"fmt ", plain), (b"fact", struct.pack("<I", 4000)), (b"data", samples)),
        wav((b"fmt ", masked), (b"data", samples)),
        wav((b"fmt ", odd_mask), (b"cue ", cue), (b"data", samples), (b"LIST", listed)),
        wav((b"fmt ", plain), (b"data", samples[:2000]), (b"data", samples[2000:])),
        wav((b"bext", bytes(602)), (b"fmt ", plain), (b"PEAK", bytes(16)), (b"smpl", bytes(60)), (b"data", samples)),
    ]


def wav(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a RIFF file of these chunks."""
    body = b"".join(name + struct.pack("<I", len(one)) + one + bytes(len(one) % 2) for name, one in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
