"""atheris around an oracle. It has wheels for some Pythons only, so nothing but the `fuzz_…` files imports this."""

import random
import sys
from collections.abc import Callable, Sequence

import atheris

from tests.fuzz.mutations import TOKENS, edit


def drive(check: Callable[[Sequence[bytes | None]], None], bases: Sequence[bytes]) -> None:
    """Fuzz until libFuzzer's own arguments say stop. A value ends at a NUL, so that an input may be a batch."""

    def one_input(data: bytes) -> None:
        check(data.split(b"\x00\x00"))

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        chosen = random.Random(seed)
        draw = chosen.random()
        if draw < 0.3:
            return bytes(atheris.Mutate(data, max_size))
        made = chosen.choice(bases) if draw < 0.4 or not data else data
        for _ in range(chosen.randint(1, 3)):
            made = edit(made, chosen.randrange(6), chosen.randrange(1 << 20), chosen.choice(TOKENS))
        return made[:max_size]

    atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()
