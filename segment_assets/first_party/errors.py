"""What is wrong with the landing place, where, and how to mend it."""


class LandingError(Exception):
    """An object can't be read by the configuration at all: nothing of what was written before is lost."""
