"""Cases of the operator slice_bound: (original, texts of all its mutants in order)."""

CASES = [
    ("x = xs[1:3]\n", ["x = xs[0:3]\n", "x = xs[2:3]\n", "x = xs[1:2]\n", "x = xs[1:4]\n"]),
    ("x = xs[:0]\n", ["x = xs[:1]\n"]),
    ("x = xs[1]\n", []),
    ("x = xs[::2]\n", []),
]
