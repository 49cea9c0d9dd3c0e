# Shared by scripts/try and scripts/test: find Python, make an environment, install into it.
# Each step prints what it does and stops with one sentence when something is missing.

die() {
    echo "error: $*" >&2
    exit 2
}

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo 'no python3')
    die "Python 3.11 or newer is needed, found $found; install it and run this again"
}

# make_venv DIR: a virtual environment, made anew when it is missing or broken
make_venv() {
    if ! "$1/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(find_python) || exit 2
        echo "making an environment in $1 with $("$python" --version)"
        rm -rf "$1"
        "$python" -m venv "$1" >"$1.log" 2>&1 || die "the environment could not be made: $(tail -n 1 "$1.log") (Debian and Ubuntu: apt-get install python3-venv)"
        rm -f "$1.log"
    fi
}

# install DIR WHAT...: pip install into the environment, quiet unless it fails
install() {
    venv=$1
    shift
    log=$venv/install.log
    if ! "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "$@" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        case $(tail -n 15 "$log") in
        *'No space left on device'*) why="the disk is full; free some space and run this again" ;;
        *) why="is a package index reachable?" ;;
        esac
        die "pip could not install $*; $why (the whole log: $log)"
    fi
}

need_git() {
    command -v git >/dev/null 2>&1 || die "git was not found; install git 2.31 or newer and run this again"
}
