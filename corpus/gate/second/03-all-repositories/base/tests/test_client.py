import unittest

from forge import Client, ForgeError
from forge.report import overview

from .fake_server import FakeServer


class ListRepos(unittest.TestCase):
    def setUp(self):
        self.server = FakeServer({"ada": ["engine", "notes"], "bob": []})
        self.client = Client(self.server.fetch)

    def test_in_the_servers_order(self):
        self.assertEqual(self.client.list_repos("ada"), ["engine", "notes"])

    def test_overview(self):
        self.assertEqual(overview(self.client, "ada"), "ada has 2 repositories, the first is engine")
        self.assertEqual(overview(self.client, "bob"), "bob has none")

    def test_an_unknown_user_is_an_error(self):
        with self.assertRaises(ForgeError):
            self.client.list_repos("zoe")
