"""Cases of the operator lost_comparison: (original, texts of all its mutants in order)."""

CASES = [
    ("x = 0 < a < 5\n", ["x = 0 < a\n", "x = a < 5\n"]),
    ("x = 0 < a\n", []),
]
