"""Cases of the operator UOI: (original, texts of all its mutants in order)."""

CASES = [
    ("def f(a: int) -> int:\n    return a\n", ["def f(a: int) -> int:\n    return -a\n"]),
    ("x = a if b else c\n", ["x = a if not b else c\n"]),
    ("def f(a: str) -> str:\n    return a\n", []),
]
