import tempfile
from pathlib import Path

from rotating import rotate

with tempfile.TemporaryDirectory() as place:
    log = Path(place) / "x.log"
    for keep in (4, 4, 4, 4, 4, 4, 1):
        log.write_text("text")
        rotate(log, keep)
    assert [path.name for path in Path(place).iterdir()] == ["x.log.1"]
print("holds")
