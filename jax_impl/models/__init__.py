"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from jax_impl.models.gpt import GPT as GPT
from jax_impl.models.resnet import ResNet as ResNet
