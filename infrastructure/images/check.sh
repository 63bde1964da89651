#!/usr/bin/env bash
# Lints the Dockerfiles, installs what each image installs, holds it to its size and writes its SBOM (CycloneDX) to dist/sbom.
# The base image is on top of these sizes; BASE_MB is what python:slim-bookworm takes unpacked, rounded up.
#   infrastructure/images/check.sh            lint only
#   infrastructure/images/check.sh --install  and install, measure, describe
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly BASE_MB=130 TOOLS=.tools/images
UV=$(command -v uv || echo .tools/uv/bin/uv)
readonly UV

[[ -x $TOOLS/bin/hadolint ]] || {
  "$UV" venv --quiet "$TOOLS"
  "$UV" pip install --quiet --python "$TOOLS/bin/python" --requirement infrastructure/images/requirements.txt
}
"$TOOLS/bin/hadolint" serving/Dockerfile pipelines/Dockerfile
echo "hadolint: clean" >&2
[[ ${1:-} == --install ]] || exit 0

# image NAME LIMIT_MB DOCKERFILE STAGE: run the stage's own commands into an empty folder.
image() {
  local name=$1 limit=$2 file=$3 stage=$4 folder=$PWD/.tools/image-$1 command
  rm -rf "$folder"
  while IFS= read -r command; do
    case $command in
      "uv sync"*) (eval "UV_PROJECT_ENVIRONMENT=$folder UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy $UV ${command#uv } --quiet") ;;
      find*) (cd "$folder"/lib/python3.11/site-packages && eval "$command") ;;
    esac
  done < <(sed -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' "$file" |
    awk -v stage="$stage" '/^FROM /{inside = ($NF == stage)} inside && sub(/^RUN /, "")')
  mkdir -p dist/sbom
  "$TOOLS/bin/cyclonedx-py" environment "$folder/bin/python" --output-reproducible \
    --output-format JSON --output-file "dist/sbom/$name.cdx.json"
  du --summarize --block-size=1000000 "$folder" |
    awk -v name="$name" -v base=$BASE_MB -v limit="$limit" \
      '{printf "%s: %d MB with its base, at most %d\n", name, $1 + base, limit; exit $1 + base > limit}'
}

image serving 500 serving/Dockerfile build
image pipelines 1200 pipelines/Dockerfile pipelines-build
image monitoring 1200 pipelines/Dockerfile monitoring-build
