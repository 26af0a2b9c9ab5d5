"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from pytorch_impl.models.alexnet import AlexNet as AlexNet
from pytorch_impl.models.alexnet import TwoTowerAlexNet as TwoTowerAlexNet
from pytorch_impl.models.convnext import ConvNeXt as ConvNeXt
from pytorch_impl.models.googlenet import GoogLeNet as GoogLeNet
from pytorch_impl.models.googlenet import PlainGoogLeNet as PlainGoogLeNet
from pytorch_impl.models.gpt import GPT as GPT
from pytorch_impl.models.inception import InceptionResNetV2 as InceptionResNetV2
from pytorch_impl.models.inception import InceptionV3 as InceptionV3
from pytorch_impl.models.inception import InceptionV4 as InceptionV4
from pytorch_impl.models.lenet import LeNet as LeNet
from pytorch_impl.models.lenet import LeNet5 as LeNet5
from pytorch_impl.models.linear import LinearModel as LinearModel
from pytorch_impl.models.lstm import LSTM as LSTM
from pytorch_impl.models.mlp import MLP as MLP
from pytorch_impl.models.mobilenet import MobileNetV1 as MobileNetV1
from pytorch_impl.models.mobilenet_v2 import MobileNetV2 as MobileNetV2
from pytorch_impl.models.mobilenet_v3 import MobileNetV3 as MobileNetV3
from pytorch_impl.models.resnet import ResNet as ResNet
from pytorch_impl.models.vgg import VGG as VGG
from pytorch_impl.models.vit import ViT as ViT
from pytorch_impl.models.xception import Xception as Xception
