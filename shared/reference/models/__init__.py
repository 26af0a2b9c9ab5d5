"""The model of `MLPSpec` is `MLP`. A new family adds one import line here."""

from shared.reference.models.classic.linear import LinearModel as LinearModel
from shared.reference.models.classic.mlp import MLP as MLP
from shared.reference.models.generative.autoencoder import Autoencoder as Autoencoder
from shared.reference.models.generative.autoencoder import (
    ConvAutoencoder as ConvAutoencoder,
)
from shared.reference.models.generative.cvae import ConditionalVAE as ConditionalVAE
from shared.reference.models.generative.ddpm import Diffusion as Diffusion
from shared.reference.models.generative.ddpm import (
    GuidedDiffusion as GuidedDiffusion,
)
from shared.reference.models.generative.dit import DiT as DiT
from shared.reference.models.generative.flow import RealNVP as RealNVP
from shared.reference.models.generative.flow import RectifiedFlow as RectifiedFlow
from shared.reference.models.generative.gan import DCGAN as DCGAN
from shared.reference.models.generative.gan import GAN as GAN
from shared.reference.models.generative.pix2pix import Pix2Pix as Pix2Pix
from shared.reference.models.generative.vae import VAE as VAE
from shared.reference.models.generative.vae import ConvVAE as ConvVAE
from shared.reference.models.generative.vqvae import VQVAE as VQVAE
from shared.reference.models.graph.gcn import GCN as GCN
from shared.reference.models.graph.gcn import PooledGCN as PooledGCN
from shared.reference.models.language.gpt import GPT as GPT
from shared.reference.models.language.textcnn import TextCNN as TextCNN
from shared.reference.models.language.word2vec import GloVe as GloVe
from shared.reference.models.language.word2vec import Word2Vec as Word2Vec
from shared.reference.models.sequence.cnn1d import CNN1D as CNN1D
from shared.reference.models.sequence.lstm import LSTM as LSTM
from shared.reference.models.sequence.rnn import RNN as RNN
from shared.reference.models.sequence.rnn import RNNPredictor as RNNPredictor
from shared.reference.models.sequence.silero_vad import SileroVAD as SileroVAD
from shared.reference.models.sequence.tcn import TCN as TCN
from shared.reference.models.sequence.wavenet import WaveNet as WaveNet
from shared.reference.models.vision.capsule import Capsule as Capsule
from shared.reference.models.vision.lenet import LeNet as LeNet
from shared.reference.models.vision.lenet import LeNet5 as LeNet5
from shared.reference.models.vision.siamese import OneShot as OneShot
from shared.reference.models.vision.siamese import Siamese as Siamese
from shared.reference.models.vision.simple_cnn import SimpleCNN as SimpleCNN
from shared.reference.models.vision.stn import STN as STN
from shared.reference.models.vision.unet import UNet as UNet
