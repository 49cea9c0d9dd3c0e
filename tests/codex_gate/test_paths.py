"""What a path says about a file."""

from __future__ import annotations

import pytest

from codex_gate.paths import directory, language, role, subsystem

ROLES = {
    "code": [
        "setup.py", "src/app/views.py", "src/main/java/org/x/Foo.java", "src/main/java/org/x/Latest.java", "lib/contest.rb", "cmd/main.go", "crates/core/src/lib.rs",
        "src/index.ts", "src/Attestation.cs", "include/x.h", "kernel/sched.c", "web/app.vue", "docs/conf.py", "build.gradle.kts", "Package.swift", "app/protest.php",
        "src/features/cart.ts", "lib/latest/a.py", "src/contest/a.c", "src/attest.c", "lib/protests/a.rb", "src/fastest.rs",
        "src/latest_news.py", "scripts/run.sh", "manifest/specimen.py", "NOTEBOOK.ipynb", "pytest_plugin.py", "src/inspector/spectrum.py", "a\nb.py", "UPPER.PY",
    ],
    "test": [
        "tests/test_app.py", "test_app.py", "app_test.py", "pkg/foo_test.go", "conftest.py", "shop/tests.py", "test.js", "src/test/java/org/x/FooTest.java",
        "org/x/FooTests.java", "org/x/TestFoo.java", "org/x/FooTestCase.java", "src/it/Foo.java", "module/src/it/Foo.java", "src/foo.test.ts", "src/foo.spec.ts",
        "spec/models/user_spec.rb", "spec/helper.rb", "src/__tests__/App.jsx", "Tests/AppTests/App.swift", "Shop.Tests/CartShould.cs", "t/testing/util.c",
        "crates/core/tests/it.rs", "test/unit/test_x.f90", "testdata/input.go", "src/UnitTests/Maps.cs", "src/Shop.UnitTests/Maps.cs", "IntegrationTests/a.py",
        "src/format-test.cc", "lib/test-fs.c", "features/support/env.rb", "features/step_definitions/steps.rb",
    ],
    "doc": ["README.md", "README", "docs/index.rst", "doc/figure.png", "CHANGES", "CHANGELOG.md", "LICENSE", "notes.txt", "docs/Makefile.txt", "man/tool.1", "site/index.html"],
    "config": [
        "pyproject.toml", "setup.cfg", ".github/workflows/ci.yml", "Makefile", "Dockerfile", "package.json", "pom.xml", "go.mod", "CMakeLists.txt", "Cargo.toml", "gradle.properties",
        "requirements.txt", "requirements-dev.txt", "build.gradle", "infra/main.tf", "docs/mkdocs.yml", "tsconfig.json", "Jenkinsfile", "Gemfile",
    ],
    "data": ["Cargo.lock", "tests/data/input.json", "logo.png", "table.csv", "package-lock.json", "translations/de.po", "lib/x.jar"],
    "other": [".gitignore", "bin/tool", "x", "a.unknown", "noext/file"],
}  # fmt: skip


@pytest.mark.parametrize(("expected", "path"), [(kind, path) for kind, paths in ROLES.items() for path in paths])
def test_role(expected: str, path: str) -> None:
    assert role(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.py", "python"), ("a.PY", "python"), ("x/a.pyi", "python"), ("A.java", "java"), ("a.kts", "kotlin"), ("a.tsx", "typescript"), ("a.mjs", "javascript"), ("a.go", "go"), ("a.rs", "rust"),
        ("a.h", "c"), ("a.hpp", "cpp"), ("a.cs", "csharp"), ("a.rb", "ruby"), ("a.tar.gz", None), ("py", None), (".py", None), ("a.py/b", None), ("", None), ("a.md", None), ("a.", None),
        ("\udcff.py", "python"),
    ],
)  # fmt: skip
def test_language(path: str, expected: str | None) -> None:
    assert language(path) == expected


@pytest.mark.parametrize(
    ("path", "top", "folder"),
    [("a", "", ""), ("src/a", "src", "src"), ("src/net/a", "src", "src/net"), ("a b/c\nd/e", "a b", "a b/c\nd"), ("..a/b", "..a", "..a")],
)
def test_subsystem_and_directory(path: str, top: str, folder: str) -> None:
    assert (subsystem(path), directory(path)) == (top, folder)
