"""Cases of the operator dropped_base_case: (original, texts of all its mutants in order)."""

CASES = [
    ("def f(n):\n    if n <= 0:\n        return 1\n    return f(n - 1)\n", ["def f(n):\n    pass\n    return f(n - 1)\n"]),
    ("def f(n):\n    if n <= 0:\n        return 1\n    return n\n", []),
]
