"""Looks things up in trees of dicts and lists."""


def get(tree, path):
    """Returns what is at the path, such as `server.port`; raises KeyError with the path when nothing is there."""
    for key in path.split("."):
        if not isinstance(tree, dict) or key not in tree:
            raise KeyError(path)
        tree = tree[key]
    return tree
