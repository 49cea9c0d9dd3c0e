"""What a path says about a file: its language and its role, by name alone."""

from __future__ import annotations

import re
from functools import lru_cache
from posixpath import basename, splitext

LANGUAGES = {
    ".py": "python", ".pyi": "python", ".pyx": "python", ".java": "java", ".kt": "kotlin", ".kts": "kotlin", ".scala": "scala", ".groovy": "groovy",
    ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".ts": "typescript", ".tsx": "typescript", ".vue": "javascript",
    ".go": "go", ".rs": "rust", ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hh": "cpp", ".hpp": "cpp", ".hxx": "cpp",
    ".m": "objc", ".mm": "objc", ".cs": "csharp", ".rb": "ruby", ".php": "php", ".swift": "swift", ".lua": "lua", ".pl": "perl", ".pm": "perl",
    ".sh": "shell", ".bash": "shell", ".zsh": "shell", ".ps1": "powershell", ".sql": "sql", ".r": "r", ".jl": "julia", ".ex": "elixir", ".exs": "elixir",
    ".erl": "erlang", ".hs": "haskell", ".clj": "clojure", ".dart": "dart", ".vim": "vim", ".zig": "zig", ".f90": "fortran", ".ml": "ocaml",
}  # fmt: skip
_DOCS = frozenset({".md", ".rst", ".txt", ".adoc", ".html", ".htm", ".tex", ".pod", ".man", ".1"})
_DATA = frozenset(
    {".json", ".csv", ".tsv", ".xml", ".svg", ".lock", ".snap", ".png", ".jpg", ".gif", ".ico", ".pdf", ".zip", ".jar", ".gz", ".po", ".mo", ".pb"}
)
_CONFIG = frozenset({".yml", ".yaml", ".toml", ".ini", ".cfg", ".conf", ".properties", ".gradle", ".mk", ".cmake", ".env", ".tf"})
_CONFIG_NAMES = frozenset(
    {"makefile", "dockerfile", "pom.xml", "package.json", "tsconfig.json", "cmakelists.txt", "gemfile", "rakefile", "jenkinsfile", "vagrantfile", "go.mod"}
)
_DOC_NAMES = frozenset({"changes", "changelog", "readme", "license", "copying", "notice", "authors", "contributors", "news", "todo"})
_TEST = re.compile(
    r"(?:^|/)(?:(?:[^/]*[._-])?[Tt]ests?|[^/]*[a-z0-9]Tests?|testing|specs?|__tests__|testdata|testsuite|fixtures|step_definitions)/"
    r"|(?:^|/)(?:tests?|test[_-][^/]*|[^/]*[_-]test|[^/]*[._-]spec|[^/]*\.test|conftest|[^/]*Tests?|[^/]*TestCase|Test[A-Z][^/]*)\.[A-Za-z0-9]+$"
    r"|(?:^|/)src/it/|^features/[^/]*(?:/[^/]*)*\.(?:rb|js|py)$"
)
_FOREIGN = re.compile(
    r"(?:^|/)(?:vendor|vendored|node_modules|third[_-]?party|3rdparty|bower_components|dist|generated)/|\.min\.(?:js|css)$|(?:_pb2(?:_grpc)?\.py|\.pb\.go|_generated\.\w+|\.g\.dart|-lock\.\w+)$",
    re.IGNORECASE,
)


@lru_cache(maxsize=65536)
def language(path: str) -> str | None:
    """The programming language by the file's suffix, in lower case; None when it is no program text."""
    return LANGUAGES.get(splitext(path)[1].lower())


@lru_cache(maxsize=65536)
def role(path: str) -> str:
    """One of code, test, doc, config, data, other."""
    name = basename(path).lower()
    stem, suffix = splitext(name)
    if suffix in LANGUAGES or suffix in (".ipynb", ".ipp"):
        return "test" if _TEST.search(path) else "code"
    if name in _CONFIG_NAMES or suffix in _CONFIG or (suffix == ".txt" and stem.startswith("requirements")):
        return "config"
    if suffix in _DOCS or stem in _DOC_NAMES or path.startswith(("doc/", "docs/")):
        return "doc"
    return "data" if suffix in _DATA else "other"


def is_foreign(path: str) -> bool:
    """Whether a file is vendored or generated: nobody here wrote it by hand."""
    return bool(_FOREIGN.search(path))


@lru_cache(maxsize=65536)
def subsystem(path: str) -> str:
    """The top directory, an empty string for a file at the root. Source: Kamei et al. 2013, measure NS."""
    return path.partition("/")[0] if "/" in path else ""


@lru_cache(maxsize=65536)
def directory(path: str) -> str:
    return path.rpartition("/")[0]
