"""Preprocessing against torchvision's: on Pillow's pictures bit for bit, on tensors,
where torchvision computes by itself, to a level or two; and what is drawn, by law."""

import inspect

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from parity_tests.tests.test_originals import needs
from shared.data import augment, pictures, transforms
from shared.data.augment import CutMix, MixUp, RandAugment, Step
from shared.errors import UsageError
from shared.randomness import generator

HERE = "parity_tests.tests.originals_of_transforms"
torchvision = needs("torchvision")
COLOR, GRAY, TALL = (37, 52, 3), (40, 33, 1), (61, 24, 3)


def pixels(shape, smooth=True):
    """Noise, or what looks more like a picture: bits that differ far, and slopes."""
    rows, columns, channels = shape
    draw = generator("pixels", shape)
    y, x, c = np.ogrid[:rows, :columns, :channels]
    waves = 127 + 90 * np.sin(x / 7 + c) * np.cos(y / 5 - c)
    noise = draw.integers(-30, 31, shape) if smooth else draw.integers(-200, 200, shape)
    return np.clip(waves + noise, 0, 255).astype(np.uint8)


def picture(values):
    return Image.fromarray(values.squeeze())


def array(image):
    return np.atleast_3d(np.asarray(image))


def levels(a, b):
    assert a.shape == b.shape
    return abs(a.astype(int) - b.astype(int))


@pytest.fixture
def ask(workers):
    worker = workers.get("pytorch", "float32")

    def call(name, *arguments):
        return worker.ask(f"{HERE}:{name}", *arguments)

    return call


# torchvision's name and arguments, ours; how far from its own tensors at the worst.
# None: a picture alone can do it, or torchvision's tensors mean something else.
EXACT, ROUNDED = 0, 1
CASES = [
    *(
        (
            "resize",
            {"size": torch_size, "interpolation": mode},
            {"size": size, "interpolation": mode},
            ROUNDED if mode != "nearest" else None,
        )
        for mode in ("nearest", "bilinear", "bicubic")
        for torch_size, size in (
            ([19], 19),
            ([81], 81),
            ([20, 31], (20, 31)),
            ([90, 70], (90, 70)),
        )
    ),
    ("center_crop", {"output_size": [21, 20]}, {"size": (21, 20)}, EXACT),
    ("center_crop", {"output_size": [44, 21]}, {"size": (44, 21)}, EXACT),
    ("center_crop", {"output_size": [70, 71]}, {"size": (70, 71)}, EXACT),
    ("crop", *[{"top": 3, "left": 5, "height": 20, "width": 17}] * 2, EXACT),
    ("crop", *[{"top": -3, "left": 15, "height": 50, "width": 60}] * 2, EXACT),
    *(
        (
            "pad",
            {"padding": [1, 2, 3, 4], "fill": 9, "padding_mode": mode},
            {"sides": (1, 2, 3, 4), "fill": 9, "border": mode},
            EXACT,
        )
        for mode in ("constant", "edge", "reflect", "symmetric")
    ),
    (
        "resized_crop",
        {"top": 2, "left": 3, "height": 21, "width": 19, "size": [12, 30]},
        {"top": 2, "left": 3, "height": 21, "width": 19, "size": (12, 30)},
        ROUNDED,
    ),
    ("hflip", {}, {}, EXACT),
    ("vflip", {}, {}, EXACT),
    *(
        (
            "rotate",
            *[{"angle": angle, "interpolation": mode, "expand": expand}] * 2,
            None,
        )
        for angle in (0.0, 12.5, 90.0, -200.0)
        for mode in ("nearest", "bilinear", "bicubic")
        for expand in (False, True)
    ),
    ("rotate", {"angle": 30, "fill": [77]}, {"angle": 30, "fill": 77}, None),
    ("to_grayscale", {"num_output_channels": 1}, {"channels": 1}, ROUNDED),
    ("to_grayscale", {"num_output_channels": 3}, {"channels": 3}, ROUNDED),
    *(
        (f"adjust_{what}", {f"{what}_factor": f}, {"factor": f}, bound)
        for what, bound in (("brightness", 1), ("contrast", 2), ("saturation", 2))
        for f in (0.0, 0.3, 1.0, 1.7)
    ),
    *(
        ("adjust_hue", {"hue_factor": f}, {"turn": f}, None)
        for f in (-0.5, -0.21, 0.0, 0.1, 0.5)
    ),
]
OURS = {
    "hflip": "horizontal_flip",
    "vflip": "vertical_flip",
    "to_grayscale": "grayscale",
}


@torchvision
@pytest.mark.parametrize("shape", [COLOR, GRAY, TALL])
@pytest.mark.parametrize(("name", "theirs", "ours", "bound"), CASES)
def test_a_function_is_torchvisions(name, theirs, ours, bound, shape, ask):
    values = pixels(shape)
    function = getattr(pictures, OURS.get(name, name))
    own = array(function(picture(values), **ours))
    found = ask("apply", "pictures", name, values, theirs)
    np.testing.assert_array_equal(own, found)
    if bound is not None and not (name == "adjust_saturation" and shape == GRAY):
        alone = ask("apply", "tensors", name, values, theirs)
        assert levels(own, alone).max() <= bound


@torchvision
@pytest.mark.parametrize("shape", [COLOR, GRAY])
def test_tensors_and_normalisation_are_torchvisions(shape, ask):
    values = pixels(shape)
    mean, std = (0.485, 0.456, 0.406)[: shape[2]], (0.229, 0.224, 0.225)[: shape[2]]
    raw, scaled = ask("as_tensor", values, list(mean), list(std))
    own = pictures.to_tensor(picture(values))
    assert (own.dtype, own.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(own, raw)
    np.testing.assert_array_equal(pictures.normalize(own, mean, std), scaled)


@torchvision
def test_operations_are_those_of_torchvision_in_its_order(ask):
    own = {name: bool(reach and reach[1]) for name, reach in augment.OPERATIONS.items()}
    theirs = ask("operations")
    assert list(own.items()) == list(theirs.items())


@torchvision
@pytest.mark.parametrize("name", augment.OPERATIONS)
def test_an_operation_is_torchvisions(name, ask):
    signed = augment.OPERATIONS[name] and augment.OPERATIONS[name][1]
    for shape in (COLOR, GRAY):
        values = pixels(shape, smooth=False)
        for index in (0, 1, 9, 10, 17, 30):
            for sign in (1, -1) if signed else (1,):
                own = augment.apply(picture(values), Step(name, sign * index / 30))
                found = ask("operate", "pictures", name, values, index, sign)
                # torchvision rounds a factor to float32, Pillow then to a whole level.
                blends = name in ("Brightness", "Color", "Contrast", "Sharpness")
                assert levels(array(own), found).max() <= blends, (index, sign)


@torchvision
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_mixup_is_torchvisions(share, ask):
    draw = generator("mixup")
    images = draw.random((4, 3, 5, 6), np.float32)
    labels = np.array([2, 0, 1, 2])
    x, y = ask("mixed", images, labels, 3, share)
    np.testing.assert_allclose(augment.blend(images, share), x, atol=1e-7)
    own = augment.blend(augment.one_hot(labels, 3), share)
    np.testing.assert_allclose(own, y, atol=1e-7)


@torchvision
@pytest.mark.parametrize("share", [0.0, 0.3, 0.71, 1.0])
@pytest.mark.parametrize("middle", [(0, 0), (4, 9), (8, 3)])
def test_cutmix_is_torchvisions(share, middle, ask):
    draw = generator("cutmix")
    images = draw.random((4, 3, 9, 11), np.float32)
    labels = np.array([2, 0, 1, 2])
    x, y = ask("cut", images, labels, 3, share, *middle)
    own, kept = augment.paste(images, augment.box(9, 11, share, *middle))
    np.testing.assert_array_equal(own, x)
    mixed = augment.blend(augment.one_hot(labels, 3), kept)
    np.testing.assert_allclose(mixed, y, atol=1e-7)


# What is drawn: as often the same as torchvision draws it. By a test of two samples
# that would call one in a hundred thousand different that are not.

DRAWN = [
    (
        "RandomCrop",
        {"output_size": (30, 20)},
        transforms.RandomCrop(size=(30, 20)),
        "place",
        (50, 70),
    ),
    *(
        (
            "RandomResizedCrop",
            {"scale": scale, "ratio": ratio},
            transforms.RandomResizedCrop(size=8, scale=scale, ratio=ratio),
            "place",
            size,
        )
        for scale, ratio, size in (
            ((0.08, 1.0), (3 / 4, 4 / 3), (50, 70)),
            ((0.5, 1.0), (0.9, 1.1), (20, 90)),
            ((0.9, 1.0), (2.0, 3.0), (90, 20)),
            ((0.9, 1.0), (0.5, 0.9), (20, 61)),
        )
    ),
    (
        "RandomRotation",
        {"degrees": [-20.0, 70.0]},
        transforms.RandomRotation(degrees=(-20.0, 70.0)),
        "angle",
        (),
    ),
]
NUMBER = 1500


def alike(own, theirs):
    assert own.shape == theirs.shape
    for one, two in zip(own.T, theirs.T, strict=True):
        assert stats.ks_2samp(one, two).pvalue > 1e-5
        assert one.min() >= two.min() - 0.02 * np.ptp(two)
        assert one.max() <= two.max() + 0.02 * np.ptp(two)


@torchvision
@pytest.mark.parametrize(("name", "theirs", "ours", "method", "size"), DRAWN)
def test_draws_have_torchvisions_law(name, theirs, ours, method, size, ask):
    draws = [getattr(ours, method)(*size, generator("law", i)) for i in range(NUMBER)]
    own = np.array(draws, float).reshape(NUMBER, -1)
    alike(own, ask("drawn", name, theirs, size or (9, 9), NUMBER))


@torchvision
def test_jitter_has_torchvisions_law(ask):
    strength = {"brightness": 0.4, "contrast": 1.5, "saturation": 0.2, "hue": 0.3}
    jitter = transforms.ColorJitter(**strength)
    found = [jitter.factors(generator("jitter", i)) for i in range(NUMBER)]
    names = list(strength)
    order = [[names.index(name) for name in one] for one in found]
    factors = [[one[name] for name in names] for one in found]
    theirs = ask("drawn", "ColorJitter", strength, (9, 9), NUMBER)
    alike(np.hstack([order, factors]), theirs)
    assert min(one["contrast"] for one in found) >= 0


def test_jitter_leaves_alone_what_is_zero():
    assert transforms.ColorJitter(hue=0.1).factors(generator(0)).keys() == {"hue"}


def test_rand_augment_draws_every_operation_as_often_and_both_signs():
    augmenter = RandAugment(operations=3, magnitude=10, bins=31)
    steps = [s for i in range(1000) for s in augmenter.steps(generator("steps", i))]
    assert len(steps) == 3000
    names = [step.name for step in steps]
    counts = [names.count(name) for name in augment.OPERATIONS]
    assert stats.chisquare(counts).pvalue > 1e-5
    assert {s.strength for s in steps if s.name == "Rotate"} == {1 / 3, -1 / 3}
    assert {s.strength for s in steps if s.name == "Solarize"} == {1 / 3}
    assert {s.strength for s in steps if s.name == "Equalize"} == {0.0}
    negative = sum(s.strength < 0 for s in steps)
    signed = sum(
        bool(augment.OPERATIONS[n] and augment.OPERATIONS[n][1]) for n in names
    )
    assert stats.binomtest(negative, signed).pvalue > 1e-5


def test_shares_are_of_the_beta_distribution():
    for alpha in (0.2, 1.0):
        mixing = MixUp(classes=3, alpha=alpha)
        shares = [mixing.share(generator("share", i)) for i in range(NUMBER)]
        assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-5


@pytest.mark.parametrize("kind", [MixUp, CutMix])
def test_a_mixed_batch_keeps_the_sum_of_its_labels(kind):
    images = generator("batch").random((6, 3, 8, 10), np.float32)
    labels = np.array([0, 1, 2, 3, 0, 1])
    mixing = kind(classes=4)
    x, y = mixing(images, labels, generator("mix"))
    again, _ = mixing(images, labels, generator("mix"))
    np.testing.assert_array_equal(x, again)
    assert (x.shape, x.dtype, y.dtype) == (images.shape, images.dtype, np.float32)
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(y.sum(0), [2, 2, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(x.sum(0), images.sum(0), rtol=1e-5)
    assert abs(x - images).max() > 0.1
    soft, twice = mixing(images, y, generator("mix")), mixing(x, y, generator("mix"))
    np.testing.assert_array_equal(soft[1], twice[1])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([0, 3]), "a label is not in 0 to 2"),
        (np.array([0, -1]), "a label is not in 0 to 2"),
        (np.zeros((2, 4)), r"labels float64 \(2, 4\); allowed: whole numbers"),
        (np.zeros(2), "allowed: whole numbers"),
    ],
)
def test_labels_that_cannot_be_are_refused(labels, said):
    with pytest.raises(UsageError, match=said):
        augment.one_hot(labels, 3)


# The whole of it


def everything():
    t = transforms
    return t.Compose(
        transforms=(
            t.RandomResizedCrop(size=(24, 30)),
            t.RandomHorizontalFlip(),
            t.RandomVerticalFlip(p=0.3),
            t.RandomRotation(degrees=(-10.0, 10.0), interpolation="bilinear"),
            t.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
            RandAugment(),
            t.Resize(size=28, interpolation="bicubic"),
            t.RandomCrop(size=26, padding=2, border="reflect"),
            t.Grayscale(channels=3),
            t.CenterCrop(size=(22, 20)),
            t.ToTensor(),
            t.IMAGENET,
        )
    )


def test_a_row_of_transforms_depends_on_its_generator_alone():
    image, chain = picture(pixels(COLOR)), everything()
    one, same, other = (chain(image, generator("augment", i)) for i in (0, 0, 1))
    assert (one.shape, one.dtype) == ((3, 22, 20), np.float32)
    np.testing.assert_array_equal(one, same)
    assert abs(one - other).max() > 0.1
    np.testing.assert_array_equal(array(image), pixels(COLOR))  # left as it was


def test_flips_are_as_likely_as_asked():
    image = picture(pixels((2, 2, 1)))
    for kind in (transforms.RandomHorizontalFlip, transforms.RandomVerticalFlip):
        flip = kind(p=0.3)
        flipped = sum(
            flip(image, generator("flip", i)) is not image for i in range(1000)
        )
        assert stats.binomtest(flipped, 1000, 0.3).pvalue > 1e-5
        assert kind(p=0.0)(image, generator(0)) is image
        assert kind(p=1.0)(image, generator(0)) is not image


def test_evaluation_takes_the_middle():
    image = picture(pixels((300, 400, 3)))
    x = transforms.evaluation((224, 224), transforms.IMAGENET)(image)
    middle = pictures.center_crop(pictures.resize(image, 256), (224, 224))
    np.testing.assert_array_equal(x, transforms.IMAGENET(pictures.to_tensor(middle)))
    small = transforms.evaluation((28, 28), None)(image)
    middle = pictures.center_crop(pictures.resize(image, 28), (28, 28))
    np.testing.assert_array_equal(small, pictures.to_tensor(middle))
    assert transforms.evaluation((32, 70), None)(image).shape == (3, 32, 70)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda t: t.Resize(size=0), "Resize.size is 0; allowed: a whole number"),
        (lambda t: t.Resize(size=9, interpolation="box"), "allowed: one of 'nearest'"),
        (lambda t: t.RandomCrop(size=9, fill=256), "whole number from 0 to 255"),
        (lambda t: t.RandomCrop(size=9, padding=-1), "padding is -1"),
        (lambda t: t.RandomResizedCrop(size=9, scale=(1.0, 0.5)), "the smaller first"),
        (lambda t: t.RandomHorizontalFlip(p=1.1), "a number from 0 to 1"),
        (lambda t: t.ColorJitter(hue=0.6), "a number from 0 to 0.5"),
        (lambda t: t.Normalize(mean=(0.0,), std=(0.0,)), "a number above 0"),
        (lambda t: t.Compose(transforms=(3,)), "each a Transform"),
        (lambda t: RandAugment(magnitude=31), "a number below 31 bins"),
        (lambda t: MixUp(classes=3, alpha=0.0), "a number above 0"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(UsageError, match=said):
        make(transforms)


def test_what_does_not_fit_is_told():
    image = picture(pixels((8, 9, 3)))
    with pytest.raises(UsageError, match="at most the picture's, 8 x 9"):
        transforms.RandomCrop(size=(8, 10))(image, generator(0))
    with pytest.raises(UsageError, match="RandomCrop draws: give it a generator"):
        transforms.RandomCrop(size=4)(image)
    with pytest.raises(UsageError, match="3 channels, 1 means and 1 deviations"):
        transforms.Normalize(mean=(0.5,), std=(0.5,))(pictures.to_tensor(image))


# Files


def test_a_file_is_read_upright(tmp_path):
    image = picture(pixels(COLOR))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees with the clock
    image.save(tmp_path / "turned.png", exif=exif)
    image.save(tmp_path / "plain.png")
    plain, turned = (pictures.read(tmp_path / f"{n}.png") for n in ("plain", "turned"))
    np.testing.assert_array_equal(array(plain), pixels(COLOR))
    np.testing.assert_array_equal(array(turned), np.rot90(pixels(COLOR), -1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_becomes_grey_or_colour(mode, tmp_path):
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    picture(pixels(COLOR)).convert(mode).save(path)
    assert pictures.read(path).mode == "RGB"
    assert pictures.read(path, 1).mode == "L"
    assert pictures.read(path, 1).size == (52, 37)


def test_what_is_no_picture_is_named(tmp_path):
    path = tmp_path / "x.png"
    picture(pixels(COLOR)).save(path)
    whole = path.read_bytes()
    for content in (b"", b"no picture", whole[: len(whole) // 2], whole[:40]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"x\.png: not a readable picture"):
            pictures.read(path)
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(path)
    with pytest.raises(UsageError, match="more than 8 bits a channel"):
        pictures.read(path)
    with pytest.raises(UsageError, match="not a readable picture"):
        pictures.read(tmp_path / "gone.png")


def test_pillow_is_imported_where_it_is_needed_alone():
    for module in (pictures, transforms, augment):
        lines = inspect.getsource(module).splitlines()
        assert not [
            line for line in lines if line.startswith(("from PIL", "import PIL"))
        ]
