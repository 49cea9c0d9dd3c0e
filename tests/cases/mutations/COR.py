"""Cases of the operator COR: (original, texts of all its mutants in order)."""

CASES = [
    ("x = a and b\n", ["x = a or b\n"]),
    ("x = not a\n", ["x = a\n"]),
    ("x = -a\n", []),
]
