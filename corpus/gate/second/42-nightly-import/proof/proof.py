import os
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    rows = os.path.join(folder, "rows")
    with open(rows, "w") as file:
        file.write("A,2023-01-01,1\nA,2023-01-01,2\n\nB\nC,2023-01-02,4\n")
    run = [sys.executable, "-m", "measure.load", os.path.join(folder, "db")]
    done = subprocess.run([*run, rows], capture_output=True, text=True)
    assert done.returncode == 1, done
    assert done.stdout.splitlines()[-1] == "imported 2, refused 2", done
    assert f"{rows}:2: " in done.stderr and f"{rows}:4: " in done.stderr, done
    assert subprocess.run([*run, os.path.join(folder, "gone")], capture_output=True).returncode != 0
print("holds")
