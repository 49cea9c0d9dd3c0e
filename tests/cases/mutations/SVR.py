"""Cases of the operator SVR: (original, texts of all its mutants in order)."""

CASES = [
    ("def f(a: int, b: int) -> int:\n    return a\n", ["def f(a: int, b: int) -> int:\n    return b\n"]),
    ("def f(a: int, b: str) -> int:\n    return a\n", []),
]
