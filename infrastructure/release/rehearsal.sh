#!/usr/bin/env bash
# The story on a cluster made by kind.sh: two versions, an experiment, a slot killed, an approval, a promotion, the way back.
# $CONTENDER is `contender cluster run --`, $TASK the task. Training runs here, against the cluster's MLflow and S3, and
# so does approving: a private key enters no cluster.
set -euo pipefail
cd "$(dirname "$0")/../.."

kubectl -n mlflow port-forward service/mlflow 5000:5000 >&2 &
kubectl -n backends port-forward service/s3 9000:9000 >&2 &
timeout 60 bash -c 'until curl --silent --fail http://127.0.0.1:5000/health; do sleep 1; done' >&2
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1
export CONTENDER_S3_ENDPOINT=http://127.0.0.1:9000 CONTENDER_TRACKING_URI=http://127.0.0.1:5000
export CONTENDER_ARTIFACT_ROOT=s3://contender/models
.venv/bin/python -c 'import boto3; boto3.client("s3", endpoint_url="http://127.0.0.1:9000").create_bucket(Bucket="contender")'
for seed in 1 2; do .venv/bin/contender train --task "$TASK" --seed "$seed" --override "a rehearsal" --json; done

$CONTENDER up --task "$TASK" --json
$CONTENDER experiment start --task "$TASK" --json
kubectl -n contender delete pod --selector "app=isvc.$TASK-green-predictor" --wait=false
$CONTENDER release reconcile --task "$TASK" --json

CONTENDER_HOME=$(mktemp -d)
export CONTENDER_HOME CONTENDER_ACTOR=ada
.venv/bin/contender release key --out "$CONTENDER_HOME/ada.key" --json
kubectl -n contender create configmap approvers --from-file="$CONTENDER_HOME/approvers/ada.pub" \
  --dry-run=client --output=yaml | kubectl apply --server-side --field-manager=approvers --filename=-
$CONTENDER release evidence --task "$TASK" --json > "$CONTENDER_HOME/evidence.json"
.venv/bin/contender approve --task "$TASK" --key "$CONTENDER_HOME/ada.key" --evidence "$CONTENDER_HOME/evidence.json" \
  --out "$CONTENDER_HOME/approval.json" --json
$CONTENDER promote --task "$TASK" --override "a rehearsal" --approval "$CONTENDER_HOME/approval.json" --json
$CONTENDER undo --task "$TASK" --reason "a rehearsal" --json
$CONTENDER audit verify --task "$TASK" --json
