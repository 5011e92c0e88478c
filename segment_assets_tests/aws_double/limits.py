"""What botocore's models say of lengths, patterns and choices, and botocore itself does not check."""

import re
from collections.abc import Iterator
from typing import Any

from botocore.model import Shape


def broken(value: Any, shape: Shape, where: str = "") -> Iterator[str]:
    """Each limit of the model that the value breaks, as a sentence."""
    most, least = shape.metadata.get("max"), shape.metadata.get("min")
    if isinstance(value, str | list | dict):
        # Bytes come as base64: three of them in four letters, of which the last two may be filling.
        long = len(value) * 3 // 4 - value[-2:].count("=") if shape.type_name == "blob" else len(value)
        if most is not None and long > most:
            yield f"{where}: {long} long, and {most} is the most"
        if least is not None and long < least:
            yield f"{where}: {long} long, and {least} is the least"
    elif isinstance(value, int) and most is not None and value > most:
        yield f"{where}: {value} is above {most}"
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            for name, item in value.items():
                if name in shape.members:
                    yield from broken(item, shape.members[name], f"{where}.{name}")
        case "list":
            for i, item in enumerate(value):
                yield from broken(item, shape.member, f"{where}[{i}]")
        case "map":
            for key, item in value.items():
                yield from broken(key, shape.key, f"{where}.{key}")
                yield from broken(item, shape.value, f"{where}.{key}")
        case "string":
            pattern = shape.metadata.get("pattern")
            # Classes of characters by their Unicode names are Java's: Python knows none.
            if pattern and r"\p{" not in pattern and not re.fullmatch(pattern.strip("^$"), value):
                yield f"{where}: {value!r} is not {pattern}"
            if shape.enum and value not in shape.enum:
                yield f"{where}: {value!r} is none of {shape.enum}"
