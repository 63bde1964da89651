#!/usr/bin/env bash
# Plays rounds of the release until its verdict is known, at most SECONDS: verdict.sh WAIT_S EVERY_S
# Prints one word: promote, rolled-back, or hold when the time is over. It may be started again: rounds resume, and one that
# finishes a promotion watches it for BAKE_S. A round that finds another one at work tells nothing: it is played again.
# $CONTENDER is the command: `contender`, or infrastructure/release/job.sh.
set -euo pipefail

: "${CONTENDER:?is the command}" "${TASK:?names the task}"
readonly WAIT_S=$1 EVERY_S=$2 BAKE_S=${BAKE_S:-60} BUSY_S=${BUSY_S:-5}
# Whoever is at work bakes, or is dead and holds the lease for a while yet.
readonly BUSY_UNTIL_S=$((WAIT_S + ${BAKE_S%.*} + 60))
while :; do
  code=0
  round=$($CONTENDER release reconcile --task "$TASK" --bake "$BAKE_S" --json) || code=$?
  # 3: the round itself rolled back. Any other failure is one.
  [[ $code == 0 || $code == 3 ]] || exit "$code"
  if [[ $(jq .busy <<<"$round") == true ]] && ((SECONDS < BUSY_UNTIL_S)); then
    jq --raw-output .waits_for <<<"$round" >&2
    sleep "$BUSY_S"
    continue
  fi
  said=$(jq --raw-output 'if .busy then "hold" elif .rolled_back or .phase == "prepared" or .phase == "idle" then "rolled-back"
    elif .phase == "promoted" or .phase == "promoting" or .verdict.decision == "promote" then "promote"
    else "hold" end' <<<"$round")
  jq --raw-output '"\(.phase): \(.waits_for // "")\(.did | join("; "))"' <<<"$round" >&2
  if [[ $said != hold ]] || ((SECONDS + EVERY_S > WAIT_S)); then
    echo "$said"
    exit 0
  fi
  sleep "$EVERY_S"
done
