import unittest

from endpoint import Endpoint


class Posting(unittest.TestCase):
    def setUp(self):
        self.endpoint = Endpoint()

    def test_takes_an_event(self):
        self.assertEqual(self.endpoint.post({}, b'{"type": "paid"}'), (202, "taken"))
        self.assertEqual(self.endpoint.store.kinds(), ["paid"])

    def test_not_json(self):
        self.assertEqual(self.endpoint.post({}, b"<xml/>")[0], 400)

    def test_no_type(self):
        self.assertEqual(self.endpoint.post({}, b'{"id": 4}')[0], 400)
        self.assertEqual(self.endpoint.store.kinds(), [])
