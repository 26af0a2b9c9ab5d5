"""One set of workers for the whole run: a framework is imported once."""

import pytest

from parity_tests.engine import Workers


@pytest.fixture(scope="session")
def workers():
    with Workers() as running:
        yield running
