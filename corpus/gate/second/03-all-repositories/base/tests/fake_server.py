"""Answers like the forge, from a dict of users and their repositories."""


class FakeServer:
    def __init__(self, repos):
        self.repos = repos
        self.asked = []

    def fetch(self, path, params):
        self.asked.append((path, dict(params)))
        parts = path.strip("/").split("/")
        if parts[1] not in self.repos:
            raise OSError("404")
        if parts[2:] == ["repos"]:
            names = self.repos[parts[1]][: params["per_page"]]
            return {"entries": [{"name": name} for name in names], "next": None}
        return {"login": parts[1]}
