"""Cases of the operator wrong_exception: (original, texts of all its mutants in order)."""

CASES = [
    ("try:\n    x = f()\nexcept KeyError:\n    x = 1\n", ["try:\n    x = f()\nexcept IndexError:\n    x = 1\n"]),
    ("try:\n    x = f()\nexcept OSError:\n    x = 1\n", []),
]
