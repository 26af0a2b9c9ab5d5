"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from pytorch_impl.models.lstm import LSTM as LSTM
from pytorch_impl.models.resnet import ResNet as ResNet
