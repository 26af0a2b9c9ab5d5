"""Every bound of the suite, each with its reason."""

# Largest |difference| / largest |value|, per tensor. float64 keeps 16 digits; sums in
# another order over some thousand terms cost two or three of them.
FORWARD = 1e-12
BUFFERS = 1e-12
# Backward passes chain twice as many sums.
GRADIENTS = 1e-10
# 100 updates from one stream of gradients, each against the definition in NumPy: a few
# elementwise operations an update.
OPTIMIZER = 1e-12
# A gradient of a gradient's size chains four times as many sums, and divides by a norm.
SECOND = 1e-9
# Ten updates of a whole model: the gradients' 1e-10, with what an update makes of it.
TRAINING = 1e-9
# A decision by value (arg-max, top-k, suppression) that was made by less than this is a
# tie: rounding may decide it either way, and one side is as good as the other.
TIE = 1e-9
# A public original may use another but equal algorithm inside (fused attention).
ORIGINALS = 1e-10
# float32 against the same framework's float64 run: a framework may lose at most four
# times what the best of the compared loses, and no value more than four digits. What it
# loses is the root mean square over all values: the single worst of a tiny model's few
# hundred is luck (TensorFlow's tanh is right to 4 units in the last place, torch's to
# 0.6; docs/differences.md).
FLOAT32_RATIO = 4.0
FLOAT32_LIMIT = 1e-4
# One unit in the last place of float32: errors below it do not tell frameworks apart.
FLOAT32_FLOOR = 2.0**-23
# bfloat16, whose unit in the last place is 2^-8, against the same framework's float64
# run: the root mean square over all values, as above. Some roundings more or less, and
# whether an embedding or a residual is kept in bfloat16, are two or three of the four
# times; below a unit nobody is told apart. Measured on 27 small models, from linear to
# LSTM, none of images: 0.001 to 0.009 of the outputs, 0.001 to 0.013 of the gradients,
# at most 0.009 of a loss. Where a unit changes side of its ReLU it is more: gan_tiny,
# of whose critic one of 32 does, loses 0.050 of its gradients, in all three alike.
BFLOAT16_RATIO = 4.0
BFLOAT16_FLOOR = 2.0**-8
BFLOAT16_OUTPUTS = 0.05
BFLOAT16_GRADIENTS = 0.2
BFLOAT16_LOSS = 0.05
# Beside a kink, as a ReLU has at 0, a rounding decides which of two gradients is right.
# Weights this share off are as near as float32's own roundings bring its run: 4 units
# in the last place, for sums over some hundred terms in some ten layers. Between two
# runs on the same side of all kinks it moves a gradient by less than FLOAT32_LIMIT, so
# what no such neighbour's gradient has stays an error (parity_tests/kinks.py).
NEIGHBOUR = 2.0**-21
# A tensor whose true gradient is 0 (a bias in front of BatchNorm) holds rounding noise
# alone. Gradients below this share of the model's largest are measured against that
# share instead of against themselves. A check says how many tensors this decided, which
# are above the bound by their own size: biases in front of a norm, whose true gradient
# is 0, and one weight of ConvNeXt.
GRADIENT_FLOOR = 1e-3
# In float32 that noise is some units in the last place of the terms of its sum, which
# can be as large as the model's largest gradient. So a tensor that is below this share
# of it in float64, and therefore 0 in truth, is measured against the largest.
ZERO_GRADIENT = 1e-12
# `triptych diff` judges models it does not know: frameworks' own layers are up to some
# 1e-7 off in float64 where they hide a float32 step; a wrong eps costs 1e-6 and more.
PORTS = 1e-6
# So is a gradient that is 0 in truth, such as that of a key's bias: below this share of
# the model's largest it is measured against the largest.
PORTS_ZERO = 1e-9
# In float32 such a gradient is some units in the last place of the largest; the bound
# that each side's rounding sets is measured from float64, where it is 0, and so cannot
# know of it.
PORTS_ZERO_FLOAT32 = 2.0**-20


def bound(in_float64: float, dtype: str) -> float:
    """Where frameworks are compared in float32, digits are all that can be asked."""
    return in_float64 if dtype == "float64" else FLOAT32_LIMIT
