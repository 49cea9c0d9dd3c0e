"""Cases of the operator missing_await: (original, texts of all its mutants in order)."""

CASES = [
    ("async def f():\n    return await g()\n", ["async def f():\n    return g()\n"]),
    ("def f():\n    return g()\n", []),
]
