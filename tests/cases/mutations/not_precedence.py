"""Cases of the operator not_precedence: (original, texts of all its mutants in order)."""

CASES = [
    ("x = not (a or b)\n", ["x = not a or b\n"]),
    ("x = not a or b\n", []),
]
