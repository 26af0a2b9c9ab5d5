"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from pytorch_impl.models.alexnet import AlexNet as AlexNet
from pytorch_impl.models.alexnet import TwoTowerAlexNet as TwoTowerAlexNet
from pytorch_impl.models.densenet import DenseNet as DenseNet
from pytorch_impl.models.gpt import GPT as GPT
from pytorch_impl.models.lenet import LeNet as LeNet
from pytorch_impl.models.lenet import LeNet5 as LeNet5
from pytorch_impl.models.linear import LinearModel as LinearModel
from pytorch_impl.models.lstm import LSTM as LSTM
from pytorch_impl.models.mlp import MLP as MLP
from pytorch_impl.models.mnasnet import MNASNet as MNASNet
from pytorch_impl.models.regnet import RegNet as RegNet
from pytorch_impl.models.resnet import ResNet as ResNet
from pytorch_impl.models.shufflenet import ShuffleNet as ShuffleNet
from pytorch_impl.models.squeezenet import SqueezeNet as SqueezeNet
from pytorch_impl.models.vgg import VGG as VGG
