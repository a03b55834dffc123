"""Starts the server."""

import sys

from config import load


def main(path):
    config = load(path)
    return f"listening on {config['host']}:{config['port']}"


if __name__ == "__main__":
    print(main(sys.argv[1]))
