"""keras-hub's MiT, the encoder of SegFormer."""

from keras_hub.models import MiTBackbone


def make():
    model = MiTBackbone(
        layerwise_depths=[1, 1],
        num_layers=2,
        layerwise_num_heads=[1, 2],
        layerwise_sr_ratios=[2, 1],
        max_drop_path_rate=0.0,
        layerwise_patch_sizes=[7, 3],
        layerwise_strides=[4, 2],
        hidden_dims=[8, 12],
        image_shape=(64, 64, 3),
    )
    return model
