#!/usr/bin/env bash
# The story on a cluster made by kind.sh: two versions, an experiment, a slot killed, a promotion, and the way back.
# $CONTENDER is infrastructure/release/job.sh, $TASK the task. Training runs here, against the cluster's MLflow and S3.
set -euo pipefail
cd "$(dirname "$0")/../.."

kubectl -n mlflow port-forward service/mlflow 5000:5000 >&2 &
kubectl -n backends port-forward service/s3 9000:9000 >&2 &
timeout 60 bash -c 'until curl --silent --fail http://127.0.0.1:5000/health; do sleep 1; done' >&2
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1
export MLFLOW_S3_ENDPOINT_URL=http://127.0.0.1:9000 CONTENDER_TRACKING_URI=http://127.0.0.1:5000
export CONTENDER_ARTIFACT_ROOT=s3://contender/models
.venv/bin/python -c 'import boto3; boto3.client("s3", endpoint_url="http://127.0.0.1:9000").create_bucket(Bucket="contender")'
for seed in 1 2; do .venv/bin/contender train --task "$TASK" --seed "$seed" --override "a rehearsal" --json; done

$CONTENDER up --task "$TASK" --json
$CONTENDER experiment start --task "$TASK" --json
kubectl -n contender delete pod --selector "app=isvc.$TASK-green-predictor" --wait=false
$CONTENDER release reconcile --task "$TASK" --json
$CONTENDER promote --task "$TASK" --override "a rehearsal" --json
$CONTENDER undo --task "$TASK" --reason "a rehearsal" --json
$CONTENDER audit verify --task "$TASK" --json
