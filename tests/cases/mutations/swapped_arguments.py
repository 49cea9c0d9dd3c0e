"""Cases of the operator swapped_arguments: (original, texts of all its mutants in order)."""

CASES = [
    ("f(a, b)\n", ["f(b, a)\n"]),
    ("max(a, b)\n", []),
    ("f(a, a)\n", []),
    ("f(a)\n", []),
]
