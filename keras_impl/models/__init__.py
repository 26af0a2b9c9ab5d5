"""The model of `ResNetSpec` is `ResNet`. A new family adds one import line here."""

from keras_impl.models.classic.linear import LinearModel as LinearModel
from keras_impl.models.classic.mlp import MLP as MLP
from keras_impl.models.generative.autoencoder import Autoencoder as Autoencoder
from keras_impl.models.generative.autoencoder import (
    ConvAutoencoder as ConvAutoencoder,
)
from keras_impl.models.generative.cvae import ConditionalVAE as ConditionalVAE
from keras_impl.models.generative.ddpm import Diffusion as Diffusion
from keras_impl.models.generative.ddpm import GuidedDiffusion as GuidedDiffusion
from keras_impl.models.generative.dit import DiT as DiT
from keras_impl.models.generative.flow import RealNVP as RealNVP
from keras_impl.models.generative.flow import RectifiedFlow as RectifiedFlow
from keras_impl.models.generative.gan import DCGAN as DCGAN
from keras_impl.models.generative.gan import GAN as GAN
from keras_impl.models.generative.pix2pix import Pix2Pix as Pix2Pix
from keras_impl.models.generative.vae import VAE as VAE
from keras_impl.models.generative.vae import ConvVAE as ConvVAE
from keras_impl.models.generative.vqvae import VQVAE as VQVAE
from keras_impl.models.graph.gcn import GCN as GCN
from keras_impl.models.graph.gcn import PooledGCN as PooledGCN
from keras_impl.models.language.albert import Albert as Albert
from keras_impl.models.language.albert import AlbertForMaskedLM as AlbertForMaskedLM
from keras_impl.models.language.bert import Bert as Bert
from keras_impl.models.language.bert import BertForMaskedLM as BertForMaskedLM
from keras_impl.models.language.bert import (
    BertForQuestionAnswering as BertForQuestionAnswering,
)
from keras_impl.models.language.bert import (
    BertForSequenceClassification as BertForSequenceClassification,
)
from keras_impl.models.language.bert import (
    BertForTokenClassification as BertForTokenClassification,
)
from keras_impl.models.language.gpt import GPT as GPT
from keras_impl.models.language.lamda import LaMDA as LaMDA
from keras_impl.models.language.llama import Llama as Llama
from keras_impl.models.language.mamba import Mamba as Mamba
from keras_impl.models.language.moe import MoE as MoE
from keras_impl.models.language.t5 import T5 as T5
from keras_impl.models.language.textcnn import TextCNN as TextCNN
from keras_impl.models.language.transformer import Transformer as Transformer
from keras_impl.models.language.whisper import Whisper as Whisper
from keras_impl.models.language.word2vec import GloVe as GloVe
from keras_impl.models.language.word2vec import Word2Vec as Word2Vec
from keras_impl.models.sequence.cnn1d import CNN1D as CNN1D
from keras_impl.models.sequence.lstm import LSTM as LSTM
from keras_impl.models.sequence.rnn import RNN as RNN
from keras_impl.models.sequence.rnn import RNNPredictor as RNNPredictor
from keras_impl.models.sequence.silero_vad import SileroVAD as SileroVAD
from keras_impl.models.sequence.tcn import TCN as TCN
from keras_impl.models.sequence.wavenet import WaveNet as WaveNet
from keras_impl.models.vision.alexnet import AlexNet as AlexNet
from keras_impl.models.vision.alexnet import TwoTowerAlexNet as TwoTowerAlexNet
from keras_impl.models.vision.capsule import Capsule as Capsule
from keras_impl.models.vision.convnext import ConvNeXt as ConvNeXt
from keras_impl.models.vision.densenet import DenseNet as DenseNet
from keras_impl.models.vision.efficientnet import EfficientNet as EfficientNet
from keras_impl.models.vision.fcn import FCN as FCN
from keras_impl.models.vision.fcn import LRASPP as LRASPP
from keras_impl.models.vision.fcn import DeepLabV3 as DeepLabV3
from keras_impl.models.vision.googlenet import GoogLeNet as GoogLeNet
from keras_impl.models.vision.googlenet import PlainGoogLeNet as PlainGoogLeNet
from keras_impl.models.vision.inception import InceptionV3 as InceptionV3
from keras_impl.models.vision.inception_v4 import InceptionResNetV2 as InceptionResNetV2
from keras_impl.models.vision.inception_v4 import InceptionV4 as InceptionV4
from keras_impl.models.vision.lenet import LeNet as LeNet
from keras_impl.models.vision.lenet import LeNet5 as LeNet5
from keras_impl.models.vision.mlp_mixer import MLPMixer as MLPMixer
from keras_impl.models.vision.mnasnet import MNASNet as MNASNet
from keras_impl.models.vision.mobilenet import MobileNetV1 as MobileNetV1
from keras_impl.models.vision.mobilenet_v2 import MobileNetV2 as MobileNetV2
from keras_impl.models.vision.mobilenet_v3 import MobileNetV3 as MobileNetV3
from keras_impl.models.vision.regnet import RegNet as RegNet
from keras_impl.models.vision.resnet import ResNet as ResNet
from keras_impl.models.vision.retinanet import RetinaNet as RetinaNet
from keras_impl.models.vision.shufflenet import ShuffleNet as ShuffleNet
from keras_impl.models.vision.siamese import OneShot as OneShot
from keras_impl.models.vision.siamese import Siamese as Siamese
from keras_impl.models.vision.simple_cnn import SimpleCNN as SimpleCNN
from keras_impl.models.vision.squeezenet import SqueezeNet as SqueezeNet
from keras_impl.models.vision.ssd import SSD as SSD
from keras_impl.models.vision.stn import STN as STN
from keras_impl.models.vision.swin import Swin as Swin
from keras_impl.models.vision.unet import UNet as UNet
from keras_impl.models.vision.vgg import VGG as VGG
from keras_impl.models.vision.vit import ViT as ViT
from keras_impl.models.vision.xception import Xception as Xception
