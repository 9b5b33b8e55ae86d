#!/bin/sh
# Installs what `npm run bench` compares with: npm packages beside this file, scikit-learn in build/compare-venv.
# PYTHON names the interpreter (default python3). Without scikit-learn it says why and the bench leaves it out.
# Must not touch the library's own dependencies or the system's Python.
set -eu
cd "$(dirname "$0")/../.."
version=1.9.1
venv=build/compare-venv
python=${PYTHON:-python3}

npm ci --prefix bench/compare --ignore-scripts --no-fund --no-audit

without() {
  rm -rf "$venv"
  echo "scikit-learn is left out of the bench: $1"
  exit 0
}

command -v "$python" >/dev/null || without "there is no $python"
"$python" -m venv "$venv" || without "$python cannot make a virtual environment (Debian: python3-venv)"
if ! "$venv/bin/python" -m pip install --quiet "scikit-learn==$version"; then
  "$python" -c 'import sklearn, threadpoolctl' 2>/dev/null || without "pip cannot install version $version (see above)"
  echo "pip cannot install scikit-learn $version: the system's own is used (the results name its version)"
  "$python" -m venv --clear --system-site-packages "$venv"
fi
"$venv/bin/python" -c 'import sklearn; print("scikit-learn", sklearn.__version__)'
