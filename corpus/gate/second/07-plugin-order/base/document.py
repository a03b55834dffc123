from plugins import REGISTRY


def save(text):
    return REGISTRY.apply(text)
