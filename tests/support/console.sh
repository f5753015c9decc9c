#!/usr/bin/env bash
# The console's types, unit tests and build; the server embeds the build.
set -euo pipefail
cd "$(dirname "$0")/../../web"
npm ci --silent --no-audit --no-fund
npm run check
npm test
npm run build
