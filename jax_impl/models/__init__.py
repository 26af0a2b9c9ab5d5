"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from jax_impl.models.alexnet import AlexNet as AlexNet
from jax_impl.models.alexnet import TwoTowerAlexNet as TwoTowerAlexNet
from jax_impl.models.densenet import DenseNet as DenseNet
from jax_impl.models.gpt import GPT as GPT
from jax_impl.models.lenet import LeNet as LeNet
from jax_impl.models.lenet import LeNet5 as LeNet5
from jax_impl.models.linear import LinearModel as LinearModel
from jax_impl.models.lstm import LSTM as LSTM
from jax_impl.models.mlp import MLP as MLP
from jax_impl.models.mnasnet import MNASNet as MNASNet
from jax_impl.models.regnet import RegNet as RegNet
from jax_impl.models.resnet import ResNet as ResNet
from jax_impl.models.shufflenet import ShuffleNet as ShuffleNet
from jax_impl.models.squeezenet import SqueezeNet as SqueezeNet
from jax_impl.models.vgg import VGG as VGG
