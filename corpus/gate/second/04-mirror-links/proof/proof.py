import os
import tempfile

from mirror import mirror

with tempfile.TemporaryDirectory() as folder:
    source, target = os.path.join(folder, "s"), os.path.join(folder, "t")
    os.makedirs(os.path.join(source, "data"))
    os.makedirs(os.path.join(folder, "foreign"))
    open(os.path.join(folder, "foreign", "big"), "w").close()
    os.symlink("../foreign", os.path.join(source, "out"))
    os.symlink("nowhere", os.path.join(source, "data", "lost"))
    mirror(source, target)
    assert os.path.islink(os.path.join(target, "out"))
    assert os.readlink(os.path.join(target, "data", "lost")) == "nowhere"
print("holds")
