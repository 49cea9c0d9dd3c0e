"""Cases of the operator dropped_else: (original, texts of all its mutants in order)."""

CASES = [
    ("if a:\n    x += 1\nelse:\n    x -= 1\n", ["if a:\n    x += 1\n"]),
    ("if a:\n    x = 1\nelse:\n    x = 2\n", []),
]
