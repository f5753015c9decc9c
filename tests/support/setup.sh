# Shared by ./run and ./test: where things are built, and how what is missing is installed.
# Builds are kept outside the tree, so that a fresh clone on the same machine reuses them.
export BACKPLANE_CACHE="${BACKPLANE_CACHE:-$HOME/.cache/backplane}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$BACKPLANE_CACHE/target}"
mkdir -p "$BACKPLANE_CACHE"

# need COMMAND HINT
need() {
  command -v "$1" >/dev/null || { echo "$1 is missing: $2" >&2; exit 1; }
}

# packages NAME...: Debian packages that are not there yet.
packages() {
  local missing=() package
  for package in "$@"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  if [ "${#missing[@]}" -eq 0 ]; then return; fi
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then sudo=sudo; fi
  echo "Installing ${missing[*]}"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
}

need_node() {
  if ! command -v node >/dev/null; then packages nodejs npm; fi
}

# Builds web/dist unless it is newer than every source of it.
build_console() {
  local newest
  newest=$(find web -path web/node_modules -prune -o -path web/dist -prune -o -type f \
    -newer web/dist/index.html -print -quit 2>/dev/null || echo missing)
  if [ -f web/dist/index.html ] && [ -z "$newest" ]; then return; fi
  (cd web && npm ci --silent --no-audit --no-fund && npm run --silent build)
}
