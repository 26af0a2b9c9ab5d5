"""The pages: what is shown, put into templates. Evidence in, text by file name out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from benchmarks.report import (
    bars,
    choosing,
    code,
    families,
    groups,
    lines,
    names,
    optimizers,
    prose,
    ratios,
    raw,
    recipes,
    samples,
    svg,
    tables,
)
from benchmarks.report.advice import Advice, advise
from benchmarks.report.evidence import Evidence, Predicted, Recorded
from benchmarks.report.families import Family
from benchmarks.report.figures import Figure
from benchmarks.report.gather import Traced
from benchmarks.report.groups import framework_name, model_name
from parity_tests import oracles, tolerances
from shared import VERSION, porting
from shared.catalog import FAMILIES, VARIANTS, family_of
from shared.definitions.optimizers import OPTIMIZERS
from shared.frameworks import NATIVE, ORACLE, ROOT
from shared.porting.base import KINDS

MENU = (
    ("Overview", "index.html"),
    ("Models", "models.html"),
    ("Optimizers", "optimizers.html"),
    ("Benchmarks", "benchmarks.html"),
    ("Differences", "differences.html"),
    ("Porting", "porting.html"),
    ("Testing", "testing.html"),
    ("Certificates", "certificates.html"),
    ("Records", "records.html"),
)
FOLDER = ROOT / "benchmarks" / "report" / "templates"

# A definition that shows at a glance what the suite is: a family and a name.
EXAMPLE = ("gpt", "Block")
# The pictures of one comparison.
OF_ONE = (
    ratios.forest,
    bars.throughput,
    bars.compute,
    lines.noise,
    bars.cold_start,
    lines.break_even,
    bars.memory,
)


@dataclass
class Site:
    evidence: Evidence
    traced: Mapping[str, Traced] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)

    def render(self) -> dict[str, bytes]:
        self._index()
        self._models()
        self._optimizers()
        self._benchmarks()
        self._certificates()
        self._differences()
        self._porting()
        self._testing()
        self._records()
        for name in ("style.css", "site.js"):
            self.pages[name] = (FOLDER / name).read_bytes()
        compared = [
            (groups.title(one.comparison.setting), self.page_of(one))
            for one in self.evidence.comparisons
        ]
        listed = names.listed(MENU, self.families, compared)
        self.pages["pages.js"] = listed.encode()
        return self.pages

    @cached_property
    def _environment(self) -> Any:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals |= {
            "menu": MENU,
            "version": VERSION,
            "native": NATIVE,
            "columns": (*NATIVE, ORACLE),
            "framework_name": framework_name,
            "colour": svg.colour,
            "mark": _mark,
            "cell": _cell,
        }
        return environment

    def _page(self, name: str, template: str, section: str = "", **shown: Any) -> None:
        root = "../" if "/" in name else ""
        text = self._environment.get_template(template).render(
            root=root, here=name, section=section, **shown
        )
        self.pages[name] = text.encode()

    # What several pages show

    @cached_property
    def families(self) -> list[Family]:
        return [families.family(name, self.traced) for name in FAMILIES]

    @cached_property
    def cards(self) -> list[dict[str, Any]]:
        return [_card(family, self.evidence) for family in self.families]

    @cached_property
    def slugs(self) -> dict[str, str]:
        """A file's name for each run, told apart where two would be equal."""
        found: dict[str, str] = {}
        for one in self.evidence.comparisons:
            run = one.comparison.start.run
            base = slug = prose.slug(run)[:100] or "run"
            number = 2
            while slug in found.values():
                slug, number = f"{base}-{number}", number + 1
            found[run] = slug
        return found

    def page_of(self, one: Recorded) -> str:
        return f"benchmarks/{self.slugs[one.comparison.start.run]}.html"

    def record_of(self, one: Recorded) -> str:
        return f"records.html#run-{self.slugs[one.comparison.start.run]}"

    @cached_property
    def latest(self) -> list[Recorded]:
        return groups.latest(self.evidence.comparisons)

    @cached_property
    def matrix(self) -> list[dict[str, Any]]:
        return [tables.overview_row(one, self.page_of(one)) for one in self.latest]

    @cached_property
    def advised(self) -> list[Advice]:
        return advise(self.evidence.comparisons)

    @cached_property
    def choices(self) -> list[dict[str, Any]]:
        return [choosing.row(one) for one in self.advised]

    def _of(self, found: Sequence[Recorded], figure: Figure, key: str = "") -> Figure:
        """Give a figure its records; where a page has several of a kind, none has
        the anchor."""
        records = [(self._called(one), self.record_of(one)) for one in found]
        return replace(figure, key=key, records=tuple(records))

    def _seen(self, one: Advice) -> Figure:
        found = [run.recorded for run in one.runs]
        return self._of(found, choosing.figure(one))

    def _called(self, one: Recorded) -> str:
        start = one.comparison.start
        title = groups.title(start.setting)
        return f"{title}, {start.date[:10]}, {start.revision[:10]}"

    def _problems(self, found: Iterable[Recorded]) -> list[tuple[Any, str]]:
        return [
            ((groups.title(one.comparison.setting), said), self.page_of(one))
            for one, said in groups.problems(list(found))
        ]

    def _certificate(self, models: Iterable[str] | None = None) -> dict[str, Any]:
        checks = self.evidence.checks
        if models is not None:
            chosen = set(models)
            checks = [check for check in checks if check.model in chosen]
        return {
            "rows": tables.certificate(checks),
            "tiers": tables.tiers(checks),
            "failures": [check for check in checks if not check.passed],
        }

    def _certificates_of(self) -> list[dict[str, Any]]:
        """Say where certificates are from, and when and on what, as far as that is
        told."""
        kept = {path.name for path in self.evidence.files}
        return [
            {
                "source": one.source,
                "slug": prose.slug(one.source) if one.source in kept else "",
                "about": [_told(*item) for item in one.about.items()],
            }
            for one in self.evidence.certificates
        ]

    # The pages

    def _index(self) -> None:
        self._page(
            "index.html",
            "index.html",
            facts=tables.facts(self.evidence),
            example=families.example(*EXAMPLE),
            certificates=self._certificates_of(),
            choices=self.choices,
            machines=tables.machines(self.evidence.comparisons),
            families=self.cards,
            **self._certificate(),
        )

    def _models(self) -> None:
        titles = {family.name: family.title for family in self.families}
        variants = [
            {
                "name": name,
                "family": family_of(found.spec),
                "title": titles[family_of(found.spec)],
                "parameters": found.parameters,
                "source": found.source,
                "tiny": found.tiny,
            }
            for name, found in VARIANTS.items()
        ]
        self._page("models.html", "models.html", families=self.cards, variants=variants)
        for family in self.families:
            self._model(family)

    def _model(self, family: Family) -> None:
        mine = [
            one
            for one in self.evidence.comparisons
            if one.comparison.setting.family == family.name
        ]
        self._page(
            f"models/{family.name}.html",
            "model.html",
            "models.html",
            family=family,
            timings=[self._timing(one) for one in groups.latest(mine)],
            problems=self._problems(mine),
            oracles=oracles.recorded().get(family.name, []),
            predicted=_said(self.evidence.predicted, family),
            embedded=_said(self.evidence.embedded, family),
            trained=_said(self.evidence.trained, family),
            **self._certificate(shown.name for shown in family.variants),
        )

    def _timing(self, one: Recorded) -> dict[str, Any]:
        start = one.comparison.start
        machine = start.machine.accelerator or start.machine.cpu
        head, rows = tables.brief(one.comparison)
        return {
            "page": self.page_of(one),
            "title": groups.title(one.comparison.setting),
            "about": f"{machine}; {start.date[:10]}, revision {start.revision[:12]}",
            "figures": [self._of([one], plot(one)) for plot in OF_ONE[:2]],
            "head": head,
            "rows": rows,
        }

    def _optimizers(self) -> None:
        rows, speeds = optimizers.built_ins(), self.evidence.speeds
        kinds = [optimizers.kind(name, speeds, rows) for name in optimizers.kinds()]
        cards = [
            {"key": k.key, "name": k.name, "short": optimizers.paper(k.name)}
            for k in kinds
        ]
        self._page(
            "optimizers.html",
            "optimizers.html",
            kinds=cards,
            presets=len(OPTIMIZERS),
            builtins=rows,
            speeds=[figure for kind in kinds for figure in kind.speeds],
        )
        for kind in kinds:
            self._page(
                f"optimizers/{kind.key}.html",
                "optimizer.html",
                "optimizers.html",
                kind=kind,
                builtins=kind.builtins,
                compared=self._updates({preset.name for preset in kind.presets}),
            )

    def _updates(self, presets: set[str]) -> list[dict[str, Any]]:
        """Give the latest comparisons of these presets' updates."""
        mine = [
            one
            for one in self.latest
            if one.comparison.setting.task == "optimizer"
            and one.comparison.setting.model in presets
        ]
        return [self._timing(one) for one in mine]

    def _benchmarks(self) -> None:
        compared = self.evidence.comparisons
        pages = {one.comparison.start.run: self.page_of(one) for one in compared}
        newest = {one.comparison.start.run for one in self.latest}
        older = [
            one
            for one in groups.by_date(groups.finished(compared))
            if one.comparison.start.run not in newest
        ]
        self._page(
            "benchmarks.html",
            "benchmarks.html",
            choices=self.choices,
            behind=[choosing.behind(one, pages) for one in self.advised],
            matrix=self.matrix,
            everyone=tables.everyone(self.latest),
            older=[self._listed(one) for one in older],
            problems=self._problems(compared),
            self_tests=self.evidence.self_tests,
            overview=[self._seen(one) for one in self.advised],
            sweeps=[self._of(g, lines.sweep(g)) for g in groups.sweeps(compared)],
            histories=[
                self._of(g, lines.history(g)) for g in groups.histories(compared)
            ],
        )
        for one in compared:
            self._benchmark(one)

    def _listed(self, one: Recorded) -> dict[str, str]:
        start = one.comparison.start
        return {
            "page": self.page_of(one),
            "title": groups.title(start.setting),
            "date": start.date[:10],
            "revision": start.revision[:12],
        }

    def _benchmark(self, one: Recorded) -> None:
        comparison, setting = one.comparison, one.comparison.setting
        head, rows = tables.contenders(comparison)
        known = setting.family in FAMILIES
        self._page(
            self.page_of(one),
            "benchmark.html",
            "benchmarks.html",
            title=groups.title(setting),
            model=model_name(setting),
            condition=groups.condition(setting),
            start=comparison.start,
            end=comparison.end,
            why=groups.why_none(comparison),
            failed=[c for c in comparison.start.contenders if c.failed],
            figures=[self._of([one], f, f.key) for f in (p(one) for p in OF_ONE)],
            head=head,
            rows=rows,
            setting=tables.setting(comparison),
            record=self.record_of(one),
            page=f"models/{setting.family}.html" if known else "",
        )

    def _certificates(self) -> None:
        checks = self.evidence.checks
        said, mutants = prose.mutants()
        self._page(
            "certificates.html",
            "certificates.html",
            checks=checks,
            held=sum(check.passed for check in checks),
            models=len({check.model for check in checks}),
            certificates=self._certificates_of(),
            tier_table=tables.TIERS,
            tolerances=tables.tolerances(tolerances),
            mutants_said=said,
            mutants=mutants,
            **self._certificate(),
        )

    def _differences(self) -> None:
        intro, chapters = prose.differences()
        met: dict[str, list[tuple[str, str]]] = {}
        for family in self.families:
            for one in family.below:
                met.setdefault(one.tag, []).append((family.name, family.title))
        keys = [entry.key for chapter in chapters for entry in chapter.entries]
        self._page(
            "differences.html",
            "differences.html",
            intro=intro,
            chapters=chapters,
            met={key: met.get(key, []) for key in keys},
        )

    def _porting(self) -> None:
        kinds = [
            (kind, [(one, _sources(one)) for one in porting.of_kind(kind)])
            for kind in KINDS
        ]
        self._page("porting.html", "porting.html", kinds=kinds)

    def _testing(self) -> None:
        models = [recipes.part(file) for file in recipes.MODELS]
        every = recipes.recipes()
        self._page("testing.html", "testing.html", recipes=every, models=models)

    def _records(self) -> None:
        for path in self.evidence.files:
            self.pages[f"records/{path.name}"] = path.read_bytes()
        files = raw.files(self.evidence, self.slugs, self.page_of)
        self._page("records.html", "records.html", files=files)


def _sources(entry: porting.Entry) -> list[str]:
    """Show the code of the three, as HTML."""
    return [code.coloured("\n".join(form.lines)) for form in entry.forms.values()]


def _mark(framework: str) -> Any:
    from markupsafe import Markup

    return Markup(svg.mark(framework, 0, 0, "", 6))


def _cell(said: str | dict[str, Any]) -> Any:
    """What a program gave or was asked: a text, or a picture."""
    from markupsafe import Markup, escape

    if isinstance(said, str):
        return escape(said)
    return Markup(samples.strip(said["width"], said["levels"]))


def _said(found: Iterable[Predicted], family: Family) -> list[dict[str, Any]]:
    """What the family's models with trained weights say, and where its record is."""
    return [
        {"record": one.record, "at": f"records.html#{prose.slug(one.source)}"}
        for one in found
        if one.family == family.name
    ]


def _card(family: Family, evidence: Evidence) -> dict[str, Any]:
    names = {shown.name for shown in family.variants}
    largest = max(shown.variant.parameters for shown in family.variants)
    large = [s.variant.parameters for s in family.variants if not s.variant.tiny]
    mine = [check for check in evidence.checks if check.model in names]
    return {
        "name": family.name,
        "title": family.title,
        "variants": family.variants,
        "large": tables.span(min(large or [largest]), largest),
        "worst": tables.worst(mine),
    }


def _told(key: str, value: Any) -> str:
    """What a certificate says of its making, as it is read in a sentence."""
    if key == "date":
        return str(value)[:10]
    if isinstance(value, dict):
        parts = {name.replace("_", " "): part for name, part in value.items() if part}
        return ", ".join(f"{name} {part}" for name, part in parts.items())
    return f"{key} {value}"
