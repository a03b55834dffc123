import subprocess
import sys

done = subprocess.run([sys.executable, "-m", "count", "proof.py", "absent"], capture_output=True, text=True)
assert done.returncode == 2 and "Traceback" not in done.stderr and "proof.py" in done.stdout
print("holds")
