"""README's table and picture are those of the committed record."""

import json
import re

from benchmarks import readme, records, self_test, speed
from shared.catalog import FAMILIES
from shared.frameworks import NATIVE

CHECKS, TIMINGS = readme.committed()


def test_the_table_is_generated():
    text = readme.README.read_text()
    found = records.read(readme.CPU)
    assert readme.fill(text, CHECKS, found) == text
    assert readme.certificate(CHECKS) in text
    assert readme.throughput(found) in text


def test_the_picture_is_generated():
    assert readme.picture(TIMINGS) == readme.PICTURE.read_text()


def test_the_record_holds():
    assert all(check.passed for check in CHECKS)
    assert TIMINGS
    assert not any(c.failed for timing in TIMINGS for c in timing.start.contenders)


def test_a_family_has_been_timed_or_is_said_not_to_be():
    timed = {"inference": set(), "training": set()}
    for found in records.read(readme.ALL):
        results = found.end.results if found.end else []
        ran = {result.contender.partition("/")[0] for result in results}
        if ran == set(NATIVE):
            timed[found.setting.task].add(found.setting.family)
    missing = [f for f in FAMILIES if f not in timed["inference"] & timed["training"]]
    said = re.search(r"Not timed yet: (.*?)\.", flat(readme.README.read_text()))
    assert (said[1].split(", ") if said else []) == missing


def test_the_page_of_speed_is_generated_and_every_distance_explained():
    cpu, peers = records.read(speed.CPU), records.read(speed.PEERS)
    assert speed.page(cpu, peers) == speed.PAGE.read_text()
    assert set(speed.explanations()) == speed.beyond(cpu, peers)
    assert "NOT EXPLAINED" not in speed.PAGE.read_text()


def test_what_the_benchmark_notices_is_recorded():
    record = json.loads(self_test.RECORD.read_text())
    same, slower = (
        self_test.right(record[part], planted)
        for part, planted in (("same", 0.0), ("slower", self_test.PLANTED))
    )
    text = flat(readme.README.read_text())
    assert f"inconclusive in {same} of 100, slower in {slower} of 100" in text
    assert min(same, slower) >= 100 * self_test.WANTED
    assert len(record["same"]) == len(record["slower"]) == 100


def test_the_faults_are_those_of_the_last_thorough_run():
    said = json.loads(readme.FAULTS.read_text())
    assert said["cases"] >= 50_000
    assert said["cases"] == sum(target["cases"] for target in said["targets"])
    assert said["read"] + said["refused"] == said["cases"]
    assert said["broken"] == 0
    assert f"{said['cases']:,} damaged or odd inputs" in flat(readme.README.read_text())


def test_the_mutants_are_those_of_their_page():
    told = re.search(r"caught in (\d+) of (\d+)", flat(readme.README.read_text()))
    page = flat((readme.README.parent / "docs" / "mutants.md").read_text())
    assert told
    assert f"{told[1]} of {told[2]} mutants caught" in page
    assert f"the other {int(told[2]) - int(told[1])}" in flat(readme.README.read_text())


def flat(text):
    return " ".join(text.split())
