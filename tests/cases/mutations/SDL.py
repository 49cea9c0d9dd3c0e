"""Cases of the operator SDL: (original, texts of all its mutants in order)."""

CASES = [
    ("xs.sort()\nx = 1\n", ["pass\nx = 1\n"]),
    ("x = 1\nx = 2\n", ["x = 1\npass\n"]),
    ("def f():\n    x += 1\n", ["def f():\n    pass\n"]),
    ("x = 1\n", []),
]
