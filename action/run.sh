#!/usr/bin/env bash
# An environment of its own, then codex-gate, isolated from the tree that was checked out. The environment holds the locked
# libraries alone and lies in the tool cache, one for each lock and installation of Python; environment.py says which it is to be.
# With `place` as its argument it only tells the runner where the environment lies and whether it is there, so that a cache can bring it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python \
        "${RUNNER_TOOL_CACHE:-/nowhere}"/Python/3.1[1-9].*/*/bin/python3 "${RUNNER_TOOL_CACHE:-/nowhere}"/Python/3.1[1-9].*/*/python.exe; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    echo "::error title=codex-gate::no Python 3.11 or newer on this runner; put actions/setup-python before this step"
    exit 2
}

python=$(find_python) || { echo "$python" && exit 2; }
told=$("$python" -I "$here/action/environment.py")
{ read -r lock && read -r key; } <<<"$told"
venv=${RUNNER_TOOL_CACHE:-$here/.venv}/codex-gate/$key

bin() { if [ -d "$1/Scripts" ]; then echo "$1/Scripts"; else echo "$1/bin"; fi; }

# A cache may bring an environment whose Python is gone from this runner: it holds a link to it.
works() { "$(bin "$1")/python" -I -c '' 2>/dev/null; }

if [ "${1:-}" = place ]; then
    printf 'key=codex-gate-%s\npath=%s\nthere=%s\n' "$key" "$venv" "$(works "$venv" && echo true || echo false)" >>"$GITHUB_OUTPUT"
    exit
fi

make() {
    "$python" -I -m venv "$1" &&
        "$(bin "$1")/python" -I -m pip install --disable-pip-version-check --no-input --only-binary :all: --require-hashes --no-deps -r "$here/action/$lock"
}

if ! works "$venv"; then
    new=$venv.$$
    mkdir -p "$(dirname "$venv")"
    if ! make "$new" >"$new.log" 2>&1; then
        token=$RANDOM$RANDOM
        printf '::stop-commands::%s\n%s\n::%s::\n' "$token" "$(tail -n 20 "$new.log")" "$token"
        rm -rf "$new" "$new.log"
        echo "::error title=codex-gate::the libraries could not be installed; is a package index reachable from this runner?"
        exit 3
    fi
    rm -f "$new.log"
    if works "$venv"; then # another job was quicker
        rm -rf "$new"
    else
        rm -rf "$venv"
        mv "$new" "$venv"
    fi
fi
exec "$(bin "$venv")/python" -I "$here/action/main.py"
