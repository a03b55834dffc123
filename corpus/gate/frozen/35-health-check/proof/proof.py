from health import check


def broken():
    raise RuntimeError("down")


assert check({"a": broken, "b": lambda: None}) == {"status": "degraded", "parts": {"a": "down", "b": "ok"}}
print("holds")
