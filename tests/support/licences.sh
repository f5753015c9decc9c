#!/usr/bin/env bash
# Licences, bans and sources of all dependencies. The advisory database is not a package.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools="$BACKPLANE_CACHE/tools"
if [ ! -x "$tools/bin/cargo-deny" ]; then
  cargo install --quiet --locked --root "$tools" cargo-deny
fi
"$tools/bin/cargo-deny" --locked check licenses bans sources
