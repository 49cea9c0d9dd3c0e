"""Cases of the operator comprehension_filter: (original, texts of all its mutants in order)."""

CASES = [
    ("x = [a for a in b if a > 0]\n", ["x = [a for a in b]\n", "x = [a for a in b if not a > 0]\n"]),
    ("x = [a for a in b]\n", []),
]
