"""Cases of the operator missing_copy: (original, texts of all its mutants in order)."""

CASES = [
    ("x = list(a)\n", ["x = a\n"]),
    ("x = list(a + b)\n", []),
]
