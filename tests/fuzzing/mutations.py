"""Changes of bytes, trees and texts that find the edges of readers."""

import random
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# Ends of the ranges of integers, and what lies beside them.
EDGES = (
    0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 63, 64, 127, 128, 129, 255, 256, 257, 1000, 4095, 4096, 32767, 32768,
    65535, 65536, 2**24 - 1, 2**24, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1, 2**32, 2**53, 2**63 - 1,
    2**63, 2**64 - 1,
)  # fmt: skip
TEXTS = (
    "", " ", "\n", "\t", "\0", "a\nb", "../victim", "/etc/passwd", "..", ".", "-", "--help", "~", "null", "yes", "nan",
    "NaN", "inf", "-inf", "1e3", "1e400", "0x10", "0o17", "1_000", "é", "e\u0301", "\u202e", "\ud800", "😀", "${x}",
    "%s", "{}", "'", '"', "'; drop table runs; --", "<script>", "\x1b[2J", "\ufeff", "\x7f", "x" * 300, "x" * 5000,
    "9" * 400, "9" * 5000, "=1+1", "CON", "a/b", "a\\b", "a:b", "#", "&", "*", "!", "|", ">", "@", "`", "[", "{", ",",
    ": ",
)  # fmt: skip


def integer(rng: random.Random) -> int:
    """Draw an integer near an edge."""
    value = rng.choice(EDGES)
    return value if rng.random() < 0.7 else value + rng.randint(-2, 2) if rng.random() < 0.5 else -value


def mutated_bytes(content: bytes, rng: random.Random, others: Sequence[bytes] = (), head: int = 96) -> bytes:
    """Change bytes in one to four ways; headers are hit more often than what follows."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        way = rng.choice(_BYTE_WAYS)
        changed = bytearray(way(changed, rng, others, head))
    return bytes(changed)


def _place(content: bytes, rng: random.Random, head: int) -> int:
    if not content:
        return 0
    region = rng.random()
    if region < 0.55:
        return rng.randrange(min(head, len(content)))
    if region < 0.7:
        return len(content) - 1 - rng.randrange(min(head, len(content)))
    return rng.randrange(len(content))


def _flip_bits(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    for _ in range(rng.choice((1, 1, 2, 4, 8, 64))):
        if content:
            content[_place(content, rng, head)] ^= 1 << rng.randrange(8)
    return content


def _set_bytes(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    for _ in range(rng.choice((1, 1, 2, 3))):
        if content:
            content[_place(content, rng, head)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return content


def _set_number(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    size, order = rng.choice((1, 2, 2, 4, 4, 4, 8)), rng.choice("<>")
    value = integer(rng) % 2 ** (8 * size)
    packed = struct.pack(f"{order}{ {1: 'B', 2: 'H', 4: 'I', 8: 'Q'}[size] }", value)
    at = _place(content, rng, head)
    if rng.random() < 0.7:
        at -= at % min(size, 4)
    content[at : at + size] = packed
    return content


def _set_float(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    value = rng.choice((float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-45, 0.0, -0.0, 2.0**31, 1e10))
    packed = struct.pack(rng.choice(("<f", ">f", "<d", ">d")), value)
    at = _place(content, rng, head) // 4 * 4
    content[at : at + len(packed)] = packed
    return content


def _truncate(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    return content[: _place(content, rng, head)]


def _cut_out(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    at = _place(content, rng, head)
    del content[at : at + rng.choice((1, 2, 4, 8, 100, 1000))]
    return content


def _insert(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    at, size = _place(content, rng, head), rng.choice((1, 2, 4, 8, 100, 1000))
    content[at:at] = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))
    return content


def _repeat(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    at = _place(content, rng, head)
    part = content[at : at + rng.choice((4, 8, 24, 200))]
    content[at:at] = part * rng.choice((1, 1, 3, 50))
    return content


def _swap(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    a, b, size = _place(content, rng, head), _place(content, rng, head), rng.choice((2, 4, 8, 24))
    content[a : a + size], content[b : b + size] = content[b : b + size], content[a : a + size]
    return content


def _splice(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    other = rng.choice(others) if others else bytes(content)
    return content[: _place(content, rng, head)] + other[_place(other, rng, head) :]


def _append(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    return content + (rng.choice(others) if others and rng.random() < 0.5 else rng.randbytes(rng.choice((1, 8, 500))))


def _blank(content: bytearray, rng: random.Random, others: Sequence[bytes], head: int) -> bytearray:
    at = _place(content, rng, head)
    size = min(rng.choice((4, 16, 64, 4096)), len(content) - at)
    content[at : at + size] = rng.choice((b"\0", b"\xff")) * size
    return content


_BYTE_WAYS: tuple[Callable[[bytearray, random.Random, Sequence[bytes], int], bytearray], ...] = (
    _flip_bits, _flip_bits, _set_bytes, _set_number, _set_number, _set_number, _set_float, _truncate, _cut_out, _insert,
    _repeat, _swap, _splice, _append, _blank,
)  # fmt: skip


@contextmanager
def any_digits() -> Iterator[None]:
    """Let numbers of thousands of digits be written."""
    most = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(most)


def odd_value(rng: random.Random) -> Any:
    """Draw a value of any type that JSON or YAML has."""
    return rng.choice((
        lambda: rng.choice(TEXTS), lambda: integer(rng), lambda: 10 ** rng.choice((20, 400, 5000)),
        lambda: rng.choice((float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 5e-324, 0.1, -0.0)),
        lambda: None, lambda: True, lambda: False, list, dict, lambda: [[]], lambda: {"": None},
        lambda: [1, "a", None], lambda: {"a": {"b": 1}}, lambda: ["x"] * 300, lambda: [0] * 3000,
        lambda: _nested(rng.choice((5, 40, 90))),
    ))()  # fmt: skip


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def mutated_tree(tree: Any, rng: random.Random) -> Any:
    """Change mappings and lists, which are copied, in one to three places."""
    tree = _copied(tree)
    holder = {"root": tree}
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(holder))
        parent, key = rng.choice(places)
        way = rng.random()
        if way < 0.45:
            parent[key] = odd_value(rng)
        elif way < 0.6:
            del parent[key]
        elif way < 0.7:
            other, name = rng.choice(places)
            # A value that is read after the first change may be gone.
            if _has(other, name):
                parent[key] = _copied(other[name])
        elif way < 0.8:
            _add(parent, rng, odd_value(rng))
        elif way < 0.9:
            value = parent[key]
            with any_digits():
                text = str(value)
            parent[key] = rng.choice(([value], {"a": value}, text, [value, value], {text[:50]: value}))
        elif isinstance(parent, dict):
            parent[rng.choice((*TEXTS, f"{key}x", str(key).upper(), f" {key}"))] = parent.pop(key)
        else:
            parent.insert(0, parent.pop(key))
        if "root" not in holder:
            holder = {"root": odd_value(rng)}
    return holder["root"]


def _copied(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _copied(value) for key, value in tree.items()}
    return [_copied(value) for value in tree] if isinstance(tree, list | tuple) else tree


def _places(tree: Any) -> Any:
    keys = tree if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _has(parent: Any, key: Any) -> bool:
    return key in parent if isinstance(parent, dict) else isinstance(key, int) and key < len(parent)


def _add(parent: Any, rng: random.Random, value: Any) -> None:
    if isinstance(parent, dict):
        parent[rng.choice(TEXTS)] = value
    else:
        parent.insert(rng.randrange(len(parent) + 1), value)


def mutated_text(text: str, rng: random.Random) -> bytes:
    """Change a text line by line, or in its encoding."""
    lines = text.split("\n")
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        way = rng.randrange(9)
        if way == 0:
            del lines[at]
        elif way == 1:
            lines.insert(at, lines[rng.randrange(len(lines))] if lines else "")
        elif way == 2:
            lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
        elif way == 3:
            lines[at] = rng.choice(("  ", "\t", " ", "\0", "\r")) + lines[at]
        elif way == 4:
            where = rng.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:where] + rng.choice(TEXTS) + lines[at][where:]
        elif way == 5:
            rng.shuffle(lines)
        elif way == 6:
            lines[at : at + 1] = ["<<<<<<< HEAD", lines[at], "=======", lines[at] + "x", ">>>>>>> other"]
        elif way == 7:
            lines[at] = lines[at] * rng.choice((2, 100))
        else:
            lines[at:at] = [rng.choice(TEXTS)] * rng.choice((1, 2000))
        lines = lines or [""]
    joined = rng.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n")).join(lines)
    return _encoded(joined, rng)


def _encoded(text: str, rng: random.Random) -> bytes:
    way = rng.random()
    if way < 0.8:
        return text.encode("utf-8", "surrogatepass")
    encoding = rng.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"))
    content = text.encode(encoding, "replace")
    return content if rng.random() < 0.7 else content[: rng.randrange(len(content) + 1)]
