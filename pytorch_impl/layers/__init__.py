"""The layers that the models are made of."""

from pytorch_impl.layers.activation import ACTIVATIONS as ACTIVATIONS
from pytorch_impl.layers.activation import Activation as Activation
from pytorch_impl.layers.attention import Attention as Attention
from pytorch_impl.layers.convolution import LopsidedConv1d as LopsidedConv1d
from pytorch_impl.layers.convolution import LopsidedConv2d as LopsidedConv2d
from pytorch_impl.layers.convolution import conv as conv
from pytorch_impl.layers.convolution import conv1d as conv1d
from pytorch_impl.layers.convolution import conv_transpose as conv_transpose
from pytorch_impl.layers.dropout import Dropout as Dropout
from pytorch_impl.layers.dropout import DropPath as DropPath
from pytorch_impl.layers.normalization import LayerNorm2d as LayerNorm2d
from pytorch_impl.layers.normalization import local_response_norm as local_response_norm
from pytorch_impl.layers.normalization import norm as norm
from pytorch_impl.layers.normalization import norm1d as norm1d
from pytorch_impl.layers.normalization import unit as unit
from pytorch_impl.layers.pooling import MaxPool2d as MaxPool2d
from pytorch_impl.layers.pooling import avg_pool as avg_pool
from pytorch_impl.layers.pooling import max_pool as max_pool
from pytorch_impl.layers.pooling import max_pool1d as max_pool1d
from pytorch_impl.layers.recurrent import StackedLSTM as StackedLSTM
from pytorch_impl.layers.recurrent import State as State
from pytorch_impl.layers.segment import segment_sum as segment_sum
from pytorch_impl.layers.squeeze import SqueezeExcitation as SqueezeExcitation
