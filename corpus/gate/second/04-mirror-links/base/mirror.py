"""Copies a tree of files, newer ones only."""

import os
import shutil

DEPTH_MAX = 40


class MirrorError(Exception):
    pass


def is_newer(source, target):
    return not os.path.exists(target) or os.path.getmtime(source) > os.path.getmtime(target)


def mirror(source, target, depth=0):
    """Returns how many files were copied."""
    if depth > DEPTH_MAX:
        raise MirrorError(f"{source} is deeper than {DEPTH_MAX} folders")
    os.makedirs(target, exist_ok=True)
    copied = 0
    for name in sorted(os.listdir(source)):
        here, there = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(here):
            copied += mirror(here, there, depth + 1)
        elif is_newer(here, there):
            shutil.copy2(here, there)
            copied += 1
    return copied
