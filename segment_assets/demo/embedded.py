"""The demo on one machine."""


def stream(settings: object) -> None:
    """There is none: the demo itself writes the objects that one would deliver."""
