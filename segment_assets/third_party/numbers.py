"""Numbers as machines write them."""

import math
import re

_WRITTEN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def number(text: str) -> float | None:
    """A finite number; None where the text is none. Python's float takes 1_000 too, and the digits of every script."""
    found = float(text) if _WRITTEN.fullmatch(text) else math.inf
    return found if math.isfinite(found) else None
