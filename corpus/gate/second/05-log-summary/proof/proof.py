import os
import resource
import tempfile

from logsum import summarise

handle, path = tempfile.mkstemp()
with os.fdopen(handle, "w") as file:
    for number in range(600_000):
        file.write(f"/page/{number % 50} 200 {number} {number % 900}\n")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
summary = summarise(path)
grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
os.unlink(path)
assert summary.statuses == {200: 600_000}
assert grown_kib < 8_000, f"grew by {grown_kib} KiB"
print("holds")
