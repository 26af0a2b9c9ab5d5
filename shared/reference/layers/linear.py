"""The dense layer."""

from shared.arrays import Array
from shared.reference.module import Module, Parameter


class Linear(Module):
    """y = x W^T + b over the last axis.

    With y_o = sum_i x_i W_oi + b_o: dL/dW_oi = sum g_o x_i, dL/db_o = sum g_o over all
    samples, and dL/dx_i = sum_o g_o W_oi.
    """

    def __init__(self, c_in: int, c_out: int, bias: bool = True):
        self.weight = Parameter((c_out, c_in))
        self.bias = Parameter((c_out,)) if bias else None

    def forward(self, x: Array) -> Array:
        self.x = x
        y = x @ self.weight.value.T
        return y if self.bias is None else y + self.bias.value

    def backward(self, g: Array) -> Array:
        x, rows = (a.reshape(-1, a.shape[-1]) for a in (self.x, g))
        self.weight.add(rows.T @ x)
        if self.bias is not None:
            self.bias.add(rows.sum(0))
        return g @ self.weight.value
