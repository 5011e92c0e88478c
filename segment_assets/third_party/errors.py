"""What goes wrong with a delivery."""


class DeliveryError(Exception):
    """What is wrong with the partner's file, which file, and how to mend it. Never a value of the file."""
