"""Cases of the operator missing_close: (original, texts of all its mutants in order)."""

CASES = [
    ("h.close()\n", ["pass\n"]),
    ("with f() as h:\n    x = h.read()\n    y = 1\n", ["h = f()\nx = h.read()\ny = 1\n"]),
    ("h.open()\n", []),
]
