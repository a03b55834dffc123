import urllib.request

import pytest


@pytest.mark.network
def test_the_site_answers():
    try:
        with urllib.request.urlopen("http://127.0.0.1:9/", timeout=2) as answer:
            assert answer.status == 200
    except OSError:
        pytest.skip("no site here")
