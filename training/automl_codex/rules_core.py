"""What of the Python grammar is in `python-core`: scalars, loops, branches and functions, one whole number as the result.

It is the part that py2many's Rust compiles; most programs of the full grammar hold something that it does not, and a pair that does not compile
shows nothing of what runs otherwise. A production stays when its feature, its symbol and all that stands in its places are named here, and none
of the forms below is in it.
"""

from __future__ import annotations

FEATURES = frozenset(
    ("core", "fallback", "arith", "bitwise", "bool", "branch", "call", "compare", "float", "function", "list", "loop", "recursion", "ternary", "while")
)

# Symbols, and the types of variables that are read (`x`), changed or bound.
PLACES = frozenset(
    (
        "int",
        "vint",
        "float",
        "vfloat",
        "bool",
        "cond",
        "ints",
        "vints",
        "count",
        "vcount",
        "step",
        "iter",
        "block0",
        "block1",
        "block2",
        "body_main",
        "body_int",
        "parameters",
        "returned",
        "result",
        "f_int",
        "f_bool",
        "f_rec",
        "stmt0",
        "stmt1",
        "stmt2",
        "unit",
        "use_f_int",
        "use_f_bool",
        "use_f_rec",
        "sink_int",
        "sink_bool",
        "sink_float",
        "return_int",
        "main",
        "result_one",
        "result_int",
        "type_int",
        "parameter_int",
        "parameter_float",
        "parameter_bool",
        "parameter_ints",
    )
)

# Forms of which py2many 0.9 makes no Rust, or Rust that does not compile. Each of the first line, let in alone, lowers the share of programs that compile, a sum without
# a type (E0282) most of all; those of the second line do so together.
FORMS = (
    *("[:", "sum(", ", -«=one»", "round(", "pow(", ".count(", "divmod(", ".append(", " or [", "~«", " + [", "lambda", "int(«bool»)"),
    *(
        "max(",
        "sorted(",
        "list(",
        " in «vints»",
        "«bool» != «bool»",
        "enumerate(",
        "zip(",
        "[*",
        "] * ",
        "default=",
        "min(«vints»",
        "**",
        "«ints»[",
        "isinstance(",
    ),
)

# Without slices, lists are read by loops over the whole of one. Floats are divided by what may be zero, as the mean of an empty list is:
# Python raises, Rust goes on with infinity, and where nothing else differs that is the verdict.
EXPRESSIONS = """
iter | 2 list | «@ints»
int | 0.3 float | int(float(«int») / float(len(«@ints»)))
float | 1 float | «float» / «vfloat»
float | 1 float | float(«int») / float(len(«@ints»))
vfloat | 1 float | float(«vint») / float(«vint»)
"""
