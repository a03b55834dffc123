import contextlib
import io
import logging

from export.main import main

logged = io.StringIO()
logging.getLogger("export").addHandler(logging.StreamHandler(logged))
logging.getLogger("export").propagate = False
said = io.StringIO()
with contextlib.redirect_stderr(said):
    status = main(["is/not/there.json"], io.StringIO())
assert status == 75, status
assert said.getvalue().startswith("export failed: ") and said.getvalue().count("\n") == 1
assert "Traceback" in logged.getvalue()
print("holds")
