"""Names of releases."""


class Release:
    """A release by its name, such as `1.2.0` or `1.3-rc1`."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return f"Release({self.text!r})"
