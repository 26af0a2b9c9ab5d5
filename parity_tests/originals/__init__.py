"""Public originals, for a worker to adopt (extra `[originals]`).

Imported in a worker only: `worker.adopt("parity_tests.originals:resnet18", ...)`.
"""

import functools
import importlib
import itertools
from typing import Any

from parity_tests.originals import language
from parity_tests.originals.operators import without_operators


def _torchvision(name: str, **arguments: Any) -> Any:
    without_operators()
    models = importlib.import_module("torchvision.models")
    if not hasattr(models, name):  # such as mobilenet_v2_x0_5
        name, _, width = name.rpartition("_x")
        arguments["width_mult"] = float(width.replace("_", "."))
    return getattr(models, name)(weights=None, **arguments)


def _torchvision_segmentation(name: str) -> Any:
    """torchvision's, which drops nothing; of auxiliary heads what training has."""
    without_operators()
    models = importlib.import_module("torchvision.models.segmentation")
    auxiliary = {} if name.startswith("lraspp") else {"aux_loss": True}
    model = getattr(models, name)(weights=None, weights_backbone=None, **auxiliary)
    base: Any = type(model)

    class Logits(base):
        def forward(self, image: Any) -> Any:
            return tuple(y.permute(0, 2, 3, 1) for y in super().forward(image).values())

    model.__class__ = Logits
    return model


def whole_ssd() -> Any:
    """torchvision's SSD300, of fewer channels and classes: the oracle of ssd."""
    without_operators()
    nn = importlib.import_module("torch").nn
    own = importlib.import_module("torchvision.models.detection.ssd")
    anchors = importlib.import_module("torchvision.models.detection.anchor_utils")
    vgg = importlib.import_module("torchvision.models.vgg")
    stages = [4, "M", 6, "M", 8, 5, "M", 7, 8, "M", 6, "M"]
    backbone = own.SSDFeatureExtractorVGG(vgg.make_layers(stages), False)
    backbone.scale_weight = nn.Parameter(20 * backbone.scale_weight.new_ones(8))
    sizes = iter([(8, 6), (6, 9), (9, 9), (9, 5), (5, 7), (7, 4), (4, 6)])
    sizes = itertools.chain(sizes, [(6, 5), (5, 8), (8, 3), (3, 7)])
    for block in [m for m in backbone.extra.modules() if isinstance(m, nn.Sequential)]:
        for name, c in block.named_children():
            if isinstance(c, nn.Conv2d):
                around = c.kernel_size, c.stride, c.padding, c.dilation
                setattr(block, name, nn.Conv2d(*next(sizes), *around))
    boxes = anchors.DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    places = boxes.num_anchors_per_location()
    head = own.SSDHead([8, 9, 7, 6, 8, 7], places, 5)
    return own.SSD(backbone, boxes, (300, 300), 5, head=head)


def small_ssd() -> Any:
    """Make that SSD, as far as what it says of every anchor."""
    model = whole_ssd()
    base: Any = type(model)

    class Said(base):
        def forward(self, image: Any) -> Any:
            said = self.head([*self.backbone(image).values()])
            return said["cls_logits"], said["bbox_regression"]

    model.__class__ = Said
    return model


def whole_retinanet() -> Any:
    """torchvision's RetinaNet, of which no layer is frozen."""
    without_operators()
    models = importlib.import_module("torchvision.models.detection")
    return models.retinanet_resnet50_fpn(weights=None, weights_backbone=None)


def retinanet() -> Any:
    """Make torchvision's RetinaNet, as far as what it says of every anchor."""
    model = whole_retinanet()
    base: Any = type(model)

    class Said(base):
        def forward(self, image: Any) -> Any:
            said = self.head([*self.backbone(image).values()])
            return said["cls_logits"], said["bbox_regression"]

    model.__class__ = Said
    return model


def small_convnext() -> Any:
    """Make ConvNeXt at the sizes of the oracle of convnext; it drops no branch."""
    without_operators()
    own = importlib.import_module("torchvision.models.convnext")
    stages = [own.CNBlockConfig(12, 20, 2), own.CNBlockConfig(20, None, 3)]
    return own.ConvNeXt(stages, stochastic_depth_prob=0.0, num_classes=11)


def small_swin() -> Any:
    """Make Swin at the sizes of the oracle of swin; it drops no branch."""
    without_operators()
    own = importlib.import_module("torchvision.models.swin_transformer")
    return own.SwinTransformer(
        [4, 4], 10, [3, 2], [2, 5], [5, 5], stochastic_depth_prob=0.0, num_classes=11
    )


def efficientnet_b0_undropped() -> Any:
    return _torchvision("efficientnet_b0", dropout=0.0, stochastic_depth_prob=0.0)


def googlenet_no_aux() -> Any:
    return _torchvision("googlenet", aux_logits=False, init_weights=False)


def inception_v3_no_aux() -> Any:
    return _torchvision("inception_v3", aux_logits=False)


def mobilenet_v2_x0_35() -> Any:
    return _torchvision("mobilenet_v2", width_mult=0.35)


def mobilenet_v3_large_x1_25() -> Any:
    return _torchvision("mobilenet_v3_large", width_mult=1.25)


def mobilenet_v3_small_x0_75() -> Any:
    return _torchvision("mobilenet_v3_small", width_mult=0.75)


def keras_mobilenet_x0_25() -> Any:
    """The size that test_originals asks for; a Keras model has its own built in."""
    return _keras("MobileNet", alpha=0.25, input_shape=(61, 46, 3))


def keras_xception() -> Any:
    """Keras's Xception at the size that test_originals asks for; its unnamed layers
    count from 0."""
    importlib.import_module("keras.src.utils.naming").reset_uids()
    return _keras("Xception", input_shape=(71, 86, 3))


def small_vit() -> Any:
    """Make torchvision's Vision Transformer at the sizes of the oracle of vit."""
    without_operators()
    models = importlib.import_module("torchvision.models")
    return models.VisionTransformer(
        image_size=24,
        patch_size=8,
        num_layers=2,
        num_heads=3,
        hidden_dim=48,
        mlp_dim=40,
        num_classes=7,
    )


def small_vit_huggingface() -> Any:
    """Make transformers' Vision Transformer of the same sizes."""
    return _classifier("ViT", "ForImageClassification")


def small_deit_huggingface() -> Any:
    """Make transformers' DeiT, with a distillation token."""
    return _classifier("DeiT", "ForImageClassificationWithTeacher")


def read_huggingface(folder: str, kind: str) -> dict[str, Any]:
    """What transformers itself makes of a folder's model.safetensors, in memory."""
    without_operators()
    transformers = importlib.import_module("transformers")
    model = getattr(transformers, kind).from_pretrained(
        folder, config=_sizes(kind.partition("For")[0]), dtype="float64"
    )
    return {name: value.numpy() for name, value in model.state_dict().items()}


def _classifier(family: str, task: str) -> Any:
    without_operators()
    model: Any = getattr(importlib.import_module("transformers"), family + task)

    class Logits(model):
        def forward(self, image: Any) -> Any:
            return super().forward(image).logits

    return Logits(_sizes(family))


def _sizes(family: str) -> Any:
    transformers = importlib.import_module("transformers")
    return getattr(transformers, f"{family}Config")(
        image_size=24,
        patch_size=8,
        num_hidden_layers=2,
        num_attention_heads=3,
        hidden_size=48,
        intermediate_size=40,
        num_labels=7,
    )


def short_deit() -> Any:
    """Make timm's distilled DeiT, of two blocks and a small image; while it trains it
    has two outputs."""
    model = _timm("deit_tiny_distilled_patch16_224", img_size=(48, 32), depth=2)
    model.set_distilled_training(True)
    return model


def _keras(name: str, **arguments: Any) -> Any:
    applications = importlib.import_module("keras").applications
    make = getattr(applications, name)
    return make(weights=None, classifier_activation=None, **arguments)


def _timm(name: str, **arguments: Any) -> Any:
    without_operators()
    return importlib.import_module("timm").create_model(
        name, pretrained=False, **arguments
    )


def __getattr__(name: str) -> Any:
    """Make an original by its name: `resnet18` and every other torchvision classifier,
    of another width `mobilenet_v2_x0_5`; `keras_VGG16` of keras.applications,
    `timm_inception_v4`; `segmentation_fcn_resnet50` of torchvision."""
    if name.startswith("_"):
        raise AttributeError(name)
    if hasattr(language, name):
        return getattr(language, name)
    origin, _, own = name.partition("_")
    makers = {
        "keras": _keras,
        "timm": _timm,
        "segmentation": _torchvision_segmentation,
    }
    if origin in makers:
        return functools.partial(makers[origin], own)
    return functools.partial(_torchvision, name)
