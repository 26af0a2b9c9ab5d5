"""Every task by name. A new task adds one import line here."""

from types import ModuleType

from shared.errors import unknown
from shared.tasks.base import Task
from shared.tasks.classic import breast_cancer, diabetes, digits_mlp
from shared.tasks.generative import (
    digits_autoencoder,
    digits_cvae,
    digits_diffusion,
    digits_flow,
    digits_gan,
    digits_rectified_flow,
    digits_vae,
    digits_vqvae,
    ecg5000_autoencoder,
    shapes_pix2pix,
)
from shared.tasks.graph import cora_gcn, karate_gcn
from shared.tasks.language import (
    jumbled_bert,
    kinds_word2vec,
    made_language_t5,
    made_language_transformer,
    melodies_whisper,
    remarks_lamda,
    reviews_textcnn,
    shakespeare_gpt,
    sonnets_gpt,
    sonnets_llama,
    sonnets_mamba,
    sonnets_moe,
    sst2_textcnn,
)
from shared.tasks.sequence import (
    hums_wavenet,
    seasons_elman,
    seasons_gru,
    seasons_lstm,
    seasons_tcn,
    sunspots_gru,
    temporal_order_lstm,
    tones_cnn1d,
)
from shared.tasks.vision import (
    boxed_shapes_retinanet,
    boxed_shapes_ssd,
    digits_capsule,
    digits_lenet,
    digits_siamese,
    digits_stn,
    digits_triplet,
    isbi_unet,
    mnist_lenet,
    shapes_fcn,
    shapes_unet,
)

TASKS: dict[str, Task] = {
    value.TASK.name: value.TASK
    for value in list(globals().values())
    if isinstance(value, ModuleType) and hasattr(value, "TASK")
}


def task(name: str) -> Task:
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
