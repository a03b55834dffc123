from forge import Client, ForgeError

NAMES = [f"p{number}" for number in range(91)]


def fetch(path, params):
    start = int(params.get("cursor") or 0)
    end = start + min(params["per_page"], 20)
    return {"entries": [{"name": name} for name in NAMES[start:end]], "next": str(end) if end < len(NAMES) else None}


assert Client(fetch).list_repos("x") == NAMES


def broken(path, params):
    if params.get("cursor"):
        raise OSError("reset")
    return fetch(path, params)


try:
    Client(broken).list_repos("x")
except ForgeError:
    print("holds")
