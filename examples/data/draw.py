"""Seeded draws that are the same in every Python version."""

import random


class Draw:
    """Built on `random()` alone: the one method whose sequence Python promises to keep."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def between(self, low, high):
        """An integer from low to high, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def nonzero(self, bound):
        """An integer from -bound to bound, never 0."""
        return self.between(1, bound) * self.pick((-1, 1))

    def pick(self, choices):
        """One of the choices."""
        return choices[self.between(0, len(choices) - 1)]

    def distinct(self, count, make):
        """A list of `count` different values of `make()`."""
        values = []
        while len(values) < count:
            value = make()
            if value not in values:
                values.append(value)
        return values

    def shuffle(self, values):
        """The values in a random order."""
        return sorted(values, key=lambda _: self._random.random())
