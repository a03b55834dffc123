import os

from isolated import ChildDied, call

assert call(os.getpid) != os.getpid()
assert call(os.getppid) == os.getpid()
try:
    call(os._exit, 9)
except ChildDied as error:
    assert "status 9" in str(error)
    print("holds")
