"""The weekly report as text."""


def render(rows):
    """Renders (name, hours) rows."""
    return "".join(f"{name}: {hours}\n" for name, hours in rows)
