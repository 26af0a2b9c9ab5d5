"""The report: its numbers are the records', its links lead somewhere, it needs no
network, and what a person clicks works."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlparse

import numpy as np
import pytest

from benchmarks import readme, records, report
from benchmarks.report import (
    bars,
    code,
    evidence,
    families,
    gather,
    groups,
    lines,
    ratios,
    site,
    surfaces,
    svg,
    tutorial,
)
from benchmarks.report.evidence import Evidence
from parity_tests.engine import Check
from parity_tests.tests import held, made_records
from shared.catalog import FAMILIES, VARIANTS
from shared.definitions.optimizers import OPTIMIZERS, SGD
from shared.errors import UsageError
from shared.files import checkpoints, sources
from shared.frameworks import NATIVE, PACKAGES, ROOT

TEMPLATES = ROOT / "benchmarks" / "report" / "templates"
FAILED = Check(
    "resnet_tiny",
    "gradients",
    ["pytorch", "keras[jax]", "keras[torch]"],
    "float64",
    None,
    None,
    1e-10,
    False,
    1.0,
    "keras[jax]: it is <broken>",
)
TRACED = {
    "mlp_tiny": gather.Traced(
        "mlp_tiny",
        {"hidden.0.weight": ((5, 4), True), "hidden.0.bias": ((5,), True)},
        {"hidden.0": (5,), "drop": (5,)},
        ((3,),),
    ),
    "resnet_tiny": gather.Traced("resnet_tiny", failed="pytorch died in build"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def made(folder):
    return made_records.write(folder / "made.jsonl")


@pytest.fixture(scope="module")
def paths(made, folder):
    failing = folder / "failing.jsonl"
    failing.write_text(json.dumps(asdict(FAILED)) + "\n")
    return [made, *evidence.committed(), failing]


@pytest.fixture(scope="module")
def found(paths):
    return evidence.read(paths)


@pytest.fixture(scope="module")
def pages(found):
    return site.Site(found, TRACED).render()


@pytest.fixture(scope="module")
def commanded(paths, folder):
    """What `triptych report` writes of the same records."""
    out = folder / "commanded"
    command = [sys.executable, "-m", "triptych", "report", "--out", str(out)]
    given = [word for path in paths for word in ("--records", str(path))]
    done = subprocess.run(
        [*command, *given],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"open {out / 'index.html'}\n"
    return out


@pytest.fixture(scope="module")
def written(pages, folder):
    report._save(folder / "site", pages)
    return folder / "site"


def run_of(found, name):
    return next(o for o in found.comparisons if o.comparison.start.run == name)


def text_of(pages, name):
    return pages[name].decode()


HOSTILE = """\"><img src=x onerror='hurt()'><script>hurt()</script>&{{ 7 * 7 }}../"""
# Words of the schema, which a record cannot have otherwise.
OWN_WORDS = {
    *("kind", "task", "family", "dtype", "device", "framework", "mode", "verdict"),
    *("tier", "frameworks", "image_size", "model"),
}


def hostile(value, key=""):
    """The same with markup behind every word that a record may choose."""
    if isinstance(value, dict):
        names = key in ("seconds", "busy", "versions", "environment")
        return {
            hostile(k) if names else k: hostile(v, key if names else k)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    own = key in OWN_WORDS or not isinstance(value, str) or not value
    return value if own else value + HOSTILE


class Tags(HTMLParser):
    """What a page would do that is not the page's own."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, given):
        source = dict(given).get("src", "")
        own = {"script": source.endswith(".js"), "img": source.startswith("data:")}
        if not own.get(tag, True) or any(name.startswith("on") for name, _ in given):
            self.found.append((tag, given))


@pytest.fixture(scope="module")
def harmed(made, folder):
    """The pages of records that are hostile wherever they may choose a word."""
    lines = made.read_text().splitlines()
    runs = dict.fromkeys(json.loads(line)["run"] for line in lines)
    few = [line for line in lines if json.loads(line)["run"] in list(runs)[:4]]
    path, checks = folder / "hostile.jsonl", folder / "hostile_checks.jsonl"
    path.write_text("".join(json.dumps(hostile(json.loads(x))) + "\n" for x in few))
    failed = {**asdict(FAILED), "model": "resnet_tiny"}
    checks.write_text(json.dumps(hostile(failed)) + "\n")
    return site.Site(evidence.read([path, checks]), TRACED).render()


def told_on(pages):
    """The pages that have a hostile word, as text."""
    said = b"&lt;script&gt;hurt()"
    return [n for n, c in pages.items() if n.endswith(".html") and said in c]


@pytest.mark.thorough
def test_markup_in_a_record_is_text_on_every_page(harmed):
    for name, content in harmed.items():
        assert ".." not in name
        assert re.fullmatch(r"[\w./-]{1,160}", name), name
        if name.endswith(".html"):
            assert Tags(content.decode()).found == [], name
            assert "49../" not in content.decode(), name
    assert len(told_on(harmed)) > 5


def test_a_family_shows_how_similar_sentences_are(pages, found):
    (embedded,) = found.embedded
    text = text_of(pages, "models/bert.html")
    table = text.partition('id="similarities"')[2].partition("</table>")[0]
    for row in embedded.record["similarities"]:
        assert f">{row['one']} and {row['two']}<" in table
        for cosine in row["cosines"].values():
            assert f"<td>{cosine:.4f}</td>" in table
    for sentence in embedded.record["sentences"]:
        assert f"<li>{sentence}</li>" in text
    assert 'href="../records.html#sentences-json"' in text
    assert "is it English?" in text
    assert 'id="similarities"' not in text_of(pages, "models/gpt.html")


def test_a_family_shows_what_its_trained_weights_see(pages, found):
    (predicted,) = found.predicted
    text = text_of(pages, "models/efficientnet.html")
    table = text.partition('id="predicted"')[2].partition("</table>")[0]
    for row in predicted.record["predictions"]:
        assert row["picture"] in table
        for likeliest in row["likeliest"].values():
            for name, share in likeliest:
                assert f"{name}&nbsp;{100 * share:.2f}&nbsp;%" in table
    assert 'href="../records.html#predictions-json"' in text
    assert "efficientnet_lite0.safetensors --model efficientnet_lite0 --from l" in text
    assert "--from timm" in text
    assert 'id="predicted"' not in text_of(pages, "models/resnet.html")


# What a page is made of


class Page(HTMLParser):
    """Ids, links and what is loaded; tags that do not close are an error."""

    EMPTY = {"meta", "link", "input", "br", "img", "hr", "wbr"}

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded, self.open = [], [], [], []
        self.images = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, given):
        attributes = dict(given)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append(attributes["href"])
        if tag in ("link", "script", "img"):
            self.loaded.append(attributes.get("src") or attributes.get("href"))
        if tag == "svg" and attributes.get("role") == "img":
            self.images.append(attributes.get("aria-label"))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, given):
        self.handle_starttag(tag, given)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def parsed(pages):
    return {
        name: Page(content.decode())
        for name, content in pages.items()
        if name.endswith(".html")
    }


def test_there_is_a_page_for_everything(pages, found):
    wanted = [f"models/{name}.html" for name in FAMILIES]
    kinds = {type(optimizer).__name__ for optimizer in OPTIMIZERS.values()}
    wanted += [f"optimizers/{kind.lower()}.html" for kind in kinds]
    wanted += [f"benchmarks/{m.run}.html" for m in made_records.comparisons()]
    assert set(wanted) <= set(pages)
    made = {m.run for m in made_records.comparisons()}
    assert made < {one.comparison.start.run for one in found.comparisons}


def test_every_link_and_anchor_leads_somewhere(pages, parsed):
    checked = 0
    for name, page in parsed.items():
        for link in page.links:
            if urlparse(link).scheme:
                assert link.startswith("https://"), link
                continue
            target = urlparse(urljoin(f"/{name}", link))
            path = unquote(target.path).lstrip("/")
            assert path in pages, f"{name}: {link}"
            if target.fragment:
                assert unquote(target.fragment) in parsed[path].ids, f"{name}: {link}"
            checked += 1
    assert checked > 1000


def test_an_anchor_is_unique_on_its_page(parsed):
    for name, page in parsed.items():
        twice = [one for one, times in Counter(page.ids).items() if times > 1]
        assert twice == [], name


def test_nothing_is_loaded_but_what_lies_beside_the_pages(pages, parsed):
    for name, page in parsed.items():
        for what in page.loaded:
            if not what.startswith("data:"):
                path = urlparse(urljoin(f"/{name}", what)).path.lstrip("/")
                assert path in pages, f"{name}: {what}"
    for name in ("style.css", "site.js"):
        assert "http" not in text_of(pages, name)
        assert "@import" not in text_of(pages, name)


def test_every_picture_tells_itself_to_who_does_not_see_it(parsed):
    told = [said for page in parsed.values() for said in page.images]
    assert len(told) > 100
    assert all(told)


def test_every_page_search_leads_somewhere(pages, parsed):
    script = text_of(pages, "pages.js")
    entries = json.loads(script.removeprefix("window.PAGES = ").rstrip(";\n"))
    for name, _, to in entries:
        path, _, anchor = to.partition("#")
        assert path in parsed, name
        assert not anchor or anchor in parsed[path].ids, to


LAYERS = re.compile(rb'<h2 id="layers">.*?<h2 id="variants">', re.DOTALL)


@pytest.mark.thorough
def test_the_same_records_give_the_same_bytes(pages, commanded):
    """In another process, whose hashes differ; it asked a worker for the layers."""
    there = {
        str(path.relative_to(commanded)): path.read_bytes()
        for path in commanded.rglob("*")
        if path.is_file() and path.name != report.LISTING
    }
    assert set(there) == set(pages)
    for name, content in pages.items():
        if name.startswith("models/"):
            assert LAYERS.sub(b"", there[name]) == LAYERS.sub(b"", content), name
        else:
            assert there[name] == content, name


# The numbers


def test_the_numbers_are_those_of_the_record(found, pages):
    one = run_of(found, "resnet-new")
    text = text_of(pages, "benchmarks/resnet-new.html")
    assert len(one.comparison.end.results) == 7
    for result in one.comparison.end.results:
        low, high = f"{result.low:.2f}", f"{result.high:.2f}"
        span = "" if result.low == result.high else f" [{low}, {high}]"
        assert f"{result.ratio:.2f}{span}" in text
        assert (result.verdict == "reference") == (not span)
        assert f"{result.fraction:.0%}" in text


def test_a_figure_leads_to_the_raw_lines(found, pages, made):
    text = text_of(pages, "records.html")
    start, last = run_of(found, "gpt").lines[0], run_of(found, "gpt").lines[-1]
    lines = made.read_text().splitlines()
    assert json.loads(lines[start - 1])["kind"] == "start"
    assert json.loads(lines[last - 1])["run"] == "gpt"
    assert f"Lines {start} to {last} of the file" in text
    assert pages["records/made.jsonl"] == made.read_bytes()
    assert "records.html#run-gpt" in text_of(pages, "benchmarks/gpt.html")


def marks(picture):
    """Where the marks of a picture are, in order."""
    found = re.findall(r'<(circle|rect|polygon) ([^>]*class="mark[^>]*)>', picture)
    assert found
    return [_place(attributes) for _, attributes in found]


def _place(attributes):
    at = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
    if "cx" in at:
        return float(at["cx"])
    if "points" in at:
        return float(at["points"].split(",")[0])
    return float(at["x"]) + float(at["width"]) / 2


def test_a_forest_puts_marks_where_the_ratios_are(found):
    one = run_of(found, "resnet-new")
    picture = ratios.forest(one).svg
    ratio = [r.ratio for r in one.comparison.end.results]
    assert np.argsort(marks(picture)).tolist() == np.argsort(ratio).tolist()
    (line,) = re.findall(r'<line x1="([\d.]+)"[^>]*class="one"', picture)
    for x, value in zip(marks(picture), ratio, strict=True):
        if abs(math.log(value)) > 0.02:
            assert (x > float(line)) == (value > 1)


def test_a_bar_is_as_long_as_its_value(found):
    one = run_of(found, "gpt")
    picture = bars.throughput(one).svg
    wide = re.findall(r'<rect x="8" y="[\d.]+" width="([\d.]+)"', picture)
    rates = [r.per_second for r in one.comparison.end.results]
    drawn = np.array(wide, float) / float(wide[0])
    assert np.allclose(drawn, np.array(rates) / rates[0], atol=2e-3)


def test_what_is_not_decided_is_hollow(found):
    one = run_of(found, "lstm-noisy")
    undecided = [r for r in one.comparison.end.results if r.verdict == "inconclusive"]
    assert undecided
    assert ratios.forest(one).svg.count("hollow") == len(undecided)


def test_a_framework_is_told_by_its_mark_as_well():
    shapes = {svg.mark(f, 0, 0).split()[0] for f in (*NATIVE, "probe")}
    assert shapes == {"<circle", "<rect", "<polygon"}
    assert svg.mark("jax", 0, 0) != svg.mark("probe", 0, 0).replace("other", "jax")


def test_when_compiling_pays_by_hand():
    """0.1 + 0.01 (n - 1) = 1.1 + 0.005 (n - 1) at n = 201."""

    def contender(mode, first):
        return records.Contender(
            name=mode, framework="jax", mode=mode, first_s=first, second_s=0.1
        )

    eager, compiled = contender("eager", 0.1), contender("compiled", 1.1)
    assert groups.BreakEven(eager, compiled, 0.01, 0.005).steps == pytest.approx(201)
    assert groups.BreakEven(eager, compiled, 0.01, 0.01).steps is None
    assert groups.BreakEven(eager, contender("compiled", 0.05), 0.01, 0.005).steps == 1


def test_break_even_is_of_one_framework_and_maker(found):
    pairs = groups.break_evens(run_of(found, "resnet-new").comparison)
    told = [(p.eager.framework, p.eager.peer, p.compiled.mode) for p in pairs]
    assert told == [("pytorch", "", "compiled"), ("keras", "", "compiled")]
    assert lines.break_even(run_of(found, "gpt-bf16")).svg == ""


def test_what_is_alike_is_seen_together(made):
    found = evidence.read([made])
    (sweep,) = groups.sweeps(found.comparisons)
    assert [one.comparison.setting.batch for one in sweep] == [1, 8, 64, 512]
    (history,) = groups.histories(found.comparisons)
    runs = [one.comparison.start.run for one in history]
    assert runs == ["resnet-old", "resnet-new"]
    latest = {one.comparison.start.run for one in groups.latest(found.comparisons)}
    assert {"resnet-old", "lstm-killed"} & latest == set()
    assert {"resnet-new", "gpt", "gpt-bf16", "gpt-gpu"} <= latest


def test_another_machine_is_another_row(found):
    one = run_of(found, "gpt")
    machine = replace(one.comparison.start.machine, cpu="another")
    start = replace(one.comparison.start, machine=machine, date="2027-01-01")
    other = replace(one, comparison=replace(one.comparison, start=start))
    assert len(groups.latest([one, other])) == 2
    assert len(groups.latest([one, one])) == 1


def test_what_failed_or_did_not_end_is_shown_with_its_reason(pages):
    reason = "RESOURCE_EXHAUSTED: out of &lt;memory&gt; &amp; patience"
    for name in ("benchmarks.html", "benchmarks/gpt-gpu.html", "models/gpt.html"):
        assert reason in text_of(pages, name)
    for name in ("benchmarks.html", "benchmarks/lstm-killed.html"):
        assert "It was not ended; 3 rounds are kept." in text_of(pages, name)
    assert "Noisy: the probe fell" in text_of(pages, "benchmarks/lstm-noisy.html")
    assert "Noisy" not in text_of(pages, "benchmarks/gpt.html")


def test_a_check_that_fails_is_shown_with_its_reason(pages):
    for name in ("index.html", "certificates.html", "models/resnet.html"):
        assert "FAIL" in text_of(pages, name)
    for name in ("certificates.html", "models/resnet.html"):
        assert "it is &lt;broken&gt;" in text_of(pages, name)
    holding = len(readme.committed()[0])
    assert f"{holding} of {holding + 1}" in text_of(pages, "index.html")


def test_where_a_certificate_is_from_is_a_sentence():
    shown = site.Site(evidence.read(report.committed()), {}).render()
    for name in ("index.html", "certificates.html"):
        (said,) = re.findall(r"<p class=.soft.>From (<a.*?)</p>", text_of(shown, name))
        assert re.search(r"</a>, \d{4}-\d\d-\d\d, revision \w+, system Linux", said)
        assert "{" not in said


def test_without_results_it_says_which_of_two_reasons(found):
    killed = run_of(found, "lstm-killed").comparison
    assert groups.why_none(killed) == "It was not ended; 3 rounds are kept."
    one = run_of(found, "gpt-gpu").comparison
    alone = [c for c in one.start.contenders if c.failed]
    start = replace(one.start, contenders=alone)
    none = replace(one, start=start, end=replace(one.end, results=[]))
    assert groups.why_none(none).startswith("No contender has a result. jax compiled:")


@pytest.mark.thorough
def test_without_records_it_says_so_and_draws_nothing():
    empty = site.Site(Evidence()).render()
    said = text_of(empty, "benchmarks.html")
    assert "There are no records of a comparison" in said
    assert "<svg class=" not in said
    assert 'class="plot"' not in said
    index = text_of(empty, "index.html")
    assert "no records of a comparison yet" in index
    assert "No certificate was given" in index
    model = text_of(empty, "models/resnet.html")
    assert "no finished comparison of this family" in model
    assert 'class="plot"' not in model
    for name, content in empty.items():
        if name.endswith(".html"):
            Page(content.decode())


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0, 10, False, [0, 2, 4, 6, 8, 10]),
        (0, 0.37, False, [0, 0.1, 0.2, 0.3]),
        (0.5, 2, True, [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2]),
        (1, 1000, True, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]),
        (1, 1e8, True, [1, 100, 1e4, 1e6, 1e8]),
    ],
)
def test_ticks(low, high, log, ticks):
    assert svg.Scale(low, high, 0, 100, log).ticks() == pytest.approx(ticks)


def test_a_logarithmic_scale():
    scale = svg.Scale(0.1, 10, 0, 100, log=True)
    assert [scale(v) for v in (0.1, 1, 10)] == pytest.approx([0, 50, 100])


# The sources


def test_the_panels_are_the_whole_sources(pages):
    for family in FAMILIES:
        text = text_of(pages, f"models/{family}.html")
        for part in sources.aligned(family):
            for source in filter(None, part.sources):
                assert code.coloured(source, "../") in text
    assert "differences.html#bn-momentum" in text_of(pages, "models/resnet.html")


def test_differences_that_a_family_meets_in_its_layers(pages):
    resnet, mlp = (text_of(pages, f"models/{n}.html") for n in ("resnet", "mlp"))
    assert '"../differences.html#pool-padding"' in resnet
    assert '"../differences.html#pool-padding"' not in mlp
    guide = text_of(pages, "differences.html")
    tags = re.findall(r'<article class="entry" id="([\w-]+)"', guide)
    said = {
        tag
        for package in set(PACKAGES.values())
        for path in (ROOT / package).rglob("*.py")
        for tag in code.tags(path.read_text())
    }
    assert said <= set(tags)
    assert "<code>test_bn_var</code>" in guide


def test_a_tree_counts_what_is_below():
    top = gather.tree(
        gather.Traced(
            "any",
            {
                "a.0.weight": ((2, 3), True),
                "a.0.mean": ((2,), False),
                "a.1.bias": ((4,), True),
                "last": ((5,), True),
            },
            {"a.0": (2,), "a.0.relu": (2,), "a.1": (4,)},
        )
    )
    (a,) = top.below
    assert (top.parameters, a.parameters, a.shape) == (15, 10, None)
    assert [(n.path, n.parameters, n.shape) for n in a.below] == [
        ("a.0", 6, (2,)),
        ("a.1", 4, (4,)),
    ]
    assert [n.path for n in a.below[0].below] == ["a.0.relu"]


def test_a_tree_has_a_layer_once_however_often_it_was_called():
    traced = gather.Traced(
        "any", {"a.weight": ((2, 3), True)}, {"a": (2,), "act": (2,), "a#2": (4,)}
    )
    found = [(n.path, n.shape, n.calls) for n in gather.tree(traced).below]
    assert found == [("a", (2,), 2), ("act", (2,), 1)]


def test_what_could_not_be_traced_says_why(pages):
    assert "pytorch died in build" in text_of(pages, "models/resnet.html")
    assert "weight&nbsp;5\N{MULTIPLICATION SIGN}4" in text_of(pages, "models/mlp.html")


# Optimizers


@pytest.mark.parametrize("surface", surfaces.SURFACES, ids=lambda s: s.name)
def test_the_slope_is_that_of_the_surface(surface):
    for x, y in ((-1.2, 1.0), (0.3, -0.4), (0.9, 0.2)):
        h = 1e-6
        along = surface.value(x + h, y) - surface.value(x - h, y)
        across = surface.value(x, y + h) - surface.value(x, y - h)
        numeric = along / (2 * h), across / (2 * h)
        assert surface.slope(x, y) == pytest.approx(numeric, rel=1e-6, abs=1e-6)
    for best in surface.best:
        assert surface.slope(*best) == pytest.approx((0, 0))


def test_a_path_is_that_of_the_definition():
    surface = surfaces.SURFACES[0]
    points = surfaces.follow(SGD(lr=1e-3), surface, 5)
    x, y = surface.start
    for point in points[1:]:
        dx, dy = surface.slope(x, y)
        x, y = x - 1e-3 * dx, y - 1e-3 * dy
        assert point == pytest.approx((x, y), rel=1e-12)


def test_an_optimizer_has_its_sources_and_its_built_ins(pages):
    text = text_of(pages, "optimizers/schedulefreeadamw.html")
    for word in ("ScheduleFreeAdamWState", "schedule_free_adamw", "optax"):
        assert word in text
    assert "eps beside the root" in text_of(pages, "optimizers/adam.html")
    assert "at most 1.1" in text_of(pages, "optimizers/adamw.html")
    assert "no record of its speed" in text_of(pages, "optimizers/adagrad.html")
    assert "../benchmarks/adamw.html" in text_of(pages, "optimizers/adamw.html")
    assert "../benchmarks/adamw.html" not in text_of(pages, "optimizers/adam.html")


# Files


def test_only_what_an_earlier_report_left_is_removed(tmp_path):
    out = tmp_path / "site"
    report._save(out, {"index.html": b"a", "benchmarks/old.html": b"b"})
    (out / "mine.txt").write_text("mine")
    report._save(out, {"index.html": b"c"})
    assert not (out / "benchmarks" / "old.html").exists()
    assert (out / "mine.txt").read_text() == "mine"
    assert (out / "index.html").read_bytes() == b"c"


def test_a_list_of_files_does_not_lead_out_of_the_folder(tmp_path):
    out, other = tmp_path / "site", tmp_path / "other.txt"
    other.write_text("kept")
    report._save(out, {"index.html": b"a"})
    (out / report.LISTING).write_text(f"../other.txt\n{other}\n")
    report._save(out, {"index.html": b"a"})
    assert other.read_text() == "kept"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"kind":"lap"}\n', "no line of a benchmark"),
        ('{"schema":9,"kind":"start"}\n', "schema 9, this version reads 1"),
        ("not at all\n", "is no JSON"),
        ('{"checks":[{"model":"a"}]}', "no checks of parity"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path, content, said):
    path = tmp_path / "given.jsonl"
    path.write_text(content)
    with pytest.raises(UsageError, match=said):
        evidence.read([path])


def test_two_records_of_one_name_are_refused(tmp_path, made):
    other = tmp_path / made.name
    other.write_text("")
    with pytest.raises(UsageError, match="names of their own"):
        evidence.read([made, other])


def test_certificates_by_line_are_read_too(tmp_path):
    path = tmp_path / "parity.jsonl"
    path.write_text(json.dumps(FAILED.__dict__) + "\n" + json.dumps(FAILED.__dict__))
    assert len(evidence.read([path]).checks) == 1


# Colours


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one, other):
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(number):
    sheet = (TEMPLATES / "style.css").read_text()
    block = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[number]
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    texts = ("ink", "soft", "link", "good", "bad", "warn", "key", "text", "note")
    for name in (*texts, "name", "number", "pytorch", "keras", "jax"):
        for ground in ("paper", "panel", "tint"):
            assert _contrast(named[name], named[ground]) >= 4.5, (name, ground)
    for kind in ("good", "bad", "warn"):
        assert _contrast(named[kind], named[f"{kind}-tint"]) >= 4.5
    for name in ("ink", "soft"):
        assert _contrast(named[name], named["good-tint"]) >= 4.5


# What needs the frameworks


def test_trees_are_of_the_whole_models(commanded):
    """As the catalog counts them; a large one is built and not run."""
    for family in FAMILIES:
        page = (commanded / "models" / f"{family}.html").read_text()
        small, large = gather.smallest(family), tutorial.first_variant(family)
        for model in (small, large):
            told = page.partition(f'<section data-tab="{model}">')[2]
            told = told.partition("</section>")[0]
            assert f"<p>{VARIANTS[model].parameters:,} parameters." in told, model
            assert ("as they came out of a run" in told) == (model == small)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_public_form_is_on_its_family_s_page(family):
    shown = dict(families.family(family, {}, pictures=False).public)
    assert set(shown) == set(checkpoints.sources(family))
    assert set(shown.values()) <= set(FAMILIES[family].VARIANTS)


def form(given):
    """Tells lessons apart that are not one text with other numbers and names."""
    given = asdict(given)
    said = (given["below"], given["classes"], given["outputs"] > 1)
    return (*map(bool, said), given["predicted"] > 1)


# Of every form the smallest model, in all frameworks.
LESSONS = {}
for family in FAMILIES:
    small = gather.smallest(family)
    small = "linear_tiny_softmax" if family == "linear" else small  # as the page's own
    given = tutorial.lesson(small, VARIANTS[small].spec, batch=4)
    # A family of several inputs has none (tutorial.lesson).
    if given and (
        form(given) not in LESSONS
        or VARIANTS[small].parameters < VARIANTS[LESSONS[form(given)]].parameters
    ):
        LESSONS[form(given)] = small


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize(
    "small", held.sampled(LESSONS.values(), ("linear_tiny_softmax", "textcnn_tiny"))
)
def test_a_lesson_runs(workers, small, framework, tmp_path):
    given = tutorial.lesson(small, VARIANTS[small].spec, batch=4)
    text = tutorial.texts(given)[framework]
    module = f"lesson_{small}"
    runs = "\n".join(f"    {line}" for line in text.splitlines())
    place = f"    import os\n    os.chdir({str(tmp_path)!r})\n"
    (tmp_path / f"{module}.py").write_text(
        f"def run():\n{place}{runs}\n    return predicted.shape\n"
    )
    worker = workers.get(framework, "float32")
    shape = worker.ask(f"{module}:run", paths=(str(tmp_path),))
    (first, *_) = VARIANTS[small].spec.outputs(False)
    assert tuple(shape) == (4, *first.shape)
    assert (tmp_path / "mine.safetensors").exists()


# In a browser


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip(
            "the pages were not opened: chromium or chromedriver is not installed "
            "(Debian: apt install chromium chromium-driver)"
        )
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
    ):
        options.add_argument(f"--{switch}")
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options=options, service=service) as running:
        yield running


@pytest.fixture
def visit(browser, written):
    from selenium.webdriver.support.ui import WebDriverWait

    def go(page, width=1280, **media):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": k.replace("_", "-"), "value": v} for k, v in media.items()]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        name, _, anchor = page.partition("#")
        browser.get((written / name).as_uri() + (f"#{anchor}" if anchor else ""))
        # A new page may be laid out in the window's own size at first.
        WebDriverWait(browser, 5, 0.01).until(
            lambda _: browser.execute_script("return innerWidth") == width
        )
        return browser

    return go


def every(browser, css, what="textContent"):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e[arguments[1]])",
        css,
        what,
    )


def shown(browser, css):
    """The texts of those that are seen."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter(e => e.getClientRects().length).map(e => e.textContent.trim())",
        css,
    )


@pytest.fixture(scope="module")
def opened(pages, parsed):
    """The pages of the root, and of each folder the six with the most in them: what is
    made by one template differs by what is put into it."""
    folders = {}
    for name in parsed:
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    fullest = {
        folder: sorted(names, key=lambda name: -len(pages[name]))
        for folder, names in folders.items()
    }
    return [n for f, names in fullest.items() for n in names[: 6 if f else None]]


def test_pages_open_without_an_error_or_a_request(visit, opened):
    assert {name.rpartition("/")[0] for name in opened} == {
        "",
        "models",
        "optimizers",
        "benchmarks",
    }
    for name in opened:
        browser = visit(name, width=390)
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= 390, f"{name} scrolls sideways on a phone"
        assert browser.get_log("browser") == [], name
        assert cut(browser) == [], name
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            address = message["params"]["request"]["url"]
            assert address.startswith(("file:", "data:")), address


def test_markup_in_a_record_does_nothing_in_a_browser(browser, harmed, folder):
    """Its words are shown, also where a script writes them; none of them runs."""
    report._save(folder / "harmed", harmed)
    script = {"source": "window.hurts = 0; window.hurt = () => { window.hurts += 1; }"}
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    for name in told_on(harmed):
        browser.get_log("browser")
        browser.get((folder / "harmed" / name).as_uri())
        for box in browser.find_elements("css selector", "input[type=search]"):
            if box.is_displayed():
                box.send_keys("hurt")
        assert browser.execute_script("return window.hurts") == 0, name
        assert browser.get_log("browser") == [], name
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def cut(browser):
    """What is cut at a side and does not say so: no faded edge, no name, or not to be
    reached by keyboard."""
    return browser.execute_async_script(
        """
        const done = arguments[0];
        // After the layout come the observers of sizes.
        requestAnimationFrame(() => setTimeout(() => done(
          [...document.querySelectorAll("main *, nav.main")]
            .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
            .filter((e) => /auto|scroll|hidden/.test(getComputedStyle(e).overflowX))
            .filter((e) => !e.matches("input, .sr"))
            .filter((e) => !e.matches(".more-left, .more-right")
              || (e.tagName !== "NAV" && (e.tabIndex !== 0 || !e.ariaLabel)))
            .map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`)
        )));
        """
    )


def resize(browser, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


SOURCES = (
    "index.html",
    "porting.html",
    "models/resnet.html",
    "models/gpt.html",
    "optimizers/adam.html",
)


@pytest.mark.parametrize("page", [*SOURCES, "benchmarks.html", "optimizers.html"])
def test_what_is_cut_at_a_side_says_so(visit, page):
    browser = visit(page)
    for width in (1280, 1400, 1920):
        resize(browser, width)
        assert cut(browser) == [], width
        long = "return [...document.querySelectorAll('.code pre')]"
        long += ".filter((e) => e.scrollWidth > e.clientWidth).length"
        assert browser.execute_script(long) == 0, width


def test_lines_that_are_not_wrapped_fade_at_the_edge_and_scroll(visit):
    browser = visit("models/resnet.html")
    assert every(browser, "pre.more-right") == []
    browser.find_element("css selector", ".wrapping input").click()
    assert cut(browser) == []
    (first, *_) = browser.find_elements("css selector", "pre.more-right")
    assert "class" not in first.get_attribute("aria-label")
    assert first.get_attribute("role") == "region"
    browser.execute_script("arguments[0].focus()", first)
    assert browser.switch_to.active_element == first
    browser.execute_script("arguments[0].scrollLeft = 9999", first)
    assert cut(browser) == []
    assert first.get_attribute("class") == "more-left"


def test_a_wrapped_line_hangs_below_where_it_began(visit):
    """Of a line of two rows the second is further in, and both in the column."""
    browser = visit("models/resnet.html")
    starts = browser.execute_script(
        """
        return [...document.querySelectorAll("#sources ~ .wide .l")].map((line) => {
          const range = document.createRange();
          range.selectNodeContents(line);
          const rows = [...range.getClientRects()].filter((r) => r.width > 1);
          const tops = [...new Set(rows.map((r) => Math.round(r.top)))];
          const text = line.textContent;
          const own = text.length - text.trimStart().length;
          const left = line.getBoundingClientRect().left;
          return [tops.length, own, rows.filter((r) => r.top > rows[0].top + 9)
            .map((r) => r.left - left)[0]];
        }).filter(([rows]) => rows > 1)
        """
    )
    assert len(starts) > 20
    for _, own, left in starts:
        assert left == pytest.approx((own + 2) * 7.22, abs=2)


def test_the_search_of_differences_stands_clear_of_the_first_heading(visit):
    browser = visit("differences.html")
    for width in (390, 1280, 1920):
        resize(browser, width)
        gap = browser.execute_script(
            "return document.querySelector('.chapter h2').getBoundingClientRect().top"
            " - document.querySelector('#search').getBoundingClientRect().bottom"
        )
        assert gap >= 16, width


def test_the_index_leads_with_the_choice_and_its_rows_lead_on(visit):
    browser = visit("index.html")
    assert shown(browser, "h2")[0] == "Choosing a framework"
    link = browser.find_element("css selector", "#choices tbody th a")
    key = link.get_attribute("href").partition("#")[2]
    browser.execute_script("arguments[0].click()", link)
    (rows,) = browser.find_elements("css selector", f"details#{key}[open]")
    assert rows.is_displayed()
    resize(browser, 390)
    assert cut(browser) == []
    assert rows.find_elements("css selector", ".more-right")
    assert shown(browser, "h2")[0] == "Choosing a framework"


def test_a_table_sorts_by_a_button_of_the_heading(visit):
    browser = visit("models.html")
    button = "#variants thead th:nth-child(3) button"
    column = "#variants tbody td:nth-child(3)"
    for _ in range(2):
        browser.execute_script(f"document.querySelector('{button}').focus()")
        browser.switch_to.active_element.send_keys("\n")
        counts = [int(text.replace(",", "")) for text in every(browser, column)]
        (way,) = [s for s in every(browser, "#variants th", "ariaSort") if s]
        assert counts == sorted(counts, reverse=way == "descending")
        assert len(counts) == len(VARIANTS)
    assert way == "descending"


def test_seconds_sort_by_their_length_not_their_text(visit):
    browser = visit("benchmarks.html")
    heads = every(browser, "#contenders thead th")
    place = heads.index("first call") + 1
    browser.execute_script(
        f"document.querySelector('#contenders th:nth-child({place}) button').click()"
    )
    said = every(browser, f"#contenders tbody td:nth-child({place})")
    ran = [text.split() for text in said if text != "not recorded"]
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    lasted = [float(number) * units[unit] for number, unit in ran]
    assert len(set(lasted)) > 5
    assert lasted == sorted(lasted)


def test_a_table_filters(visit):
    browser = visit("models.html")
    field = browser.find_element("css selector", "[data-filter=variants]")
    field.send_keys("resnet torchvision")
    names = shown(browser, "#variants tbody th")
    assert "resnet18" in names
    assert "vgg16" not in names
    assert shown(browser, ".filter output") == [f"{len(names)} of {len(VARIANTS)}"]
    field.clear()
    field.send_keys(" ")
    assert len(shown(browser, "#variants tbody th")) == len(VARIANTS)


def test_tabs_by_keyboard(visit):
    browser = visit("models/lenet.html")
    tabs = "#lesson ~ .tabs [role=tab]"
    browser.execute_script(f"document.querySelector('{tabs}').focus()")
    assert shown(browser, "#lesson ~ .tabs .who") == ["PyTorch"]
    browser.switch_to.active_element.send_keys("\ue014")  # the arrow to the right
    assert shown(browser, "#lesson ~ .tabs .who") == ["Keras"]
    browser.switch_to.active_element.send_keys("\ue011")  # home
    assert shown(browser, "#lesson ~ .tabs .who") == ["PyTorch"]
    assert every(browser, tabs, "ariaSelected") == ["true", "false", "false"]


def test_one_panel_or_three(visit):
    wide = visit("models/resnet.html")
    assert set(shown(wide, "#sources ~ .wide .who")) == {"PyTorch", "Keras", "JAX"}
    narrow = visit("models/resnet.html", width=390)
    assert set(shown(narrow, "#sources ~ .wide .who")) == {"PyTorch"}
    narrow.execute_script("document.querySelectorAll('.choose button')[3].click()")
    assert set(shown(narrow, "#sources ~ .wide .who")) == {"JAX"}


def test_the_guide_is_searched(visit):
    browser = visit("differences.html")
    field = browser.find_element("css selector", "#search")
    field.send_keys("unbiased variance")
    assert shown(browser, ".entry h3") == ["bn-var"]
    assert shown(browser, ".chapter > h2") == ["Batch norm"]


def test_a_link_opens_what_it_leads_into(visit):
    browser = visit("models/resnet.html#layer-Conv2D", prefers_reduced_motion="reduce")
    assert "class Conv2D" in "".join(shown(browser, "#layer-Conv2D pre"))
    place = "return document.getElementById('layer-Conv2D').getBoundingClientRect().top"
    assert 0 <= browser.execute_script(place) < 900


def test_a_page_is_found_by_its_name(visit):
    browser = visit("benchmarks/gpt.html")
    browser.find_element("css selector", "body").send_keys("/")
    browser.switch_to.active_element.send_keys("schedulefree")
    assert shown(browser, ".find li a")[0].startswith("ScheduleFreeAdamW")
    browser.switch_to.active_element.send_keys("\n")
    assert browser.title == "ScheduleFreeAdamW - Triptych"


def test_light_and_dark(visit):
    grounds = [
        visit("index.html", prefers_color_scheme=scheme).execute_script(
            "return getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert grounds == ["rgb(251, 250, 247)", "rgb(18, 19, 22)"]
