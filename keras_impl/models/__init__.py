"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from keras_impl.models.gpt import GPT as GPT
from keras_impl.models.resnet import ResNet as ResNet
