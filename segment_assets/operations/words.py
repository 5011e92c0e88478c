"""Numbers in sentences."""


def counted(number: int, noun: str, many: str = "") -> str:
    """`1 run`, `2 runs`; `many` is the plural where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else many or f'{noun}s'}"
