#!/usr/bin/env bash
# Runs `contender ARGUMENTS…` inside the cluster, as a job of the release's account, and ends with its exit code:
#   TASK=job-change infrastructure/release/job.sh experiment status --json
# Workflows reach Kubernetes, but neither the store nor its password; the job has both. It is made from a CronJob of the task,
# <task>-undo for `undo` (all that the rollback group may start), <task>-reconcile for the rest. The file after `--approval`
# travels in a ConfigMap. stdout: the JSON object or the page that the command prints; everything else goes to stderr.
set -euo pipefail

readonly TASK=${TASK:?names the task} SPACE=${CONTENDER_NAMESPACE:-contender} WAIT_S=${JOB_WAIT_S:-1900}
form=$TASK-reconcile
[[ $1 != undo ]] || form=$TASK-undo
name=$form-${GITHUB_RUN_ID:-hand}-$(date +%s%N | tail -c 8)
readonly form name

approval=
arguments=("$@")
for ((at = 0; at < $#; at++)); do
  if [[ ${arguments[at]} == --approval ]]; then
    approval=${arguments[at + 1]}
    arguments[at + 1]=/etc/contender/approval/approval.json
  fi
done

# The job as the CronJob makes it, with other arguments, and with the approval where there is one. Not as its child: the
# CronJob's history would delete it before it is read. Its own ttlSecondsAfterFinished does. jq 1.6 needs the `--`.
manifest() {
  kubectl --namespace "$SPACE" create job "$name" --from="cronjob/$form" --dry-run=client --output=json |
    jq --arg name "$name" --arg approval "$approval" '
      del(.metadata.ownerReferences)
      | .spec.template.spec.containers[0].args = $ARGS.positional
      | if $approval == "" then . else
          .spec.template.spec.containers[0].volumeMounts += [{name: "approval", mountPath: "/etc/contender/approval", readOnly: true}]
          | .spec.template.spec.volumes += [{name: "approval", configMap: {name: $name}}]
        end' --args -- "${arguments[@]}"
}

[[ -z $approval ]] || kubectl --namespace "$SPACE" create configmap "$name" --from-file=approval.json="$approval" >&2
manifest | kubectl --namespace "$SPACE" create --filename=- >&2

ended() { kubectl --namespace "$SPACE" get job "$name" --output=jsonpath='{.status.conditions[?(@.status=="True")].type}'; }
until [[ $(ended) =~ Complete|Failed ]]; do
  ((SECONDS < WAIT_S)) || {
    echo "job.sh: $name did not end within $WAIT_S s; it goes on: kubectl -n $SPACE logs job/$name" >&2
    exit 1
  }
  sleep 1
done

# A page lies between its first and last tag, a JSON object between braces that stand alone.
from='^{$' to='^}$'
[[ " $* " != *" report "* ]] || from='^<!doctype html>' to='</html>'
log=$(kubectl --namespace "$SPACE" logs "job/$name" --container=release)
sed -n "\\|$from|,\\|$to|p" <<<"$log"
sed "\\|$from|,\\|$to|d" <<<"$log" >&2
code=$(kubectl --namespace "$SPACE" get pods --selector="batch.kubernetes.io/job-name=$name" \
  --output=jsonpath='{.items[-1:].status.containerStatuses[0].state.terminated.exitCode}')
exit "${code:-1}"
