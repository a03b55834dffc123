"""What the worker can do."""


def resize(job):
    if job["width"] <= 0:
        raise ValueError(f"width {job['width']} is not positive")


HANDLERS = {"resize": resize}
