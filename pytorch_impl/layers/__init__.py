"""The layers that the models are made of."""

from pytorch_impl.layers.recurrent import ACTIVATIONS as ACTIVATIONS
from pytorch_impl.layers.recurrent import Activation as Activation
from pytorch_impl.layers.recurrent import Attention as Attention
from pytorch_impl.layers.recurrent import Dropout as Dropout
from pytorch_impl.layers.recurrent import DropPath as DropPath
from pytorch_impl.layers.recurrent import LayerNorm2d as LayerNorm2d
from pytorch_impl.layers.recurrent import LopsidedConv1d as LopsidedConv1d
from pytorch_impl.layers.recurrent import LopsidedConv2d as LopsidedConv2d
from pytorch_impl.layers.recurrent import MaxPool2d as MaxPool2d
from pytorch_impl.layers.recurrent import SqueezeExcitation as SqueezeExcitation
from pytorch_impl.layers.recurrent import StackedLSTM as StackedLSTM
from pytorch_impl.layers.recurrent import State as State
from pytorch_impl.layers.recurrent import avg_pool as avg_pool
from pytorch_impl.layers.recurrent import conv as conv
from pytorch_impl.layers.recurrent import conv1d as conv1d
from pytorch_impl.layers.recurrent import local_response_norm as local_response_norm
from pytorch_impl.layers.recurrent import max_pool as max_pool
from pytorch_impl.layers.recurrent import max_pool1d as max_pool1d
from pytorch_impl.layers.recurrent import norm as norm
from pytorch_impl.layers.recurrent import norm1d as norm1d
