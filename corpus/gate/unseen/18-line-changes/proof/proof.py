import os

from changes import changes

old = [f"row {number}" for number in range(15000)]
new = [f"row {number}" for number in range(7500, 22500)]
start = os.times().user
assert [len(part) for part in changes(old, new)] == [7500, 7500]
if os.times().user - start < 0.5:
    print("holds")
