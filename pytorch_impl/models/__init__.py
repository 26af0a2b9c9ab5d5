"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from pytorch_impl.models.alexnet import AlexNet as AlexNet
from pytorch_impl.models.alexnet import TwoTowerAlexNet as TwoTowerAlexNet
from pytorch_impl.models.lenet import LeNet as LeNet
from pytorch_impl.models.lenet import LeNet5 as LeNet5
from pytorch_impl.models.linear import LinearModel as LinearModel
from pytorch_impl.models.mlp import MLP as MLP
from pytorch_impl.models.resnet import ResNet as ResNet
