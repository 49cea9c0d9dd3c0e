"""Cases of the operator CRP: (original, texts of all its mutants in order)."""

CASES = [
    ("x = 5\n", ["x = 6\n", "x = 4\n"]),
    ("x = 0\n", ["x = 1\n"]),
    ("x = 'key'\n", ["x = 'ke'\n"]),
    ("x = True\n", ["x = False\n"]),
    ("x = 0.5\n", ["x = 1.5\n"]),
    ("x = None\n", []),
]
