"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from keras_impl.models.alexnet import AlexNet as AlexNet
from keras_impl.models.alexnet import TwoTowerAlexNet as TwoTowerAlexNet
from keras_impl.models.convnext import ConvNeXt as ConvNeXt
from keras_impl.models.googlenet import GoogLeNet as GoogLeNet
from keras_impl.models.googlenet import PlainGoogLeNet as PlainGoogLeNet
from keras_impl.models.gpt import GPT as GPT
from keras_impl.models.inception import InceptionResNetV2 as InceptionResNetV2
from keras_impl.models.inception import InceptionV3 as InceptionV3
from keras_impl.models.inception import InceptionV4 as InceptionV4
from keras_impl.models.lenet import LeNet as LeNet
from keras_impl.models.lenet import LeNet5 as LeNet5
from keras_impl.models.linear import LinearModel as LinearModel
from keras_impl.models.lstm import LSTM as LSTM
from keras_impl.models.mlp import MLP as MLP
from keras_impl.models.mobilenet import MobileNetV1 as MobileNetV1
from keras_impl.models.mobilenet_v2 import MobileNetV2 as MobileNetV2
from keras_impl.models.mobilenet_v3 import MobileNetV3 as MobileNetV3
from keras_impl.models.resnet import ResNet as ResNet
from keras_impl.models.vgg import VGG as VGG
from keras_impl.models.vit import ViT as ViT
from keras_impl.models.xception import Xception as Xception
