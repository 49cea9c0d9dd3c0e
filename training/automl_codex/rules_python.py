"""The typed Python grammar as a table: one production a line (or an indented block), `symbol | weight feature | template`.

Types: int, float, bool, str, ints (list[int]), strs (list[str]), dict (dict[str, int]), set (set[int]), pair (tuple[int, str]).
A symbol with the name of a type is any expression of it; with a `v` before it the expression holds a variable, so that what
is computed depends on the input (a production of the feature `fallback` is for places where no variable is in scope). `cond` is a condition that varies; `count` a small number that is never negative;
`step` a change by which a number may grow in a loop; `stmt0` to `stmt2` are statements in so many loops.

What keeps programs terminating and small: loops run over `iter` or `count`; inside a loop a variable from outside it only
changes by `step`, or modulo a constant, or cut to a length; what a loop runs over is a copy. Division guards its divisor
but for the few productions of the feature `risky`.
"""

from __future__ import annotations

POOLS: dict[str, tuple[str, ...]] = {
    "zero": ("0",),
    "one": ("1",),
    "small": ("2", "3", "4", "5", "6", "7", "8", "9", "10", "12", "16"),
    "big": ("101", "128", "255", "256", "1000", "1024", "4096", "65535"),
    "threshold": ("2", "3", "4", "5", "6", "8", "10"),
    "divisor": ("2", "3", "4", "5", "7"),
    "modulus": ("97", "61", "89", "83", "71"),
    "large_modulus": ("997", "1009", "8191", "10007"),
    "cut": ("2", "3", "4"),
    "length": ("4", "5", "6", "8"),
    "place": ("2", "3"),
    "shift": ("2", "3", "4"),
    "mask": ("3", "7", "15", "31", "63"),
    "power": ("2", "3"),
    "float": ("0.5", "1.5", "2.0", "0.25", "3.75", "10.0", "0.1"),
    "word": ('"a"', '"key"', '"alpha"', '"beta"', '"x1"', '"north"', '"Value"', '"end"', '"item"', '"left"', '"qu"'),
    "letter": ('"a"', '"e"', '"o"', '"s"', '"t"', '"n"'),
    "joiner": ('"-"', '", "', '"/"', '":"', '"_"', '" "'),
    "empty": ('""',),
    "decimals": ("2", "3", "4"),
    "edge": ("2147483647", "2147483648", "9223372036854775807", "4294967296"),
    "edge_float": ("1e308", "5e-324", "0.1", "1e-9", "1e16", "0.30000000000000004"),
    "edge_word": ('"\\u00e9t\\u00e9"', '"\\u65e5\\u672c"', '"\\U0001f600"', '" "', '"\\t"', '"\\n"', '"\\x00"', '"\\u00df"', '"\\u0130"'),
}

# Literals of the boundary strategy in place of ordinary ones.
EDGE_POOLS: dict[str, tuple[str, ...]] = {
    "small": ("2147483647", "9223372036854775807", "255", "256", "2"),
    "big": ("2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "4294967295"),
    "threshold": ("0", "1", "255", "2147483647"),
    "float": ("0.0", "1e308", "5e-324", "0.1", "1e16", "2.5"),
    "word": ('""', '" "', '"\\u00e9t\\u00e9"', '"\\u65e5\\u672c"', '"\\U0001f600"', '"\\x00"', '"\\u00df"'),
    "joiner": ('" "', '"\\u00e9"', '","'),
}

EXPRESSIONS = """
int | 9 core | «@int»
int | 1 core | «=zero»
int | 1 core | «=one»
int | 2 core | «=small»
int | 0.5 core | «=big»
int | 3 arith | «int» + «int»
int | 3 arith | «int» - «int»
int | 2 arith | «int» * «int»
int | 1.5 arith | «int» // «=divisor»
int | 1.5 arith | «int» % «=divisor»
int | 0.7 arith | «int» // (abs(«int») + 1)
int | 0.7 arith | «int» % (abs(«int») + «=small»)
int | 0.3 arith | «int» ** «=power»
int | 0.8 arith | -«int»
int | 0.8 arith | abs(«int»)
int | 0.4 arith | divmod(«int», «=divisor»)[«=one»]
int | 0.6 bitwise | «int» & «=mask»
int | 0.6 bitwise | «int» | «=mask»
int | 0.8 bitwise | «int» ^ «int»
int | 0.4 bitwise | («int» & «=mask») << «=shift»
int | 0.4 bitwise | «int» >> «=shift»
int | 0.3 bitwise | ~«int»
int | 0.8 call | min(«int», «int»)
int | 0.8 call | max(«int», «int»)
int | 0.5 call | pow(«int», «=power», «=modulus»)
int | 1 string | len(«vstr»)
int | 0.5 string | ord(«=letter»)
int | 0.6 string | «vstr».count(«=letter»)
int | 0.5 string | «vstr».find(«=letter»)
int | 0.5 string | sum(ord(«c») for «c:str» in «vstr»)
int | 0.4 string | int(str(abs(«int»))[:«=place»])
int | 1 list | len(«vints»)
int | 1 list | sum(«vints»)
int | 0.5 list | max(«vints», default=«int»)
int | 0.5 list | min(«vints», default=«int»)
int | 0.5 list | «vints».count(«int»)
int | 0.5 list | len(«vstrs»)
int | 0.6 list | («ints» or [«int»])[-«=one»]
int | 0.6 list | (lambda «xs:ints»: «xs»[«=zero»] if «xs» else «int»)(«ints»)
int | 0.3 risky | «ints»[«int»]
int | 0.2 risky | «int» // «int»
int | 0.2 risky | «dict»[«str»]
int | 0.2 risky | «ints».index(«int»)
int | 0.8 dict | «vdict».get(«str», «int»)
int | 0.5 dict | len(«vdict»)
int | 0.5 dict | sum(«vdict».values())
int | 0.5 set | len(«vset»)
int | 0.4 set | sum(«vset»)
int | 0.5 tuple | «vpair»[«=zero»]
int | 0.8 ternary | «int» if «cond» else «int»
int | 0.4 bool | int(«bool»)
int | 0.5 float | int(«float»)
int | 0.4 float | round(«float»)
int | 0.4 lambda | (lambda «x:int»: «int+x»)(«int»)
int | 0.5 comprehension | sum(«int+x» for «x:int» in «vints»)
int | 0.4 comprehension | sum(«int+x» for «x:int» in «vints» if «cond+x»)
int | 0.3 generator | sum(map(lambda «x:int»: «int+x», «vints»))
int | 0.3 generator | len(list(filter(lambda «x:int»: «cond+x», «vints»)))
int | 0.3 generator | sum(«x» * «y» for «x:int», «y:int» in zip(«vints», «ints»))
int | 0.3 generator | sum(«i» * «x» for «i:int», «x:int» in enumerate(«vints»))
int | 0.3 generator | next(«x» for «x:int» in [*«ints», «int»])
int | 2 function | «@f_int»(«int», «int»)
int | 1.5 recursion | «@f_rec»(«count», «int»)
int | 1.5 class | «@box».total()
int | 1 class | «@box».size
int | 1 math | «@math».gcd(«int», «=small»)
int | 0.5 math | «@math».isqrt(abs(«int»))
int | 0.2 boundary | «=edge»
int | 0.2 boundary | -«=edge»
int | 0.14 boundary | -«=edge» // «=divisor»
int | 0.14 boundary | «int» // -«=divisor»
int | 0.14 boundary | «int» % -«=divisor»
int | 0.1 boundary | -«int» // «=divisor»
int | 0.1 boundary | len(«=edge_word»)
int | 0.08 boundary | «=edge» % (abs(«int») + «=one»)
float | 0.2 boundary | «=edge_float»
float | 0.12 boundary | -0.0
float | 0.1 boundary | «=edge_float» * «float»
float | 0.1 boundary | float("inf") - «float»
float | 0.08 boundary | «=edge_float» + «=edge_float»
str | 0.2 boundary | «=edge_word»
str | 0.14 boundary | «str»[«=place»:«=one»]
str | 0.14 boundary | «str»[-«=cut»:-«=one»]
str | 0.12 boundary | «=edge_word».upper()
str | 0.1 boundary | "" + «str»
ints | 0.12 boundary | []
ints | 0.14 boundary | «ints»[«=cut»:«=one»]
ints | 0.12 boundary | «ints»[::-«=place»]
ints | 0.1 boundary | «ints»[-«=edge»:]
ints | 0.1 boundary | «ints»[:«=edge»]
strs | 0.1 boundary | []
dict | 0.1 boundary | {}
set | 0.1 boundary | set()
vint | 0.14 boundary | «vint» // -«=divisor»
vint | 0.14 boundary | «vint» % -«=divisor»
vint | 0.1 boundary | «vint» - «=edge»
vint | 6 core | «@int»
vint | 1 string | len(«@str»)
vint | 1 list | len(«@ints»)
vint | 1 list | sum(«@ints»)
vint | 1 dict | sum(«@dict».values())
vint | 0.5 set | len(«@set»)
vint | 1.5 arith | «vint» + «int»
vint | 1.5 arith | «vint» - «int»
vint | 1 arith | «vint» * «=small»
vint | 0.7 arith | «int» * «vint»
vint | 0.7 arith | «vint» // «=divisor»
vint | 0.7 arith | «vint» % «=divisor»
vint | 0.5 arith | abs(«vint» - «int»)
vint | 0.5 bitwise | «vint» ^ «int»
vint | 0.5 call | max(«vint», «int»)
vint | 0.5 call | min(«vint», «int»)
vint | 0.5 ternary | «int» if «cond» else «vint»
vint | 1 function | «@f_int»(«vint», «int»)
float | 6 core | «@float»
float | 2 core | «=float»
float | 2 float | «float» + «float»
float | 2 float | «float» - «float»
float | 1.5 float | «float» * «float»
float | 1 float | «int» / «=divisor»
float | 1 float | «float» / (abs(«float») + «=float»)
float | 0.7 float | -«float»
float | 0.7 float | abs(«float»)
float | 0.8 float | round(«float», «=decimals»)
float | 1 float | float(«int»)
float | 0.6 float | max(«float», «float»)
float | 0.5 float | sum(«vints») / max(len(«vints»), «=one»)
float | 0.5 float | «float» % «=float»
float | 0.5 float | «float» // «=float»
float | 0.7 ternary | «float» if «cond» else «float»
float | 0.2 risky | «float» / «float»
float | 0.5 math | «@math».sqrt(abs(«float»))
float | 0.4 math | «@math».floor(«float») * «float»
vfloat | 6 core | «@float»
vfloat | 2 float | «vint» / «=divisor»
vfloat | 1 float | «vint» * «=float»
vfloat | 1 float | «vfloat» + «float»
vfloat | 1 float | round(«vfloat», «=decimals»)
bool | 3 core | «cond»
bool | 1 bool | True
bool | 1 bool | False
bool | 3 core | «@bool»
bool | 1 bool | not «bool»
bool | 1 bool | «bool» and «bool»
bool | 1 bool | «bool» or «bool»
bool | 0.5 bool | «bool» != «bool»
bool | 1 function | «@f_bool»(«int»)
bool | 0.5 list | all(«cond+x» for «x:int» in «vints»)
cond | 3 core | «vint» > «=threshold»
cond | 2 compare | «vint» < «int»
cond | 1.5 compare | «vint» % «=divisor» == «=zero»
cond | 1 compare | «vint» % «=divisor» != «=one»
cond | 1 compare | «vint» >= «int»
cond | 1 compare | «int» <= «vint»
cond | 0.7 compare | «=zero» < «vint» < «=small»
cond | 0.5 compare | «int» <= «vint» < «int»
cond | 0.5 compare | «vint» == «int»
cond | 0.5 compare | «vint» != «int»
cond | 1 bool | «cond» and «cond»
cond | 1 bool | «cond» or «cond»
cond | 0.7 bool | not «cond»
cond | 0.7 core | «@bool»
cond | 1 string | «=letter» in «vstr»
cond | 0.5 string | «vstr».startswith(«=letter»)
cond | 0.5 string | «vstr».endswith(«=letter»)
cond | 0.5 string | «vstr» < «str»
cond | 0.5 string | len(«vstr») > «=place»
cond | 0.4 string | «vstr».isalpha()
cond | 0.4 string | «vstr».isupper()
cond | 1 list | «int» in «vints»
cond | 0.7 list | len(«vints») > «=place»
cond | 0.4 list | «int» not in «vints»
cond | 0.4 generator | any(«cond+x» for «x:int» in «vints»)
cond | 0.4 generator | all(«cond+x» for «x:int» in «vints»)
cond | 0.7 dict | «vstr» in «vdict»
cond | 0.5 set | «vint» in «set»
cond | 0.6 float | «vfloat» > «float»
cond | 0.7 function | «@f_bool»(«vint»)
cond | 0.3 function | isinstance(«@opt», int)
str | 6 core | «@str»
str | 2 core | «=word»
str | 0.4 core | «=empty»
str | 2 string | «str» + «str»
str | 0.5 string | «str» * «=place»
str | 0.8 string | «str».upper()
str | 0.6 string | «str».lower()
str | 0.5 string | «str».strip()
str | 0.4 string | «str».title()
str | 0.4 string | «str».capitalize()
str | 0.4 string | «str».swapcase()
str | 0.6 string | «str».replace(«=letter», «str»)
str | 0.4 string | «str».lstrip(«=letter»)
str | 0.4 string | «str».zfill(«=length»)
str | 0.4 string | «str».rjust(«=length», «=letter»)
str | 0.4 string | «str».partition(«=letter»)[«=zero»]
str | 1 string | str(«int»)
str | 0.5 string | chr(«int» % 26 + 97)
str | 0.8 string | «=joiner».join(«strs»)
str | 0.8 slice | «str»[:«=cut»]
str | 0.6 slice | «str»[«=one»:]
str | 0.6 slice | «str»[::-«=one»]
str | 0.5 slice | «str»[«=one»:«=cut»]
str | 0.5 slice | «str»[-«=cut»:]
str | 0.3 slice | «str»[::«=place»]
str | 0.2 risky | «str»[«int»]
str | 0.5 list | min(«strs», default=«str»)
str | 0.5 tuple | «vpair»[«=one»]
str | 0.8 ternary | «str» if «cond» else «str»
str | 0.8 fstring | f"{«@int»}-{«@str»}"
str | 0.3 fstring | f"<{«@int»:5d}>"
str | 0.3 fstring | f"{«@int»:x}"
str | 0.5 fstring | f"{«@str»!r}"
str | 0.4 fstring | f"{«@int» + «=small»}"
str | 0.3 float | f"{«@float»:.2f}"
str | 0.4 float | str(«float»)
str | 0.3 bool | str(«bool»)
str | 0.5 lambda | (lambda «s:str»: «str+s»)(«str»)
str | 0.5 comprehension | "".join(«c» for «c:str» in «vstr» if «c» != «=letter»)
str | 0.4 generator | "".join(reversed(«str»))
str | 0.4 generator | "".join(sorted(«str»))
str | 2 function | «@f_str»(«str», «int»)
vstr | 6 core | «@str»
vstr | 1.5 core | str(«@int»)
vstr | 1 string | «vstr» + «str»
vstr | 0.7 string | «vstr».upper()
vstr | 0.6 string | «str» + «vstr»
vstr | 0.6 string | «vstr».replace(«=letter», «=word»)
vstr | 0.6 slice | «vstr»[::-«=one»]
vstr | 0.6 slice | «vstr»[:«=length»]
vstr | 0.5 list | «=joiner».join(«@strs»)
vstr | 0.5 fstring | f"{«@int»}{«@str»}"
ints | 6 core | «@ints»
ints | 0.3 core | [«vint»]
ints | 0.2 list | []
ints | 1.5 list | [«vint», «int», «int»]
ints | 1 list | [«int», «int»]
ints | 1 list | «ints» + [«int»]
ints | 0.6 list | [*«ints», «int»]
ints | 0.5 list | [*«ints», *«ints»]
ints | 0.8 list | list(range(«count»))
ints | 0.5 list | list(range(«=one», «count», «=place»))
ints | 0.5 list | list(range(«count», «=zero», -«=one»))
ints | 1 list | sorted(«ints»)
ints | 0.5 list | sorted(«ints», reverse=True)
ints | 0.4 lambda | sorted(«ints», key=lambda «x:int»: «int+x»)
ints | 0.5 list | list(reversed(«ints»))
ints | 0.4 list | [«int»] * «=place»
ints | 0.8 slice | «ints»[«=one»:]
ints | 0.8 slice | «ints»[:«=cut»]
ints | 0.6 slice | «ints»[::-«=one»]
ints | 0.5 slice | «ints»[«=one»:«=cut»]
ints | 0.5 slice | «ints»[::«=place»]
ints | 0.5 slice | «ints»[:-«=one»]
ints | 1.5 comprehension | [«int+x» for «x:int» in «vints»]
ints | 1 comprehension | [«int+x» for «x:int» in «vints» if «cond+x»]
ints | 0.6 comprehension | [«int+x» for «x:int» in range(«vcount»)]
ints | 0.4 comprehension | [«int+x+y» for «x:int» in «vints»[:«=cut»] for «y:int» in «ints+x»[:«=cut»]]
ints | 0.4 comprehension | [«int+x» if «cond+x» else «int+x» for «x:int» in «vints»]
ints | 0.4 comprehension | [len(«str+s») for «s:str» in «vstrs»]
ints | 0.4 generator | list(map(abs, «vints»))
ints | 0.4 generator | list(map(lambda «x:int»: «int+x», «vints»))
ints | 0.4 generator | list(filter(lambda «x:int»: «cond+x», «vints»))
ints | 0.4 generator | [«x» - «y» for «x:int», «y:int» in zip(«vints», «ints»)]
ints | 0.4 generator | [«x» + «i» for «i:int», «x:int» in enumerate(«vints», «=one»)]
ints | 0.5 dict | list(«vdict».values())
ints | 0.5 set | sorted(«set»)
ints | 0.5 ternary | «ints» if «cond» else «ints»
ints | 1.5 function | «@f_ints»(«ints»)
ints | 1.5 default | «@f_acc»(«int») + «@f_acc»(«int»)
ints | 1 generator | list(«@f_gen»(«count»))
ints | 1 class | list(«@box».items)
vints | 6 core | «@ints»
vints | 1.5 core | [«@int», «int»]
vints | 0.8 list | sorted(«vints»)
vints | 0.7 slice | «vints»[:«=cut»]
vints | 0.7 comprehension | [«int+x» for «x:int» in «vints»]
vints | 0.7 list | «vints» + [«int»]
strs | 5 core | «@strs»
strs | 0.3 core | [«vstr»]
strs | 1.5 list | [«str», «str»]
strs | 1 list | [«str», «str», «str»]
strs | 1.5 string | «str».split(«=joiner»)
strs | 0.7 list | list(«str»)
strs | 0.8 list | sorted(«strs»)
strs | 0.6 lambda | sorted(«strs», key=len)
strs | 0.6 slice | «strs»[:«=cut»]
strs | 0.6 slice | «strs»[::-«=one»]
strs | 1 comprehension | [«str+s» for «s:str» in «vstrs»]
strs | 0.6 comprehension | [«s» for «s:str» in «vstrs» if «cond+s»]
strs | 0.5 comprehension | [str(«int+x») for «x:int» in «vints»]
strs | 0.5 generator | list(map(str.upper, «vstrs»))
strs | 0.5 dict | sorted(«dict»)
strs | 0.4 list | «strs» + [«str»]
vstrs | 5 core | «@strs»
vstrs | 1.5 core | [«@str», «str»]
vstrs | 1 core | [str(«@int»), «str»]
vstrs | 1 string | «vstr».split(«=joiner»)
dict | 5 core | «@dict»
dict | 0.3 core | {«=word»: «vint»}
dict | 1.5 dict | {«=word»: «int», "z": «int»}
dict | 0.8 dict | {**«dict», «=word»: «int»}
dict | 0.8 dict | {«str»: «int»}
dict | 0.4 dict | {}
dict | 1 comprehension | {«str+s»: «int+s» for «s:str» in «vstrs»}
dict | 0.7 comprehension | {str(«x»): «int+x» for «x:int» in «vints»}
dict | 0.7 comprehension | {«k»: «int+k+n» for «k:str», «n:int» in «vdict».items()}
dict | 0.5 comprehension | {«k»: «n» for «k:str», «n:int» in «vdict».items() if «cond+n»}
dict | 0.4 dict | dict(zip(«strs», «ints»))
dict | 0.4 dict | «dict» | «dict»
vdict | 5 core | «@dict»
vdict | 2 core | {«=word»: «@int», "z": «int»}
vdict | 1 core | {«@str»: «int»}
set | 5 core | «@set»
set | 0.3 core | {«vint»}
set | 1.5 set | {«vint», «int»}
set | 1 set | set(«ints»)
set | 0.8 set | «set» | «set»
set | 0.8 set | «set» & «set»
set | 0.6 set | «set» - «set»
set | 0.5 set | «set» ^ «set»
set | 1 comprehension | {«int+x» for «x:int» in «vints»}
set | 0.6 comprehension | {«int+x» for «x:int» in «vints» if «cond+x»}
vset | 5 core | «@set»
vset | 2 core | {«@int», «int»}
vset | 1 set | set(«vints»)
pair | 5 core | «@pair»
pair | 0.5 core | («vint», «=word»)
pair | 3 tuple | («int», «str»)
pair | 0.7 ternary | «pair» if «cond» else «pair»
vpair | 5 core | «@pair»
vpair | 3 core | («vint», «str»)
count | 2 core | «=small»
count | 2 core | abs(«int») % «=divisor» + «=one»
count | 1 core | min(abs(«int»), «=cut»)
count | 1 list | len(«ints»[:«=cut»])
count | 1 string | len(«str»[:«=length»])
vstr | 0.2 core | str(len(«@ints»))
vfloat | 0.5 core | «@int» / «=divisor»
vints | 0.5 core | [«@int»]
vstrs | 0.5 core | [str(«@int»)]
vdict | 0.5 core | {«=word»: «@int»}
vset | 0.5 core | {«@int»}
vpair | 0.5 core | («@int», «=word»)
vint | 1 fallback | «=small»
vfloat | 1 fallback | «=float»
vstr | 1 fallback | «=word»
vints | 1 fallback | [«=small»]
vstrs | 1 fallback | [«=word»]
vdict | 1 fallback | {«=word»: «=small»}
vset | 1 fallback | {«=small»}
vpair | 1 fallback | («=small», «=word»)
vcount | 2 core | abs(«vint») % «=divisor» + «=one»
vcount | 1 core | min(abs(«vint»), «=cut»)
vcount | 1 list | len(«vints»[:«=cut»])
vcount | 1 string | len(«vstr»[:«=length»])
step | 3 core | «=one»
step | 3 core | «=small»
step | 2 core | «int» % «=divisor»
step | 1 string | len(«vstr»)
step | 1 list | len(«vints»)
step | 1 bitwise | «int» & «=mask»
iter | 4 core | range(«vcount»)
iter | 1 core | range(«=one», «vcount» + «=one»)
iter | 1 core | range(«vcount», «=zero», -«=one»)
iter | 2 list | «vints»[:«=cut»]
iter | 1 list | sorted(«vints»)[:«=cut»]
iter | 0.7 list | list(reversed(«vints»))[:«=cut»]
iter | 0.7 set | sorted(«vset»)[:«=cut»]
iter | 0.7 generator | list(«@f_gen»(«count»))
mapped | 2 core | [«vint+x» for «x:int» in «@ints»]
mapped | 1 core | [«vint+x» for «x:int» in «@ints» if «cond+x»]
mapped | 1 core | sorted(«@ints») + [«vint»]
type_int | 1 core | int
type_float | 1 core | float
type_bool | 1 core | bool
type_str | 1 core | str
type_ints | 1 core | list[int]
type_strs | 1 core | list[str]
type_dict | 1 core | dict[str, int]
type_set | 1 core | set[int]
type_pair | 1 core | tuple[int, str]
type_many | 1 core | tuple[«type», «types»]
result_int | 1 core | «$»
result_float | 1 core | «$»
result_bool | 1 core | «$»
result_str | 1 core | «$»
result_ints | 1 core | «$»
result_strs | 1 core | «$»
result_dict | 1 core | «$»
result_set | 1 core | «$»
result_pair | 1 core | «$»
"""

# Statements. `0`, `1`, `2` at the end of a symbol: inside so many loops; a symbol list shares one template.
STATEMENTS = """
stmt0 stmt1 stmt2 | 4 core
    «x!:int» = «vint»
stmt0 | 1 core
    «x!:int»: int = «vint»
stmt0 stmt1 stmt2 | 1.5 core
    «x!:str» = «vstr»
stmt0 stmt1 stmt2 | 1.5 list
    «x!:ints» = «vints»
stmt0 stmt1 | 0.7 list
    «x!:strs» = «vstrs»
stmt0 stmt1 | 0.8 dict
    «x!:dict» = «vdict»
stmt0 | 0.8 dict
    «x!:dict»: dict[str, int] = {«=word»: «vint»}
stmt0 stmt1 | 0.7 set
    «x!:set» = «vset»
stmt0 stmt1 stmt2 | 0.8 bool
    «x!:bool» = «cond»
stmt0 stmt1 | 0.9 float
    «x!:float» = «vfloat»
stmt0 stmt1 | 0.6 tuple
    «x!:pair» = «vpair»
stmt0 | 0.5 list
    «x!:ints»: list[int] = [«vint»]
stmt0 stmt1 | 0.6 unpack
    «x!:int», «y!:int» = «vint», «vint»
stmt0 | 0.5 unpack
    «x!:int», «y!:str» = «vpair»
stmt0 | 0.4 unpack
    «x!:int», *«y!:ints» = [«vint», *«ints»]
stmt0 stmt1 | 0.5 unpack
    «x!:int», «y!:int» = divmod(«vint», «=divisor»)
stmt0 | 2 arith
    «v~int» += «vint»
stmt0 | 1 arith
    «v~int» -= «vint»
stmt0 | 0.7 arith
    «v~int» *= «=small»
stmt0 | 0.5 arith
    «v~int» //= «=divisor»
stmt1 stmt2 | 3 core
    «v~int» += «step»
stmt1 stmt2 | 1 arith
    «v~int» -= «step»
stmt1 stmt2 | 2.5 core
    «v~int» = («v» * «=small» + «int») % «=large_modulus»
stmt1 stmt2 | 1 bitwise
    «v~int» ^= «int» & «=mask»
stmt1 stmt2 | 1 call
    «v~int» = max(«v» - «=small», «int» % «=large_modulus»)
stmt0 | 1 string
    «v~str» += «str»
stmt1 stmt2 | 1 string
    «v~str» = («v» + «str»)[-«=length»:]
stmt0 | 1 list
    «v~ints».append(«int»)
stmt1 stmt2 | 1.5 list
    «v~ints».append(«int» % «=large_modulus»)
stmt0 | 0.5 list
    «v~ints».extend(«ints»)
stmt0 | 0.4 list
    «v~ints».sort()
stmt0 | 0.4 list
    «v~ints».reverse()
stmt0 | 0.4 list
    «v~ints».insert(«=zero», «int»)
stmt0 | 0.5 slice
    «v~ints»[:«=one»] = [«int», «int»]
stmt0 | 0.3 list
    if «v~ints»:
        «x!:int» = «v».pop()
    else:
        «x» = «vint»
stmt0 | 0.4 list
    if len(«v~ints») > «=place»:
        del «v»[«=zero»]
stmt0 stmt1 stmt2 | 1 dict
    «v~dict»[«str»] = «int» % «=large_modulus»
stmt0 stmt1 stmt2 | 0.8 dict
    «x:str» = «str»
    «v~dict»[«x»] = «v».get(«x», «=zero») + «step»
stmt0 stmt1 stmt2 | 0.7 set
    «v~set».add(«int» % «=large_modulus»)
stmt0 stmt1 | 0.5 list
    «v~strs».append(«str»[:«=length»])
stmt0 | 0.8 float
    «v~float» += «float»
stmt1 stmt2 | 0.7 float
    «v~float» = round(«v» / «=divisor» + «float», «=decimals»)
stmt0 | 1.2 branch
    if «cond»:
        «block0»
stmt0 | 2 branch
    if «cond»:
        «block0»
    else:
        «block0»
stmt0 | 0.7 branch
    if «cond»:
        «block0»
    elif «cond»:
        «block0»
    else:
        «block0»
stmt0 | 0.6 walrus
    if («x:int» := «vint») > «=threshold»:
        «block0+x»
    else:
        «v~int» -= «x»
stmt1 | 1.5 branch
    if «cond»:
        «block1»
stmt1 | 1 branch
    if «cond»:
        «block1»
    else:
        «block1»
stmt2 | 1 branch
    if «cond»:
        «block2»
stmt0 | 2.5 loop
    for «x:int» in «iter»:
        «block1+x»
stmt1 | 0.8 loop
    for «x:int» in «iter»:
        «block2+x»
stmt0 | 0.5 loop
    for «c:str» in «vstr»[:«=length»]:
        «block1+c»
stmt0 | 0.5 loop
    for «i:int», «x:int» in enumerate(«vints»[:«=cut»]):
        «block1+i+x»
stmt0 | 0.4 loop
    for «x:int», «y:int» in zip(«vints»[:«=cut»], «vints»):
        «block1+x+y»
stmt0 | 0.5 loop
    for «k:str», «n:int» in sorted(«vdict».items())[:«=cut»]:
        «block1+k+n»
stmt0 | 0.5 loop
    for «x:int» in «iter»:
        if «cond+x»:
            break
        «block1+x»
    else:
        «v~int» += «step»
stmt0 | 0.5 loop
    for «x:int» in «iter»:
        if «cond+x»:
            continue
        «block1+x»
stmt0 | 1 while
    «x:int» = «vcount»
    while «x» > «=zero»:
        «x» -= «=one»
        «block1+x»
stmt0 | 0.5 while
    «x:int» = «vcount»
    while «x» > «=zero» and «cond+x»:
        «x» -= «=one»
        «block1+x»
stmt0 | 0.4 while
    «x:int» = abs(«vint») + «=one»
    while True:
        «x» //= «=divisor»
        «block1+x»
        if «x» == «=zero»:
            break
stmt1 | 0.5 loop
    if «cond»:
        «v~int» += «step»
        break
stmt1 | 0.5 loop
    if «cond»:
        «v~int» -= «step»
        continue
stmt0 stmt1 | 0.7 try
    try:
        «x!:int» = «ints»[«int»]
    except IndexError:
        «x» = «vint»
stmt0 stmt1 | 0.5 try
    try:
        «x!:int» = «int» // «vint»
    except ZeroDivisionError:
        «x» = «int»
stmt0 | 0.5 try
    try:
        «x!:int» = int(«vstr»)
    except ValueError as «e:exception»:
        «x» = len(str(«e»)) + «int»
stmt0 | 0.4 try
    try:
        «x!:int» = «dict»[«vstr»]
    except (KeyError, TypeError):
        «x» = «int»
    finally:
        «v~int» += «step»
stmt0 | 0.4 try
    try:
        if «cond»:
            raise ValueError(«str»)
        «x!:int» = «vint»
    except ValueError:
        «x» = «int»
    else:
        «x» += «=one»
stmt0 | 0.3 assert
    assert isinstance(«vint», int)
    «v~int» += «step»
stmt0 stmt1 | 0.7 none
    «x:opt» = next((«n» for «n:int» in «vints» if «cond+n»), None)
    «y!:int» = «int» if «x» is None else «x» + «int»
stmt0 | 0.4 none
    «x:opt»: int | None = «int» if «cond» else None
    if «x» is not None:
        «v~int» += «x»
stmt0 | 0.5 copy
    «x!:ints» = list(«v~ints»)
    «x».append(«vint»)
stmt0 | 0.7 class
    «x!:box» = «@cls_box»(«vint»)
    «x».add(«int»)
stmt0 | 1 class
    «b~box».add(«int»)
stmt1 stmt2 | 0.7 class
    «b~box».add(«int» % «=large_modulus»)
stmt0 | 2 with
    «l!:ints» = [«vint»]
    with «@cls_handle»(«l», «int») as «h:handle»:
        «v~int» += «h».read(«int»)
stmt0 | 2 with
    «l!:ints» = [«vint»]
    «h:handle» = «@cls_handle»(«l», «int»)
    «x!:int» = «h».read(«vint»)
    «h».close()
stmt0 | 2 async
    «x!:int» = await «@f_async»(«vint»)
stmt1 | 1 async
    «v~int» += await «@f_async»(«int») % «=divisor»
stmt0 | 0.4 nested
    def «f!:f_bool»(«n:int»: int) -> bool:
        return «cond+n»
    «x!:int» = int(«f»(«vint»)) + «int»
stmt0 | 0.4 nested
    def «f:closure»(«n:int»: int) -> None:
        nonlocal «v~int»
        «v» += «int+n»
    «f»(«vint»)
sink_int | 1 core
    «v~int» += «$» % «=modulus»
sink_int | 1 core
    «v~int» = («v» * «=small» + «$») % «=large_modulus»
sink_int | 1 core
    «v~int» ^= «$» & «=mask»
sink_bool | 1 core
    «v~int» += «=small» if «$» else «=one»
sink_float | 1 core
    «v~int» += int(«$») % «=modulus»
sink_str | 1 core
    «v~int» += sum(map(ord, «$»[:«=length»])) % «=modulus»
sink_str | 1 core
    «v~str» = («v» + «$»)[-«=length»:]
sink_ints | 1 core
    «v~int» += (sum(«$») + len(«$»)) % «=modulus»
sink_ints | 0.7 core
    «v~ints».extend(«$»[:«=cut»])
sink_strs | 1 core
    «v~int» += len("".join(«$»)) % «=modulus»
sink_dict | 1 core
    «v~int» += (sum(«$».values()) + len(«$»)) % «=modulus»
sink_set | 1 core
    «v~int» += (sum(«$») + len(«$»)) % «=modulus»
sink_pair | 1 core
    «v~int» += («$»[«=zero»] + len(«$»[«=one»])) % «=modulus»
sink_opt | 1 core
    «v~int» += «=one» if «$» is None else «$» % «=modulus»
sink_box | 1 core
    «v~int» += «$».total() % «=modulus»
sink_handle | 1 core
    «v~int» += «$».read(«=one») % «=modulus»
unit | 3 function
    def «f!:f_int»(«a:int»: int, «b:int»: int) -> int:
        «body_int+a+b»
unit | 2 function
    def «f!:f_str»(«a:str»: str, «b:int»: int) -> str:
        «body_str+a+b»
unit | 1.5 function
    def «f!:f_bool»(«a:int»: int) -> bool:
        return «cond+a»
unit | 1.5 function
    def «f!:f_ints»(«a:ints»: list[int]) -> list[int]:
        return «mapped+a»
unit | 1.5 recursion
    def «f!:f_rec»(«n:int»: int, «a:int»: int) -> int:
        if «n» <= «=zero»:
            return «vint+a»
        return («f»(«n» - «=one», («vint+a+n») % «=modulus») + «vint+n») % «=large_modulus»
unit | 1.5 class
    class «C!:cls_box»:
        def __init__(self, «a:int»: int) -> None:
            self.size = «vint+a»
            self.items: list[int] = []

        def add(self, «b:int»: int) -> None:
            self.items.append(«vint+b»)

        def total(self) -> int:
            return sum(self.items) + self.size
unit | 1 class
    class «C!:cls_box»:
        def __init__(self, «a:int»: int) -> None:
            self.size = «vint+a»
            self.items: list[int] = [«int+a»]

        def add(self, «b:int»: int) -> None:
            if «cond+b»:
                self.items.append(«vint+b»)
            else:
                self.size += «step+b»

        def total(self) -> int:
            return len(self.items) * «=small» + self.size
unit | 0.8 with
    class «C!:cls_handle»:
        def __init__(self, «l:ints»: list[int], «a:int»: int) -> None:
            self.log = «l»
            self.value = «vint+a»
            self.log.append(«=one»)

        def read(self, «b:int»: int) -> int:
            return self.value + «vint+b»

        def close(self) -> None:
            self.log.append(-«=one»)

        def __enter__(self) -> object:
            return self

        def __exit__(self, *details: object) -> None:
            self.close()
unit | 0.8 default
    def «f!:f_acc»(«a:int»: int, «b:ints»: list[int] | None = None) -> list[int]:
        if «b» is None:
            «b» = []
        «b».append(«vint+a»)
        return «b»
unit | 0.8 generator
    def «g!:f_gen»(«n:int»: int) -> «@Iterator»[int]:
        for «i:int» in range(«n»):
            yield «vint+i+n»
unit | 0.8 async
    async def «f!:f_async»(«a:int»: int) -> int:
        return «vint+a»
use_f_int | 1 core
    «x!:int» = «@f_int»(«vint», «vint»)
use_f_str | 1 core
    «x!:str» = «@f_str»(«vstr», «vint»)
use_f_bool | 1 core
    «x!:bool» = «@f_bool»(«vint»)
use_f_bool | 1 core
    «v~int» += «=small» if «@f_bool»(«vint») else «=one»
use_f_ints | 1 core
    «x!:ints» = «@f_ints»(«vints»)
use_f_rec | 1 core
    «x!:int» = «@f_rec»(«vcount», «vint»)
use_f_acc | 1 core
    «x!:ints» = «@f_acc»(«vint») + «@f_acc»(«vint»)
use_f_gen | 1 core
    «x!:ints» = list(«@f_gen»(«vcount»))
use_f_gen | 1 core
    «x!:int» = sum(«@f_gen»(«vcount»))
use_f_async | 1 core
    «x!:int» = await «@f_async»(«vint»)
use_cls_box | 1 core
    «b:box» = «@cls_box»(«vint»)
    for «x:int» in «iter»:
        «b».add(«x» * «=small» + «vint»)
    «y!:int» = «b».total()
use_cls_handle | 1 core
    «l!:ints» = [«vint»]
    with «@cls_handle»(«l», «vint») as «h:handle»:
        «v~int» += «h».read(«vint»)
use_cls_handle | 1 core
    «l!:ints» = [«vint»]
    «h:handle» = «@cls_handle»(«l», «vint»)
    «x!:int» = «h».read(«vint»)
    «h».close()
return_int | 1 core
    return «$»
return_int | 1 core
    return («$» * «=small» + «vint») % «=large_modulus»
return_str | 1 core
    return str(«$») + «str»
return_str | 1 core
    return f"{«$»}" + «vstr»
main | 1 core
    def «f:main»(«parameters») -> «returned»:
        «body_main»
main_async | 1 core
    async def «f:main»(«parameters») -> «returned»:
        «body_main»
result_one | 1 core
    return «result»
result_many | 1 core
    return («result», «results»)
import_math | 1 math
    import math
import_Iterator | 1 generator
    from collections.abc import Iterator
"""

PARAMETERS = """
parameter_int | 1 core | «$»: int
parameter_float | 1 core | «$»: float
parameter_bool | 1 core | «$»: bool
parameter_str | 1 core | «$»: str
parameter_ints | 1 core | «$»: list[int]
parameter_strs | 1 core | «$»: list[str]
parameter_dict | 1 core | «$»: dict[str, int]
"""
