"""Cases of the operator AOR: (original, texts of all its mutants in order)."""

CASES = [
    ("x = a + b\n", ["x = a - b\n", "x = a * b\n"]),
    ("x += 1\n", ["x -= 1\n", "x *= 1\n"]),
    ("x = a & b\n", []),
]
