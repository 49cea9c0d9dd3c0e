"""Cases of the operator iterator_chain: (original, texts of all its mutants in order)."""

CASES = [
    ("x = list(reversed(a))\n", ["x = list(a)\n"]),
    ("x = list(map(f, a))\n", ["x = list(a)\n"]),
    ("x = list(zip(a, b))\n", ["x = list(zip(b, a))\n"]),
    ("x = list(enumerate(a, 1))\n", ["x = list(enumerate(a))\n"]),
    ("x = list(enumerate(a))\n", ["x = list(enumerate(a, 1))\n"]),
    ("x = sorted(a, key=f)\n", ["x = a\n"]),
    ("x = list(a)\n", []),
]
