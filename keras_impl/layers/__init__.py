"""The layers that the models are made of, with every size given, built at once.

DIFF(lazy): a Keras layer has no weights until its first call; these are built when
they are made, so that a model has names and shapes from the start.
"""

from keras_impl.layers.activation import ACTIVATIONS as ACTIVATIONS
from keras_impl.layers.activation import Activation as Activation
from keras_impl.layers.activation import gelu as gelu
from keras_impl.layers.activation import gelu_tanh as gelu_tanh
from keras_impl.layers.activation import leaky_relu as leaky_relu
from keras_impl.layers.attention import Attention as Attention
from keras_impl.layers.cells import State as State
from keras_impl.layers.convolution import Conv1D as Conv1D
from keras_impl.layers.convolution import Conv2D as Conv2D
from keras_impl.layers.convolution import Conv2DTranspose as Conv2DTranspose
from keras_impl.layers.convolution import conv as conv
from keras_impl.layers.convolution import conv1d as conv1d
from keras_impl.layers.convolution import conv_transpose as conv_transpose
from keras_impl.layers.denoising import by_ddim as by_ddim
from keras_impl.layers.denoising import by_ddpm as by_ddpm
from keras_impl.layers.denoising import guided as guided
from keras_impl.layers.detecting import detected as detected
from keras_impl.layers.detecting import detected_of_levels as detected_of_levels
from keras_impl.layers.dropout import Dropout as Dropout
from keras_impl.layers.dropout import DropPath as DropPath
from keras_impl.layers.dropout import MapDropout as MapDropout
from keras_impl.layers.embedding import Embedding as Embedding
from keras_impl.layers.generation import Cache as Cache
from keras_impl.layers.generation import Generates as Generates
from keras_impl.layers.linear import Dense as Dense
from keras_impl.layers.linear import flatten as flatten
from keras_impl.layers.linear import unflatten as unflatten
from keras_impl.layers.model import SpecModel as SpecModel
from keras_impl.layers.normalization import BatchNormalization as BatchNormalization
from keras_impl.layers.normalization import GroupNormalization as GroupNormalization
from keras_impl.layers.normalization import LayerNormalization as LayerNormalization
from keras_impl.layers.normalization import RMSNormalization as RMSNormalization
from keras_impl.layers.normalization import group_norm as group_norm
from keras_impl.layers.normalization import local_response_norm as local_response_norm
from keras_impl.layers.normalization import norm as norm
from keras_impl.layers.normalization import norm1d as norm1d
from keras_impl.layers.normalization import standardized as standardized
from keras_impl.layers.normalization import unit as unit
from keras_impl.layers.pooling import MapMean as MapMean
from keras_impl.layers.pooling import MaxPooling2D as MaxPooling2D
from keras_impl.layers.pooling import adaptive_avg_pool as adaptive_avg_pool
from keras_impl.layers.pooling import avg_pool as avg_pool
from keras_impl.layers.pooling import max_pool as max_pool
from keras_impl.layers.pooling import max_pool1d as max_pool1d
from keras_impl.layers.recurrent import Recurrent as Recurrent
from keras_impl.layers.recurrent import recur as recur
from keras_impl.layers.relative import relative_buckets as relative_buckets
from keras_impl.layers.resize import repeat as repeat
from keras_impl.layers.resize import resize as resize
from keras_impl.layers.rotary import Turn as Turn
from keras_impl.layers.rotary import rotate as rotate
from keras_impl.layers.rotary import turn as turn
from keras_impl.layers.routing import ranked as ranked
from keras_impl.layers.routing import roomy as roomy
from keras_impl.layers.sampling import sample_maps as sample_maps
from keras_impl.layers.scaling import doubled as doubled
from keras_impl.layers.segment import segment_sum as segment_sum
from keras_impl.layers.selective import scan_in_rounds as scan_in_rounds
from keras_impl.layers.selective import scan_in_turn as scan_in_turn
from keras_impl.layers.slices import update_slice_in_dim as update_slice_in_dim
from keras_impl.layers.squeeze import SqueezeExcitation as SqueezeExcitation
from keras_impl.layers.translation import Translates as Translates
