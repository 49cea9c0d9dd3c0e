"""Cases of the operator ROR: (original, texts of all its mutants in order)."""

CASES = [
    ("x = a < b\n", ["x = a <= b\n", "x = a > b\n"]),
    ("x = a in b\n", ["x = a not in b\n"]),
    ("x = a + b\n", []),
]
