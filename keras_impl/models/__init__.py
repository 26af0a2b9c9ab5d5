"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from keras_impl.models.alexnet import AlexNet as AlexNet
from keras_impl.models.alexnet import TwoTowerAlexNet as TwoTowerAlexNet
from keras_impl.models.densenet import DenseNet as DenseNet
from keras_impl.models.gpt import GPT as GPT
from keras_impl.models.lenet import LeNet as LeNet
from keras_impl.models.lenet import LeNet5 as LeNet5
from keras_impl.models.linear import LinearModel as LinearModel
from keras_impl.models.lstm import LSTM as LSTM
from keras_impl.models.mlp import MLP as MLP
from keras_impl.models.mnasnet import MNASNet as MNASNet
from keras_impl.models.regnet import RegNet as RegNet
from keras_impl.models.resnet import ResNet as ResNet
from keras_impl.models.shufflenet import ShuffleNet as ShuffleNet
from keras_impl.models.squeezenet import SqueezeNet as SqueezeNet
from keras_impl.models.vgg import VGG as VGG
