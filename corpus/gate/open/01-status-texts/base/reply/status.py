"""Status lines of HTTP/1.1."""


def reason(code):
    """Returns the reason phrase of a status code."""
    return "OK" if code == 200 else ""


def line(code):
    """Returns the first line of a reply."""
    return f"HTTP/1.1 {code} {reason(code)}"
