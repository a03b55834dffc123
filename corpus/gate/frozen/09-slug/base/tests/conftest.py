import pytest


@pytest.fixture
def titles():
    return ["Hello, World", "  two  spaces  "]
