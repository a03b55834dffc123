import hashlib
import hmac
import os

from endpoint import Endpoint

BODY = b'{"type": "x"}'


def post(secret, signature):
    os.environ.pop("HOOK_SECRET", None)
    if secret is not None:
        os.environ["HOOK_SECRET"] = secret
    endpoint = Endpoint()
    headers = {} if signature is None else {"X-Signature": signature}
    return endpoint.post(headers, BODY)[0], endpoint.store.kinds()


def sign(secret):
    return "sha256=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()


assert post("s3", sign("s3")) == (202, ["x"])
for guess in ("", "secret", "test", "test-secret", "testsecret", "changeme", "s4"):
    assert post("s3", sign(guess)) == (401, []), guess
    assert post(None, sign(guess)) == (401, []), guess
assert post("s3", None) == (401, [])
print("holds")
