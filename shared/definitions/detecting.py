"""What detectors find, of what they say of every place. `detected` IS the definition;
every `*_impl/layers/detecting.py` is held against it.
"""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.boxes import NMS, Detected
from shared.definitions.decoding import falling
from shared.definitions.schedules import Share
from shared.fields import Checked, Size


@dataclass(frozen=True, kw_only=True)
class Detecting(Checked):
    """Of each class the best `most` places whose score is above `least` go through
    suppression; the best `limit` boxes of all classes stay, the best first (Liu et al.
    2016, arXiv:1512.02325, section 2.2). Of equal scores the lower class comes first,
    then what came first in its class. What is not filled is 0.

    threshold: of suppression, within a class.
    """

    least: Share = 0.01
    most: Size = 400
    threshold: Share = 0.45
    limit: Size = 200

    def detected(self, boxes: Array, scores: Array) -> Detected:
        """Find the boxes. boxes: [batch, n, 4], of all classes, or [batch, n, classes,
        4], of each; scores: [batch, n, classes]."""
        batch, _, classes = scores.shape
        if boxes.ndim == 3:
            boxes = boxes[:, :, None]
        boxes = np.broadcast_to(boxes, (*scores.shape, 4))
        nms = NMS(threshold=self.threshold, limit=self.limit)
        found = Detected(
            np.zeros((batch, self.limit, 4), boxes.dtype),
            np.zeros((batch, self.limit), scores.dtype),
            np.zeros((batch, self.limit), int),
            np.zeros((batch, self.limit), bool),
        )
        for row in range(batch):
            kept: list[tuple[float, int, int]] = []  # score, class, place
            for of in range(classes):
                best = falling(scores[row, :, of])[: self.most]
                own = scores[row, best, of]
                chosen, valid = nms.select(
                    boxes[row, best, of][None], own[None], own[None] > self.least
                )
                places = best[chosen[0][valid[0]]]
                kept += [(scores[row, place, of], of, place) for place in places]
            kept.sort(key=lambda one: -one[0])
            for k, (score, of, place) in enumerate(kept[: self.limit]):
                found.boxes[row, k] = boxes[row, place, of]
                found.scores[row, k] = score
                found.classes[row, k], found.valid[row, k] = of, True
        return found

    def of_levels(
        self, boxes: Array, scores: Array, levels: tuple[int, ...]
    ) -> Detected:
        """Find the boxes where of each level, so many places after one another, the
        best `most` of all its places and classes go through suppression (Lin et al.
        2017, arXiv:1708.02002, section 4.1). boxes: [batch, n, 4]; scores: [batch, n,
        classes]."""
        classes, start = scores.shape[-1], 0
        parts = []
        for number in levels:
            flat = scores[:, start : start + number].reshape(len(scores), -1)
            parts.append(start * classes + falling(flat)[:, : self.most])
            start += number
        chosen = np.concatenate(parts, 1)
        places, of = chosen // classes, chosen % classes
        own = np.take_along_axis(scores.reshape(len(scores), -1), chosen, 1)
        boxes = np.take_along_axis(boxes, places[:, :, None], 1)
        nms = NMS(threshold=self.threshold, limit=self.limit)
        kept, valid = nms.select_by_class(boxes, own, own > self.least, of)
        boxes = np.take_along_axis(boxes, kept[:, :, None], 1)
        own, of = (np.take_along_axis(v, kept, 1) for v in (own, of))
        return Detected(
            np.where(valid[:, :, None], boxes, 0),
            np.where(valid, own, 0),
            np.where(valid, of, 0),
            valid,
        )
