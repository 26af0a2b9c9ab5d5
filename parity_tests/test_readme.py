"""README's table and picture are those of the committed record."""

import re

from benchmarks import readme, records

CHECKS, TIMINGS = readme.committed()


def test_the_table_is_generated():
    text = readme.README.read_text()
    found = records.read(readme.CPU)
    assert readme.fill(text, CHECKS, found) == text
    assert readme.certificate(CHECKS) in text


def test_the_picture_is_generated():
    assert readme.picture(TIMINGS) == readme.PICTURE.read_text()


def test_the_record_holds():
    assert all(check.passed for check in CHECKS)
    assert TIMINGS
    assert not any(c.failed for timing in TIMINGS for c in timing.start.contenders)


def test_the_mutants_are_those_of_their_page():
    told = re.search(r"caught in (\d+) of (\d+)", flat(readme.README.read_text()))
    page = flat((readme.README.parent / "docs" / "mutants.md").read_text())
    assert told
    assert f"{told[1]} of {told[2]} mutants caught" in page
    assert f"the other {int(told[2]) - int(told[1])}" in flat(readme.README.read_text())


def flat(text):
    return " ".join(text.split())
