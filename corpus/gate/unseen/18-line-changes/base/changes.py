"""What was added to a list of lines, and what was taken away."""

import time

# Seconds that the last call took, for the status page.
last_took = 0.0


def contains(lines, line):
    """Whether the line is among the lines."""
    for other in lines:
        if other == line:
            return True
    return False


def changes(old, new):
    """Returns (added, removed): lines of one list that are nowhere in the other, in order, as often as they stand there."""
    global last_took
    start = time.perf_counter()
    added = [line for line in new if not contains(old, line)]
    removed = [line for line in old if not contains(new, line)]
    last_took = time.perf_counter() - start
    return added, removed
