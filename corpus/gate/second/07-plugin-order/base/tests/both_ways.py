import subprocess
import sys
from pathlib import Path

RUN = str(Path(__file__).parent / "run.py")

statuses = [subprocess.call([sys.executable, RUN, *words]) for words in ([], ["--reverse"])]
sys.exit(max(statuses))
