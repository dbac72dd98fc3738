"""What a disk, or a hand, may make of a file: every byte by itself, and any number of them."""

import random
from collections.abc import Iterator


def every_byte(data: bytes) -> Iterator[bytes]:
    """For each byte: each bit turned over, 0, the byte left out, the byte twice."""
    for at in range(len(data)):
        before, byte, after = data[:at], data[at], data[at + 1 :]
        for bit in range(8):
            yield b"%b%c%b" % (before, byte ^ 1 << bit, after)
        yield b"%b\0%b" % (before, after)
        yield before + after
        yield b"%b%c%c%b" % (before, byte, byte, after)


def random_mutations(data: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    """Of many kinds and lengths; none is the file as it was."""
    made = 0
    while made < count:
        mutated = _one(data, chance)
        if mutated != data:
            made += 1
            yield mutated


def _one(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    length = min(chance.choice((1, 2, 8, 64, 512, 4096)), len(data) - at)
    length = chance.randint(1, length)
    before, part, after = data[:at], data[at : at + length], data[at + length :]
    lines = data.split(b"\n")
    kind = chance.randrange(9)
    match kind:
        case 0:  # one bit
            return b"%b%c%b" % (before, part[0] ^ 1 << chance.randrange(8), data[at + 1 :])
        case 1:  # noise
            return before + chance.randbytes(length) + after
        case 2:  # zeros, as of a block that never reached the disk
            return before + bytes(length) + after
        case 3:  # a hole that closed
            return before + after
        case 4:  # something put in
            return before + chance.randbytes(length) + part + after
        case 5:  # a part of the file itself at another place
            other = chance.randrange(len(data) - length + 1)
            return before + data[other : other + length] + after
        case 6:  # a line lost
            del lines[chance.randrange(len(lines))]
        case 7:  # a line in the place of another
            lines[chance.randrange(len(lines))] = chance.choice(lines)
        case _:  # two lines changed over
            one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)
