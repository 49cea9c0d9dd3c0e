"""Cases of the operator BSR: (original, texts of all its mutants in order)."""

CASES = [
    ("x = 0\n", ["x = -1\n"]),
    ("x = ''\n", ["x = ' '\n"]),
    ("x = []\n", ["x = [0]\n"]),
    ("x = 1\n", []),
]
