"""torchvision's ResNet of basic blocks, exported as an ONNX file."""

import sys

import torch
from resnet18_torchvision import make


def exported(path):
    model = make().eval()
    for value in model.state_dict().values():  # equal tensors would be written once
        if value.is_floating_point():
            value.uniform_(0.5, 1.0)
    torch.onnx.export(
        model,
        (torch.zeros(2, 3, 64, 64),),
        path,
        dynamo=False,
        do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )
    return path


if __name__ == "__main__":
    exported(sys.argv[1])
