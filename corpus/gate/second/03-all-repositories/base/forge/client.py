"""Reads lists of things from the forge. `fetch(path, params)` returns the decoded answer and raises OSError."""

PER_PAGE = 30


class ForgeError(Exception):
    """The forge could not be asked, or said something that nobody understands."""


class Client:
    def __init__(self, fetch):
        self._fetch = fetch

    def _get(self, path, **params):
        try:
            answer = self._fetch(path, params)
        except OSError as error:
            raise ForgeError(f"cannot read {path}: {error}") from error
        if not isinstance(answer, dict):
            raise ForgeError(f"{path} answered with {type(answer).__name__}, not an object")
        return answer

    def user(self, name):
        return self._get(f"/users/{name}")

    def list_repos(self, name):
        """The names of a user's repositories, in the server's order."""
        answer = self._get(f"/users/{name}/repos", per_page=PER_PAGE)
        return [entry["name"] for entry in answer["entries"]]
