"""What programs give after training, as it stands on the pages: still of this recipe,
the same in all three, and for the smallest what training gives today."""

import json
import re

import numpy as np
import pytest
from markupsafe import escape

from benchmarks import trained
from benchmarks.report import evidence, samples, site
from shared.catalog import family_of
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.tasks import task

FAMILIES = list(trained.SAMPLES)


def recorded(family):
    return json.loads(trained.path(family).read_text())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_record_is_of_this_recipe_and_of_these_questions(family):
    sample, record = trained.SAMPLES[family], recorded(family)
    assert family_of(task(sample.task).spec) == record["family"] == family
    made_anew = f"python -m benchmarks.trained {family}"
    assert record["made_of"] == trained.made_of(sample), made_anew
    chosen = task(sample.task)
    given = sample.given(chosen, sample.asked(chosen))
    assert [row["given"] for row in record["trained"]] == given, made_anew
    assert trained.path(family).stat().st_size < 30_000


@pytest.mark.parametrize("family", FAMILIES)
def test_the_three_give_the_same(family):
    record = recorded(family)
    assert 0 <= record["apart"] <= 1e-12
    for row in record["trained"]:
        assert list(row["said"]) == list(NATIVE)
        one, *others = row["said"].values()
        for other in others:
            if isinstance(one, str):
                assert other == one
            else:  # where a level lies between two, rounding may fall either way
                levels = [bytes.fromhex(cell["levels"]) for cell in (one, other)]
                pairs = zip(*levels, strict=True)
                assert max(abs(a - b) for a, b in pairs) <= 1


def test_training_gives_what_is_recorded(workers):
    """Of the smallest; percents may move by what float32 leaves open."""
    record = trained.record("gcn", workers)
    rows = zip(record["trained"], recorded("gcn")["trained"], strict=True)
    for now, then in rows:
        for framework in NATIVE:
            (name, share), (before, least) = (
                re.fullmatch(r"(.*), (.*) %", row["said"][framework]).groups()
                for row in (now, then)
            )
            assert name == before
            assert float(share) == pytest.approx(float(least), abs=0.2)


def test_frameworks_that_differ_make_no_record():
    tokens, logits = np.array([[1, 2]]), np.array([[0.5, 1.0]])
    found = {"pytorch": (tokens, logits), "keras": (tokens, logits + 1e-14)}
    assert 0 < trained.apart(found) < 1e-12
    with pytest.raises(UsageError, match=r"are 1\.0e-11 apart; nothing written"):
        trained.apart(found | {"jax": (tokens, logits + 1e-11)})
    with pytest.raises(UsageError, match="decide differently; nothing written"):
        trained.apart(found | {"jax": (tokens + 1, logits)})
    with pytest.raises(UsageError, match="unknown family 'no'"):
        trained.main(["no"])


def test_pages_show_it():
    """Texts as they are, pictures as such, and where the record is."""
    found = evidence.read(evidence.committed())
    pages = site.Site(found).render()
    assert {one.family for one in found.trained} == set(FAMILIES)
    for one in found.trained:
        text = pages[f"models/{one.family}.html"].decode()
        table = text.partition('<table id="made">')[2].partition("</table>")[0]
        rows = one.record["trained"]
        assert table.count("<tr>") == len(rows) + 1
        cells = [c for row in rows for c in (row["given"], *row["said"].values())]
        pictures = [cell for cell in cells if not isinstance(cell, str)]
        assert table.count('<img class="strip"') == len(pictures)
        for cell in pictures:
            assert samples.strip(**cell) in table
        for cell in cells:
            assert not isinstance(cell, str) or escape(cell) in table
        assert f'href="../records.html#trained-{one.family}-json"' in text
    assert 'id="made"' not in pages["models/resnet.html"].decode()
