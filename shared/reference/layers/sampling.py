"""Maps read at places between their pixels, by the sum over all pixels."""

import numpy as np

from shared.arrays import Array
from shared.reference.module import Operation


class SampledMaps(Operation):
    """V = sum_nm U_nm k(x - m) k(y - n) with k(d) = max(0, 1 - |d|) (Jaderberg et al.
    2015, equation 5), so of U come the kernels, and of x the sum of U_nm k(y - n)
    k'(x - m), where k'(d) is -1 from 0 to 1, 1 from -1 to 0 and 0 elsewhere (equations
    6 and 7). Places are from -1 to 1 between the borders: a step there is half as many
    pixels as there are.
    """

    def forward(self, x: Array, places: Array) -> Array:
        self.x, self.sizes = x, (x.shape[3], x.shape[2])
        self.kernels, self.slopes = [], []
        for size, place in zip(self.sizes, np.moveaxis(places, -1, 0), strict=True):
            apart = ((place + 1) * size - 1)[..., None] / 2 - np.arange(size)
            near = np.abs(apart) < 1
            self.kernels.append(np.maximum(0, 1 - np.abs(apart)))  # [B, n, size]
            self.slopes.append(np.where(near, -np.sign(apart), 0))
        of_x, of_y = self.kernels
        return np.einsum("bcyx,bnx,bny->bcn", x, of_x, of_y)

    def backward(self, g: Array) -> tuple[Array, Array]:
        (of_x, of_y), (slope_x, slope_y) = self.kernels, self.slopes
        of_maps = np.einsum("bcn,bnx,bny->bcyx", g, of_x, of_y)
        of_places = [
            np.einsum("bcn,bcyx,bnx,bny->bn", g, self.x, *pair) * size / 2
            for pair, size in zip(
                ((slope_x, of_y), (of_x, slope_y)), self.sizes, strict=True
            )
        ]
        return of_maps, np.stack(of_places, -1)
