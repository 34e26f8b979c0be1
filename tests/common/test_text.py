"""Names of files as text: in one line, and reversible."""

import subprocess
import sys

import pytest

from escaped_names import unescape_name
from stridor.common.text import escape_name, printable

NAMES = [
    "plain.wav", "Größe & Maß (2).wav", "a\nb\r\t.wav", "-rf.wav", "a%20b.wav", "back\\slash\\n.wav", "\\", "x" * 255,
    "e\u0301.wav", "\u00e9.wav", "\U0001f469\u200d\U0001f527.wav", "dot.", "'\"`#&;$(x).wav", "\x1b[31mred.wav",
    "\u202egnp.wav", "\x85.wav", b"pump_\xe9\xe8.wav".decode(errors="surrogateescape"), "\\xe9.wav",
    b"\x80\xff\\x80".decode(errors="surrogateescape"), "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_line_that_can_be_stored_and_had_back(name):
    text = escape_name(name)
    text.encode()
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert unescape_name(text) == name
    printable(name).encode()


def test_what_can_be_read_stays_as_it_is():
    assert printable("Größe & Maß (2) 👩‍🔧 音.wav") == "Größe & Maß (2) 👩‍🔧 音.wav"
    assert printable(b"pump_\xe9.wav".decode(errors="surrogateescape")) == r"pump_\xe9.wav"


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_a_strict_output_does_not_end_a_command(encoding):
    code = "from stridor.common.text import escape_in_output as e; e(); print('\\udce9 é 音')"
    environment = {"PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.returncode == 0
    assert done.stdout.startswith(rb"\udce9 ")
