"""What the specs of all networks that see noise share: a picture and a time go in, what
was mixed into the picture comes out, and step by step noise becomes a picture.

Settled here for all of them:
  pictures  between -1 and 1, which is where a sampler clips what it believes in, by
            `limit`; of what lies elsewhere, such as another network's code, it is None
  sample    by DDPM, every time once; sample_ddim by DDIM without noise of its own, at
            `ddim_steps` times. What is drawn is an input
  classes   a network that knows them has a row for each, and one for none of them,
            which takes the label's place as often as `forgets` in training (Ho,
            Salimans 2022, https://arxiv.org/abs/2207.12598, algorithm 1). A sample is
            guided by what is said with the label and without, by equation 6's weight
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.definitions.diffusion import DDIM, DDPM, LinearNoise, Noising, Times
from shared.fields import Checked, NonNegative, Positive, Rate, Side, Size
from shared.objectives.base import Objective
from shared.objectives.diffusion import Diffusion, Said
from shared.specs.base import Program, Spec, Tensor, image
from shared.tensors import NORMAL, UNIFORM


@dataclass(frozen=True, kw_only=True)
class Denoising(Checked):
    """How noise is put in and taken out. says: what comes out of the network, as in
    Diffusion. ddim_steps: times that DDIM stops at."""

    noising: Noising = field(default_factory=LinearNoise)
    says: Said = "noise"
    ddim_steps: Size = 50
    limit: Positive | None = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ddim_steps > self.noising.steps:
            allowed = f"at most the {self.noising.steps} steps that there are"
            self.refuse("ddim_steps", self.ddim_steps, allowed)


@dataclass(frozen=True, kw_only=True)
class Guidance(Checked):
    """weight: w; 0 asks for the label and no more."""

    classes: Size
    weight: NonNegative = 1.0
    forgets: Rate = 0.1


@dataclass(frozen=True, kw_only=True)
class DenoiserSpec(Spec):
    """A network that sees noise in square pictures."""

    channels: Size
    image_size: Side
    denoising: Denoising = field(default_factory=Denoising)

    @property
    def noising(self) -> Noising:
        return self.denoising.noising

    @property
    def says(self) -> Said:
        return self.denoising.says

    @property
    def ddim_steps(self) -> int:
        return self.denoising.ddim_steps

    @property
    def image(self) -> Tensor:
        return image(self.channels, self.image_size, self.image_size)

    @property
    def label(self) -> tuple[Tensor, ...]:
        """The class that is asked for, where the network knows any."""
        return ()

    def inputs(self) -> tuple[Tensor, ...]:
        time = Tensor("time", (), below=self.noising.steps, drawn=UNIFORM)
        return (self.image, *self.label, time)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (replace(self.image, name=self.says),)

    def programs(self) -> Mapping[str, Program]:
        noise = replace(self.image, name="noise", drawn=NORMAL)
        shape = (self.noising.steps, *self.image.shape)
        normals = Tensor("normals", shape, drawn=NORMAL)
        few, every = (*self.label, noise), (*self.label, noise, normals)
        return {
            "sample": Program("sample", every, (self.image,)),
            "sample_ddim": Program("sample_ddim", few, (self.image,)),
        }

    def objective(self) -> Objective:
        return Diffusion(noising=self.noising, says=self.says)

    @property
    def ddpm(self) -> DDPM:
        return DDPM(limit=self.denoising.limit)

    @property
    def ddim(self) -> DDIM:
        return DDIM(limit=self.denoising.limit)

    @property
    def every(self) -> Times:
        """The times of DDPM."""
        return Times(number=self.noising.steps)

    @property
    def few(self) -> Times:
        """The times of DDIM."""
        return Times(number=self.ddim_steps)


@dataclass(frozen=True, kw_only=True)
class GuidedSpec(DenoiserSpec):
    """A network that is told a class, too."""

    guided: Guidance

    @property
    def classes(self) -> int:
        return self.guided.classes

    @property
    def guidance(self) -> float:
        return self.guided.weight

    @property
    def label(self) -> tuple[Tensor, ...]:
        return (Tensor("label", (), below=self.classes),)

    @property
    def labels(self) -> int:
        """Rows of the table of classes: the last is of none."""
        return self.classes + 1

    def objective(self) -> Objective:
        own = Diffusion(noising=self.noising, says=self.says)
        return replace(own, forgets=self.guided.forgets, nothing=self.classes)
