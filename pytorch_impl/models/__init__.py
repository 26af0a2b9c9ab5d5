"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from pytorch_impl.models.classic.linear import LinearModel as LinearModel
from pytorch_impl.models.classic.mlp import MLP as MLP
from pytorch_impl.models.generative.autoencoder import Autoencoder as Autoencoder
from pytorch_impl.models.generative.autoencoder import (
    ConvAutoencoder as ConvAutoencoder,
)
from pytorch_impl.models.generative.cvae import ConditionalVAE as ConditionalVAE
from pytorch_impl.models.generative.ddpm import Diffusion as Diffusion
from pytorch_impl.models.generative.ddpm import GuidedDiffusion as GuidedDiffusion
from pytorch_impl.models.generative.dit import DiT as DiT
from pytorch_impl.models.generative.flow import RealNVP as RealNVP
from pytorch_impl.models.generative.flow import RectifiedFlow as RectifiedFlow
from pytorch_impl.models.generative.gan import DCGAN as DCGAN
from pytorch_impl.models.generative.gan import GAN as GAN
from pytorch_impl.models.generative.pix2pix import Pix2Pix as Pix2Pix
from pytorch_impl.models.generative.vae import VAE as VAE
from pytorch_impl.models.generative.vae import ConvVAE as ConvVAE
from pytorch_impl.models.generative.vqvae import VQVAE as VQVAE
from pytorch_impl.models.graph.gcn import GCN as GCN
from pytorch_impl.models.graph.gcn import PooledGCN as PooledGCN
from pytorch_impl.models.language.albert import Albert as Albert
from pytorch_impl.models.language.albert import AlbertForMaskedLM as AlbertForMaskedLM
from pytorch_impl.models.language.bert import Bert as Bert
from pytorch_impl.models.language.bert import BertForMaskedLM as BertForMaskedLM
from pytorch_impl.models.language.bert import (
    BertForQuestionAnswering as BertForQuestionAnswering,
)
from pytorch_impl.models.language.bert import (
    BertForSequenceClassification as BertForSequenceClassification,
)
from pytorch_impl.models.language.bert import (
    BertForTokenClassification as BertForTokenClassification,
)
from pytorch_impl.models.language.gpt import GPT as GPT
from pytorch_impl.models.language.lamda import LaMDA as LaMDA
from pytorch_impl.models.language.llama import Llama as Llama
from pytorch_impl.models.language.mamba import Mamba as Mamba
from pytorch_impl.models.language.moe import MoE as MoE
from pytorch_impl.models.language.t5 import T5 as T5
from pytorch_impl.models.language.textcnn import TextCNN as TextCNN
from pytorch_impl.models.language.transformer import Transformer as Transformer
from pytorch_impl.models.language.whisper import Whisper as Whisper
from pytorch_impl.models.language.word2vec import GloVe as GloVe
from pytorch_impl.models.language.word2vec import Word2Vec as Word2Vec
from pytorch_impl.models.sequence.cnn1d import CNN1D as CNN1D
from pytorch_impl.models.sequence.lstm import LSTM as LSTM
from pytorch_impl.models.sequence.rnn import RNN as RNN
from pytorch_impl.models.sequence.rnn import RNNPredictor as RNNPredictor
from pytorch_impl.models.sequence.silero_vad import SileroVAD as SileroVAD
from pytorch_impl.models.sequence.tcn import TCN as TCN
from pytorch_impl.models.sequence.wavenet import WaveNet as WaveNet
from pytorch_impl.models.vision.alexnet import AlexNet as AlexNet
from pytorch_impl.models.vision.alexnet import TwoTowerAlexNet as TwoTowerAlexNet
from pytorch_impl.models.vision.capsule import Capsule as Capsule
from pytorch_impl.models.vision.convnext import ConvNeXt as ConvNeXt
from pytorch_impl.models.vision.densenet import DenseNet as DenseNet
from pytorch_impl.models.vision.efficientnet import EfficientNet as EfficientNet
from pytorch_impl.models.vision.fcn import FCN as FCN
from pytorch_impl.models.vision.fcn import LRASPP as LRASPP
from pytorch_impl.models.vision.fcn import DeepLabV3 as DeepLabV3
from pytorch_impl.models.vision.googlenet import GoogLeNet as GoogLeNet
from pytorch_impl.models.vision.googlenet import PlainGoogLeNet as PlainGoogLeNet
from pytorch_impl.models.vision.inception import InceptionV3 as InceptionV3
from pytorch_impl.models.vision.inception_v4 import (
    InceptionResNetV2 as InceptionResNetV2,
)
from pytorch_impl.models.vision.inception_v4 import InceptionV4 as InceptionV4
from pytorch_impl.models.vision.lenet import LeNet as LeNet
from pytorch_impl.models.vision.lenet import LeNet5 as LeNet5
from pytorch_impl.models.vision.mlp_mixer import MLPMixer as MLPMixer
from pytorch_impl.models.vision.mnasnet import MNASNet as MNASNet
from pytorch_impl.models.vision.mobilenet import MobileNetV1 as MobileNetV1
from pytorch_impl.models.vision.mobilenet_v2 import MobileNetV2 as MobileNetV2
from pytorch_impl.models.vision.mobilenet_v3 import MobileNetV3 as MobileNetV3
from pytorch_impl.models.vision.regnet import RegNet as RegNet
from pytorch_impl.models.vision.resnet import ResNet as ResNet
from pytorch_impl.models.vision.retinanet import RetinaNet as RetinaNet
from pytorch_impl.models.vision.shufflenet import ShuffleNet as ShuffleNet
from pytorch_impl.models.vision.siamese import OneShot as OneShot
from pytorch_impl.models.vision.siamese import Siamese as Siamese
from pytorch_impl.models.vision.simple_cnn import SimpleCNN as SimpleCNN
from pytorch_impl.models.vision.squeezenet import SqueezeNet as SqueezeNet
from pytorch_impl.models.vision.ssd import SSD as SSD
from pytorch_impl.models.vision.stn import STN as STN
from pytorch_impl.models.vision.swin import Swin as Swin
from pytorch_impl.models.vision.unet import UNet as UNet
from pytorch_impl.models.vision.vgg import VGG as VGG
from pytorch_impl.models.vision.vit import ViT as ViT
from pytorch_impl.models.vision.xception import Xception as Xception
