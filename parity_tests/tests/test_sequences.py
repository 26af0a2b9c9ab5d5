"""Data that are read in order: forecasts of a series, sentences that praise or not."""

import numpy as np
import pytest

from shared.data import sentiment
from shared.data.files import VARIABLE
from shared.data.sentiment import PADDING, SST2, UNKNOWN, WORDS, reviews, sst2
from shared.data.series import WINDOW, forecasts, seasons, sunspots
from shared.errors import UsageError
from shared.tasks import task
from shared.tasks.base import SKILL


def test_a_window_goes_before_what_it_forecasts():
    series = np.arange(70.0) ** 1.5
    data = forecasts(series, ragged=True)
    scale, centre = series[:50].std(), series[:50].mean()
    changes = np.diff(series) / np.diff((series - centre) / scale)[:50].std()
    for part, first in ((data.train, 1), (data.validation, 50), (data.test, 60)):
        (windows, counts), (targets,) = part.inputs, part.targets
        for i, (window, count, target) in enumerate(
            zip(windows, counts, targets, strict=True)
        ):
            end = first + i
            assert count == min(end, WINDOW)
            own = (series[end - count : end] - centre) / scale
            np.testing.assert_allclose(window[:count, 0], own, rtol=1e-6)
            assert not window[count:].any()
            assert target == pytest.approx(changes[end - 1] / scale, rel=1e-5)


def test_without_lengths_all_windows_are_whole():
    ragged, whole = seasons(ragged=True), seasons(ragged=False)
    (x,), (windows, counts) = whole.train.inputs, ragged.train.inputs
    assert np.array_equal(x, windows[counts == WINDOW])
    assert np.array_equal(whole.test.inputs[0], ragged.test.inputs[0])


def test_the_naive_forecast_has_no_skill():
    (targets,) = seasons().test.targets
    assert SKILL.of(np.zeros_like(targets), targets) == 0
    assert SKILL.of(targets, targets) == 1


@pytest.mark.parametrize("wrong", ["month,number\n1749-01,much", "x\n1", "a,b\n1,2"])
def test_a_series_that_lies_is_refused(tmp_path, monkeypatch, wrong):
    folder = tmp_path / "timeseries"
    folder.mkdir()
    (folder / "monthly-sunspots.csv").write_text(wrong)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(UsageError, match=r"monthly-sunspots\.csv: not "):
        sunspots()


def test_a_review_means_its_last_clause():
    """By the rule, from the words alone."""
    data = reviews(number=300)
    (tokens,), (praised,) = data.train.inputs, data.train.targets
    for row, label in zip(tokens, praised, strict=True):
        words = [WORDS[i] for i in row if i != PADDING]
        last = words[len(words) - words[::-1].index("is") :]
        assert label == ((last[-1] in sentiment.GOOD) != (len(last) == 2))
    assert 0.4 < praised.mean() < 0.6


def written(folder, **parts):
    for part, name in SST2.items():
        (folder / name).write_text(parts.get(part, "1 a fine film\n0 a dull one\n"))


def test_sentences_on_films(tmp_path, monkeypatch):
    folder = tmp_path / "sst2"
    folder.mkdir()
    written(folder, test="0 a film nobody saw\n")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    data = sst2()
    (tokens,), (labels,) = data.train.inputs, data.train.targets
    assert labels.tolist() == [1, 0]
    # By how often, then by the alphabet: a dull film fine one.
    assert tokens[0, :4].tolist() == [2, 5, 4, PADDING]
    assert data.test.inputs[0][0, :5].tolist() == [2, 4, UNKNOWN, UNKNOWN, PADDING]
    written(folder, dev="maybe a film\n")
    with pytest.raises(UsageError, match=r"stsa\.binary\.dev, line 1: not 0 or 1 and"):
        sst2()
    written(folder, train="")
    with pytest.raises(UsageError, match="holds no sentence"):
        sst2()


def test_the_vocabulary_is_the_tasks():
    assert task("reviews_textcnn").spec.vocab_size == len(WORDS) == len(set(WORDS))
