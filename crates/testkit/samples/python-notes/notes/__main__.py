"""The command line: python -m notes FILE add|remove|list|search|serve [WORDS]."""

import sys
from pathlib import Path

from notes.search import search
from notes.server import make_server
from notes.store import Store

USAGE = "usage: python -m notes FILE add TEXT | remove ID | list | search WORDS | serve PORT"


def main(args: list[str]) -> int:
    if len(args) < 2:
        print(USAGE, file=sys.stderr)
        return 2
    store, verb, rest = Store(Path(args[0])), args[1], " ".join(args[2:])
    if verb == "add":
        print(store.add(rest).id)
    elif verb == "remove":
        return 0 if store.remove(int(rest)) else 1
    elif verb in ("list", "search"):
        for note in search(store.all(), rest):
            print(f"{note.id}\t{note.text}")
    elif verb == "serve":
        make_server(store, int(rest)).serve_forever()
    else:
        print(USAGE, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(f"notes: {error}")
