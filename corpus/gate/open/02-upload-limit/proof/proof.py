import os

from uploads.limit import SettingError, max_bytes

os.environ["UPLOAD_MAX_MB"] = "7"
assert max_bytes() == 7 * 1024 * 1024
os.environ["UPLOAD_MAX_MB"] = "many"
try:
    max_bytes()
except SettingError as error:
    assert "many" in str(error)
    print("holds")
