"""README's table and picture are those of the committed record."""

import json

from benchmarks import readme

RECORD = json.loads(readme.RECORD.read_text())


def test_the_table_is_generated():
    text = readme.README.read_text()
    assert readme.fill(text, RECORD) == text
    assert readme.certificate(RECORD) in text


def test_the_picture_is_generated():
    assert readme.picture(RECORD) == readme.PICTURE.read_text()


def test_the_record_holds():
    assert all(check["passed"] for check in RECORD["checks"])
