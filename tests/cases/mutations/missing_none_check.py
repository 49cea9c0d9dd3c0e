"""Cases of the operator missing_none_check: (original, texts of all its mutants in order)."""

CASES = [
    ("x = a if b is None else b + 1\n", ["x = b + 1\n"]),
    ("if x is not None:\n    y = x\n", ["y = x\n"]),
    ("if x is None:\n    x = 1\n", ["pass\n"]),
    ("if x is None:\n    y = 1\nelse:\n    y = x\n", ["y = x\n"]),
    ("if x > 1:\n    y = 1\n", []),
]
