"""Names of files as text: shown in one line by any terminal, and kept so that the name can be had back."""

import re
import sys

# Of a value in a message; a whole file would hide what is said of it.
LONGEST_VALUE = 60
# Control characters, line separators, changes of the writing direction, and bytes that are not UTF-8, which Python
# keeps as surrogates.
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: object) -> str:
    r"""Return a text in one line that can be printed and stored anywhere.

    Examples
    --------
    >>> print(printable("two\nlines"))
    two\nlines
    """
    return _UNSHOWABLE.sub(lambda match: _escape(match[0]), str(text))


def shortened(text: str, longest: int = LONGEST_VALUE) -> str:
    """Return a text, its middle left out if it is too long for a message.

    Examples
    --------
    >>> print(shortened("a" * 50 + "b" * 50, longest=20))
    aaaaaaaaaa ... bbbbbbbbbb
    """
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def escape_in_output() -> None:
    """Have standard output escape what its encoding does not know, so that no name ends a command with an error."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def escape_name(name: str) -> str:
    r"""Return a file's name as `printable` does, with backslashes doubled, so that the text stands for one name only.

    Bytes that are not UTF-8 become `\xe9`, other characters `\n`, `\x1b` or `\u2028`.

    Examples
    --------
    >>> print(escape_name("a\\b\n.wav"))
    a\\b\n.wav
    """
    return printable(name.replace("\\", r"\\"))


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    # \x80 to \x9f would be taken for bytes.
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}")
