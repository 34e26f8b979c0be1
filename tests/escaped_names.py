"""Names of files had back from what `escape_name` made of them."""

import re

_ESCAPE = re.compile(r"\\(?:(?P<short>[nrt\\])|x(?P<byte>[0-9a-f]{2})|u(?P<code>[0-9a-f]{4}))")


def unescape_name(text: str) -> str:
    """Return the name that `escape_name` was given."""
    return _ESCAPE.sub(_unescape, text)


def _unescape(match: re.Match[str]) -> str:
    if match["short"]:
        return {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}[match["short"]]
    if match["code"]:
        return chr(int(match["code"], 16))
    code = int(match["byte"], 16)
    return chr(code if code < 0x80 else 0xDC00 + code)
