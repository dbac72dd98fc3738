"""UUIDs of machines: whether two of them name the same one, in whatever order of bytes.

A UUID is that of SMBIOS as product_uuid prints it; a GUID is what a BMC answers to Get System GUID.
"""

UUID_BYTES = 16


def says_nothing(uuid: bytes) -> bool:
    """Whether it names no machine. SMBIOS: all zeros is "not present", all ones "not set"."""
    if len(uuid) != UUID_BYTES or len(set(uuid)) == 1:
        return True
    return uuid in DUMMIES


def orders(uuid: bytes) -> frozenset[bytes]:
    """Give 16 bytes in all orders in use.

    SMBIOS 2.6 (7.2.1) stores the first three fields little-endian, older firmware stores them
    straight; IPMI 2.0 (Get System GUID, format of 20.8) sends the last byte first, and many a BMC
    sends what SMBIOS stores, or what is printed.
    """
    swapped = uuid[3::-1] + uuid[5:3:-1] + uuid[7:5:-1] + uuid[8:]
    return frozenset({uuid, swapped, uuid[::-1], swapped[::-1]})


DUMMIES = frozenset().union(
    *map(
        orders,
        map(
            bytes.fromhex,
            ("0102030405060708090a0b0c0d0e0f10", "03000200040005000006000700080009"),
        ),
    )
)
"""What vendors leave in every machine, beside one byte repeated."""


def uuid_matches(one: bytes, other: bytes) -> bool | None:
    """Tell whether both name the same machine; None if that cannot be told."""
    if says_nothing(one) or says_nothing(other):
        return None
    return other in orders(one)


def uuid_bytes(text: str | None) -> bytes:
    """Give the bytes of a UUID in the order of its text, none without one."""
    return b"" if text is None else bytes.fromhex(text.replace("-", ""))
