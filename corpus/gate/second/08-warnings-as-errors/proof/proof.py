import gc
import os
import tempfile
import warnings

import feed

handle, path = tempfile.mkstemp()
with os.fdopen(handle, "w") as file:
    file.write("2023-01-01 Here\n")
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    loaded = feed.load(path)
    assert loaded.entries[0].label() == "2023-01-01 Here"
    assert loaded.age((2023, 1, 3)) == 2
    gc.collect()
    assert not seen, [str(one.message) for one in seen]
    loaded.age_days((2023, 1, 3))
    assert [one.category for one in seen] == [DeprecationWarning]
os.unlink(path)
print("holds")
