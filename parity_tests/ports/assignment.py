"""The cheapest pairing of two lists."""

import numpy as np

from parity_tests.compare import Array


def assign(costs: Array) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost, each once (Kuhn 1955, Munkres 1957)."""
    if costs.shape[0] > costs.shape[1]:
        return sorted((i, j) for j, i in assign(costs.T))
    rows, columns = costs.shape
    of_rows, of_columns = np.zeros(rows + 1), np.zeros(columns + 1)
    taken = np.zeros(columns + 1, int)  # the row that a column has, from 1; 0 is none
    for row in range(1, rows + 1):
        taken[0] = row
        _augment(costs, of_rows, of_columns, taken)
    return sorted((int(taken[j]) - 1, j - 1) for j in range(1, columns + 1) if taken[j])


def _augment(costs: Array, of_rows: Array, of_columns: Array, taken: Array) -> None:
    """Finds a column for the row in place 0 along a shortest way, and moves others."""
    columns = costs.shape[1]
    least = np.full(columns + 1, np.inf)
    way = np.zeros(columns + 1, int)
    seen = np.zeros(columns + 1, bool)
    at = 0
    while taken[at]:
        seen[at] = True
        row = taken[at]
        free = ~seen[1:]
        reduced = costs[row - 1] - of_rows[row] - of_columns[1:]
        better = free & (reduced < least[1:])
        least[1:][better], way[1:][better] = reduced[better], at
        following = int(np.argmin(np.where(free, least[1:], np.inf))) + 1
        step = least[following]
        of_rows[taken[seen]] += step
        of_columns[seen] -= step
        least[~seen] -= step
        at = following
    while at:
        taken[at] = taken[way[at]]
        at = way[at]
