#!/usr/bin/env bash
# Checks all of this without an AWS account, in a copy that is thrown away.
#
#   check.sh             format, validate, terraform test with a mocked provider
#   check.sh --moto      the real provider against moto_server: apply, an empty second plan, destroy
#   check.sh --checkov   static policy scan
#
# Several flags add up; with any, only what they name runs. terraform comes from PATH and keeps TF_CLI_CONFIG_FILE.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
moto_pid=

clean_up() {
  set +e # the server may have ended by itself, and the folder has to go all the same
  if [[ -n $moto_pid ]]; then
    kill "$moto_pid" 2>/dev/null
    wait "$moto_pid" 2>/dev/null
  fi
  rm -rf "$work"
}
trap clean_up EXIT

say() { printf '%s\n' "terraform: $*" >&2; }

# Silent when it works, and says everything when it does not.
quietly() {
  local log=$work/log
  "$@" >"$log" 2>&1 || {
    local status=$?
    cat "$log" >&2
    return "$status"
  }
}

prepare() {
  # A finished copy: no .terraform of the reader's own, and overrides can be laid over it.
  mkdir -p "$work/copy" "$work/plugins"
  tar -C "$here" --exclude=.terraform --exclude='*.tfstate*' --exclude='*.tfvars' -cf - . | tar -C "$work/copy" -xf -
  export TF_IN_AUTOMATION=1 TF_INPUT=0 CHECKPOINT_DISABLE=1
  # One download for all; the modules have no lock file that the cache could contradict.
  export TF_PLUGIN_CACHE_DIR=${TF_PLUGIN_CACHE_DIR:-$work/plugins} TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE=1
}

init() {
  if [[ -f .terraform.lock.hcl ]]; then
    quietly terraform init -no-color -backend=false -lockfile=readonly
  else
    quietly terraform init -no-color -backend=false
  fi
}

check_logic() {
  say "format"
  terraform fmt -check -diff -recursive "$here"
  local folder
  for folder in modules/* bootstrap envs/staging envs/production; do
    say "$folder"
    (
      cd "$work/copy/$folder"
      init
      quietly terraform validate -no-color
      compgen -G 'tests/*.tftest.hcl' >/dev/null || exit 0
      quietly terraform test -no-color
      tail -n 1 "$work/log" >&2
    )
  done
}

start_moto() {
  local command=(moto_server)
  command -v moto_server >/dev/null || command=(uvx --from 'moto[server]==5.2.1' moto_server)
  : >"$work/moto.log"
  # Without the managed policies IAM knows nothing of AmazonEKSClusterPolicy.
  MOTO_IAM_LOAD_MANAGED_POLICIES=true "${command[@]}" -H 127.0.0.1 -p 0 >"$work/moto.log" 2>&1 &
  moto_pid=$!
  local port= deadline=$((SECONDS + 60))
  until [[ -n $port ]]; do
    port=$(sed -n 's#.*Running on http://127\.0\.0\.1:\([0-9]*\).*#\1#p' "$work/moto.log")
    if ((SECONDS > deadline)) || ! kill -0 "$moto_pid" 2>/dev/null; then
      cat "$work/moto.log" >&2
      say "moto_server did not start"
      return 1
    fi
    sleep 0.2
  done
  unset AWS_PROFILE AWS_SESSION_TOKEN
  # The S3 backend reads the second form only.
  export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ENDPOINT_URL_S3=http://127.0.0.1:$port
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  export AWS_REGION=eu-central-1 AWS_EC2_METADATA_DISABLED=true
}

# Path style, because no name server knows the bucket's host.
init_on_moto() {
  quietly terraform init -no-color "$@" -backend-config=bucket="$bucket" -backend-config=region="$AWS_REGION" \
    -backend-config=use_path_style=true
}

# The steps of bootstrap/README.md: a local state first, moved into the bucket it made.
bootstrap_account() {
  cd "$work/copy/bootstrap"
  cp terraform.tfvars.example terraform.tfvars
  cp "$work/copy/tests/moto/state_override.tf" .
  printf 'terraform {\n  backend "local" {}\n}\n' >backend_override.tf
  quietly terraform init -no-color
  quietly terraform apply -no-color -auto-approve
  bucket=$(terraform output -raw state_bucket)
  rm backend_override.tf
  init_on_moto -migrate-state -force-copy
  unchanged
}

unchanged() {
  quietly terraform plan -no-color -detailed-exitcode || {
    say "a second plan wants to change something"
    return 1
  }
}

check_real_provider() {
  start_moto
  say "bootstrap on moto: apply, move the state into its bucket, second plan"
  local bucket
  bootstrap_account

  cd "$work/copy/envs/staging"
  cp "$work"/copy/tests/moto/{platform_override,stand_in}.tf "$work/copy/modules/platform/"
  cp "$work/copy/tests/moto/cluster_override.tf" "$work/copy/modules/cluster/"
  cp "$work/copy/tests/moto/database_override.tf" "$work/copy/modules/database/"
  cp "$work/copy/tests/moto/account.auto.tfvars.json" .
  init_on_moto
  say "staging on moto: apply"
  quietly terraform apply -no-color -auto-approve
  tail -n 1 <(grep 'Apply complete' "$work/log") >&2
  say "staging on moto: second plan"
  unchanged
  say "staging on moto: destroy"
  quietly terraform destroy -no-color -auto-approve
  grep 'Destroy complete' "$work/log" >&2
}

check_policy() {
  local command=(checkov)
  command -v checkov >/dev/null || command=(uvx checkov)
  say "checkov"
  quietly "${command[@]}" --directory "$work/copy" --framework terraform --skip-path '/tests/' --compact --quiet --skip-download
  # A scan that found nothing to scan also ends well.
  grep -E 'Passed checks: [1-9]' "$work/log" >&2
}

main() {
  cd "$here"
  prepare
  (($# > 0)) || check_logic
  local flag
  for flag in "$@"; do
    case $flag in
      --moto) check_real_provider ;;
      --checkov) check_policy ;;
      *) say "unknown flag $flag" && return 2 ;;
    esac
  done
  say "all well"
}

main "$@"
