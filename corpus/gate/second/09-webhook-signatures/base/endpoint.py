"""Takes what other systems post to us. A request is (headers, body); an answer is (status, text)."""

import json

from store import Store


class Endpoint:
    def __init__(self, store=None):
        self.store = store or Store()

    def post(self, headers, body):
        try:
            event = json.loads(body)
        except ValueError:
            return 400, "not JSON"
        if not isinstance(event, dict) or "type" not in event:
            return 400, "an event has a type"
        self.store.add(event["type"], event)
        return 202, "taken"
