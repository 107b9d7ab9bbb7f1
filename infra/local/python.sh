#!/bin/sh
# Prints the Python to use: the one asked for ($1), else the first 3.12 or 3.11 found that has its venv module.
set -eu
without_venv=""
for candidate in ${1:-python3.12 python3.11 python3 /usr/bin/python3}; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case "$version" in 3.11 | 3.12) ;; *) continue ;; esac
    if "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
        command -v "$candidate"
        exit 0
    fi
    without_venv="$version"
done
if [ -n "$without_venv" ]; then
    echo "Python $without_venv is here without its venv module." >&2
    echo "  To mend it: apt-get update && apt-get install -y python$without_venv-venv" >&2
elif [ -n "${1:-}" ]; then
    echo "'$1' is not a Python 3.11 or 3.12 ($("$1" --version 2>&1 || echo 'it does not run'))." >&2
    echo "  To mend it: make PYTHON=/path/to/python3.11 …, or leave PYTHON out" >&2
else
    echo "No Python 3.11 or 3.12 is here." >&2
    echo "  To mend it: apt-get update && apt-get install -y python3 python3-venv   (Debian 12 brings 3.11)" >&2
fi
exit 1
