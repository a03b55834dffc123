"""Functions that run before a document is saved, each under a name."""


class UnknownPlugin(KeyError):
    pass


class Registry:
    def __init__(self):
        self._plugins = {}

    def register(self, name, function, before=None):
        if name in self._plugins:
            raise ValueError(f"a plugin is called {name} already")
        if before is None:
            self._plugins[name] = function
            return
        if before not in self._plugins:
            raise UnknownPlugin(before)
        items = list(self._plugins.items())
        place = [known for known, _ in items].index(before)
        items.insert(place, (name, function))
        self._plugins = dict(items)

    def names(self):
        return list(self._plugins)

    def apply(self, text):
        for function in self._plugins.values():
            text = function(text)
        return text


REGISTRY = Registry()


def plugin(name, before=None):
    def decorate(function):
        REGISTRY.register(name, function, before)
        return function
    return decorate
