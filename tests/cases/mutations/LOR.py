"""Cases of the operator LOR: (original, texts of all its mutants in order)."""

CASES = [
    ("x = a & b\n", ["x = a | b\n", "x = a ^ b\n"]),
    ("x ^= b\n", ["x &= b\n", "x |= b\n"]),
    ("x = a + b\n", []),
]
