"""What Whisper hears, keeps and says, its front end against transformers', and its
checkpoints; the network itself is held by the spec's ORACLES."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.tests.test_originals import needs
from shared.catalog import variant
from shared.data.audio import BEGIN, END, WhisperMel, melodies
from shared.definitions.decoding import BeamSearch
from shared.errors import UsageError
from shared.files import checkpoints
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.language.whisper import WhisperSpec

SPEC = WhisperSpec(
    vocab_size=9,
    source_tokens=6,
    target_tokens=5,
    width=8,
    depth=2,
    heads=2,
    mlp_width=7,
    mels=3,
    marks=(7, 8),
)


@pytest.fixture(scope="module", params=NATIVE)
def model(request, workers):
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


@pytest.mark.parametrize(
    ("program", "width"), [("translate", 4), ("translate_greedy", 1)]
)
def test_what_is_said_is_that_of_the_definition(model, program, width):
    """The search in NumPy asks the whole network anew for each token."""
    mel, _ = SPEC.examples(3, 0)
    length = SPEC.target_tokens

    def score(sequences, position):
        given = np.full((3 * width, length), SPEC.ends)
        given[:, 0] = SPEC.begins
        given[:, 1 : position + 1] = sequences.reshape(3 * width, -1)[:, :position]
        asked = Request((np.repeat(mel, width, 0), given))
        z = model.run(asked).outputs[0][:, position]
        log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
        return log_p.reshape(3, width, -1)

    found = [
        model.run(Request((mel,), program=name)).outputs
        for name in {program, "translate_uncached" if width == 4 else program}
    ]
    search = BeamSearch(width=width, end=SPEC.ends, length=length, length_penalty=0.6)
    wanted = search.search(score, 3)
    for tokens, scores, margin in found:
        np.testing.assert_array_equal(tokens, wanted.sequences[:, 0])
        np.testing.assert_allclose(scores, wanted.scores[:, 0], rtol=0, atol=1e-12)
        assert (margin > 1e-9).all()


def test_places_of_sounds_are_told_apart_and_words_hear_no_later_one(model):
    """The same frames in another order are another sound, and a word changes nothing
    before it."""
    mel, target = SPEC.examples(2, 0)
    (one,) = model.run(Request((mel, target))).outputs
    (other,) = model.run(Request((mel[..., ::-1].copy(), target))).outputs
    assert np.abs(one - other).max() > 1e-6
    changed = target.copy()
    changed[:, 3] = (changed[:, 3] + 1) % SPEC.vocab_size
    (other,) = model.run(Request((mel, changed))).outputs
    np.testing.assert_allclose(one[:, :3], other[:, :3], rtol=0, atol=1e-14)
    assert (np.abs(one - other)[:, 3] > 1e-9).any()


def test_what_cannot_be_is_refused():
    for change, said in (
        ({"marks": (9, 1)}, r"marks is \(9, 1\); allowed: below vocab_size \(9\)"),
        ({"width": 2, "heads": 1}, "width is 2; allowed: at least 4"),
    ):
        with pytest.raises(UsageError, match=said):
            replace(SPEC, **change)
    target = np.array([[7, 1, 2, 8, 8]])
    assert SPEC.wanted((target,), 0)[0].tolist() == [[1, 2, 8, 8, 8]]


# Sounds


@needs("transformers")
@pytest.mark.parametrize("bands", [80, 128])
def test_the_front_end_is_that_of_transformers(bands):
    """Shorter sounds end in silence, of longer ones the end is cut off."""
    from transformers import WhisperFeatureExtractor

    theirs = WhisperFeatureExtractor(feature_size=bands, chunk_length=2)
    ours = WhisperMel(bands=bands, seconds=2)
    draw = np.random.default_rng(0)
    for length in (9_000, 32_000, 40_001):
        sound = 0.3 * np.sin(np.arange(length) * 0.07) + 0.1 * draw.random(length)
        whole = np.pad(sound[:32_000], (0, max(32_000 - length, 0)))
        (wanted,) = theirs._np_extract_fbank_features(whole[None], "cpu")
        found = ours(sound)
        assert found.shape == (bands, 200)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6)


def test_the_front_end_by_hand():
    """The lowest band's triangle is at its height where the scale says."""
    mel = WhisperMel(seconds=1)
    assert mel.filters.shape == (80, 201)
    f = np.arange(201) * 40.0
    area = (mel.filters * 40.0).sum(1)
    assert np.abs(area[20:] - 1).max() < 0.1  # of each the area is 1
    assert f[mel.filters[79].argmax()] > 7000
    silent = mel(np.zeros(16_000))
    assert (silent == (np.log10(1e-10) + 4) / 4).all()


def test_melodies_are_what_is_written_down():
    """Of a tone the loudest band tells the pitch."""
    data = melodies(60)
    (mel, target), (wanted,) = data.train.arrays
    assert mel.shape == (40, 12, 40)
    assert (target[:, 0] == BEGIN).all()
    np.testing.assert_array_equal(target[:, 1:], wanted[:, :-1])
    assert (wanted[:, -1] == END).all()
    first = mel[:, :, :4].mean(2).argmax(1)
    bands = [set(first[wanted[:, 0] == p]) for p in range(END)]
    assert all(len(found) == 1 for found in bands)
    assert len(set.union(*bands)) == END


# Checkpoints


def test_checkpoints_there_and_back(workers):
    spec = variant("whisper_mini").spec
    model = workers.get("pytorch", "float64").build(spec)
    model.fill(0)
    own = model.dump()
    model.drop()
    public = checkpoints.to_public("whisper", "huggingface", own)
    assert public["proj_out.weight"] is own["decoder.tokens.weight"]
    assert "model.decoder.layers.0.encoder_attn.k_proj.weight" in public
    assert "model.decoder.layers.0.encoder_attn.k_proj.bias" not in public
    table = {"model.encoder.embed_positions.weight": np.zeros((5, 6))}
    back = checkpoints.from_public("whisper", "huggingface", public | table)
    assert back.keys() == own.keys()
    assert all(np.array_equal(back[name], own[name]) for name in own)
    public["proj_out.weight"] = np.zeros((11, 6))
    with pytest.raises(UsageError, match=r"proj_out.weight is not equal"):
        checkpoints.from_public("whisper", "huggingface", public)
    with pytest.raises(UsageError, match="whisper has no timm form"):
        checkpoints.from_public("whisper", "timm", public)
