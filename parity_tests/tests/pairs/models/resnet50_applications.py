"""keras.applications' ResNet, first version."""

from keras.src.applications.resnet import ResNet, stack_residual_blocks_v1


def blocks(x):
    x = stack_residual_blocks_v1(x, 8, 1, stride1=1, name="conv2")
    x = stack_residual_blocks_v1(x, 12, 2, name="conv3")
    x = stack_residual_blocks_v1(x, 16, 1, name="conv4")
    return stack_residual_blocks_v1(x, 20, 1, name="conv5")


def make():
    model = ResNet(
        blocks,
        preact=False,
        use_bias=True,
        weights=None,
        input_shape=(64, 64, 3),
        classes=5,
        classifier_activation=None,
        weights_name="none",
    )
    return model
