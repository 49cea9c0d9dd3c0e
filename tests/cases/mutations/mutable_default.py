"""Cases of the operator mutable_default: (original, texts of all its mutants in order)."""

CASES = [
    ("def f(x, xs=None):\n    if xs is None:\n        xs = []\n    xs.append(x)\n    return xs\n", ["def f(x, xs=[]):\n    xs.append(x)\n    return xs\n"]),
    ("def f(x, xs=None):\n    return xs\n", []),
    ("def f(x, n=None):\n    if n is None:\n        n = 0\n    return n\n", []),
]
