"""Account numbers."""


def valid(text):
    """Whether this is an IBAN that money can be sent to."""
    number = text.replace(" ", "").upper()
    return number[:2].isalpha() and number.isalnum()


def shown(text):
    """The number in groups of four."""
    number = text.replace(" ", "").upper()
    return " ".join(number[start:start + 4] for start in range(0, len(number), 4))
