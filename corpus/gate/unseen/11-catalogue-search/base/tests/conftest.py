import pytest


@pytest.fixture
def titles():
    return ["Café Noir", "The black cat", "Noir et blanc", "Über den Wolken"]
