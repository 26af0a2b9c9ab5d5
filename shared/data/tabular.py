"""Tables that scikit-learn ships, standardised by their training part."""

from dataclasses import replace

import numpy as np

from shared.data.batches import Dataset, Samples, divided


def diabetes() -> Dataset:
    """Give 442 patients with 10 measurements, and the disease a year later, 25 to 346
    (Efron, Hastie, Johnstone, Tibshirani 2004). Both are standardised."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes(scaled=False)
    target = found.target[:, None].astype(np.float32)
    return _standardised(
        divided(Samples((found.data.astype(np.float32),), (target,))), targets=True
    )


def breast_cancer() -> Dataset:
    """Give 569 tumours with 30 measurements; 1 benign, 0 malignant (Street, Wolberg,
    Mangasarian 1993)."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    target = found.target[:, None].astype(np.float32)
    return _standardised(divided(Samples((found.data.astype(np.float32),), (target,))))


def _standardised(data: Dataset, targets: bool = False) -> Dataset:
    (x,), (y,) = data.train.inputs, data.train.targets
    x_mean, x_std = x.mean(0, float), x.std(0, float)
    y_mean, y_std = (y.mean(0, float), y.std(0, float)) if targets else (0.0, 1.0)

    def scale(split: Samples) -> Samples:
        (x,), (y,) = split.inputs, split.targets
        x, y = (x - x_mean) / x_std, (y - y_mean) / y_std
        return Samples((x.astype(np.float32),), (y.astype(np.float32),))

    return replace(
        data,
        train=scale(data.train),
        validation=scale(data.validation),
        test=scale(data.test),
    )
