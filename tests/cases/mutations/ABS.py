"""Cases of the operator ABS: (original, texts of all its mutants in order)."""

CASES = [
    ("def f(a: int) -> int:\n    return a\n", ["def f(a: int) -> int:\n    return abs(a)\n"]),
    ("x = a - b\n", ["x = abs(a - b)\n"]),
    ("x = abs(a - b)\n", []),
    ("x = a + b\n", []),
]
