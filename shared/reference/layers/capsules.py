"""Vectors whose length says whether something is there, and how they are routed."""

import numpy as np

from shared.arrays import Array
from shared.reference.module import Operation


class Squash(Operation):
    """y = f s with f = r / (1 + r^2), r = |s| (Sabour et al. 2017, equation 1).

    df/dr = (1 - r^2) / (1 + r^2)^2 and dr/ds = s / r, so of s comes
    f g + df/dr s (s . g) / r; of a vector of length 0 nothing.
    """

    def forward(self, s: Array) -> Array:
        self.s, self.r = s, np.sqrt(np.square(s).sum(-1, keepdims=True))
        self.f = self.r / (1 + self.r**2)
        return s * self.f

    def backward(self, g: Array) -> Array:
        slope = (1 - self.r**2) / (1 + self.r**2) ** 2
        slope = np.divide(slope, self.r, out=np.zeros_like(slope), where=self.r > 0)
        along = (self.s * g).sum(-1, keepdims=True)
        return g * self.f + slope * self.s * along


class Length(Operation):
    """y = |x|, so of x comes g x / |x|; of a vector of length 0 nothing."""

    def forward(self, x: Array) -> Array:
        self.x, self.y = x, np.sqrt(np.square(x).sum(-1))
        return self.y

    def backward(self, g: Array) -> Array:
        by = np.divide(g, self.y, out=np.zeros_like(g), where=self.y > 0)
        return by[..., None] * self.x


class Routing(Operation):
    """Routing by agreement (procedure 1): of votes u_ij the capsules v_j are the squash
    of sum_i c_ij u_ij, where c_i is the softmax over j of logits that begin at 0 and
    grow by u_ij . v_j after each step but the last.

    Backwards, from the last step to the first: v has the gradient of what it is
    compared with later; u has that of the sum, c_ij g_j, and that of the comparison;
    the logits' add up, since each step's are the former and more.
    """

    def __init__(self, steps: int):
        self.steps = [Squash() for _ in range(steps)]

    def forward(self, votes: Array) -> Array:
        self.votes, self.shares, self.found = votes, [], []
        logits = np.zeros(votes.shape[:3], votes.dtype)
        for squash in self.steps:
            powers = np.exp(logits - logits.max(2, keepdims=True))
            self.shares.append(powers / powers.sum(2, keepdims=True))
            joined = np.einsum("bij,bijq->bjq", self.shares[-1], votes)
            self.found.append(squash(joined))
            logits = logits + np.einsum("bijq,bjq->bij", votes, self.found[-1])
        return self.found[-1]

    def backward(self, g: Array) -> Array:
        of_votes, of_logits = np.zeros_like(self.votes), None
        for squash, c, v in zip(
            self.steps[::-1], self.shares[::-1], self.found[::-1], strict=True
        ):
            if of_logits is None:
                of_logits = np.zeros_like(c)
            else:
                g = np.einsum("bij,bijq->bjq", of_logits, self.votes)
                of_votes += of_logits[..., None] * v[:, None]
            of_joined = squash.backward(g)
            of_votes += c[..., None] * of_joined[:, None]
            of_shares = np.einsum("bijq,bjq->bij", self.votes, of_joined)
            along = (of_shares * c).sum(2, keepdims=True)
            of_logits = of_logits + c * (of_shares - along)
        return of_votes
