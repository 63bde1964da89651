#!/usr/bin/env bash
# A cluster on this machine (kind) with what the overlay `local` needs: certificates, Envoy Gateway, KServe, images, Secrets.
# Needs docker, kind, kubectl and helm; the versions are those that KServe 0.20 names (its kserve-deps.env).
set -euo pipefail
cd "$(dirname "$0")/../.."

kind create cluster --name contender --wait 120s
helm upgrade --install cert-manager oci://quay.io/jetstack/charts/cert-manager --version v1.17.0 \
  --namespace cert-manager --create-namespace --set crds.enabled=true --wait
helm upgrade --install eg oci://docker.io/envoyproxy/gateway-helm --version v1.8.1 \
  --namespace envoy-gateway-system --create-namespace --wait
kubectl apply --filename - <<'CLASS'
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
CLASS
helm upgrade --install kserve-crd oci://ghcr.io/kserve/charts/kserve-crd --version v0.20.0 --namespace kserve --create-namespace
helm upgrade --install kserve oci://ghcr.io/kserve/charts/kserve-resources --version v0.20.0 --namespace kserve --wait \
  --set kserve.controller.deploymentMode=Standard

revision=$(git rev-parse HEAD)
docker build --build-arg REVISION="$revision" --tag contender/serving:local --file serving/Dockerfile .
docker build --build-arg REVISION="$revision" --tag contender/pipelines:local --file pipelines/Dockerfile .
kind load docker-image --name contender contender/serving:local contender/pipelines:local

kubectl apply --server-side --field-manager=contender-manifests --selector contender/layer=foundation \
  --kustomize infrastructure/kubernetes/overlays/local
password=$(head -c 18 /dev/urandom | base64 | tr -d '+/=')
url=postgresql://postgres:$password@postgres.backends/postgres
kubectl -n backends create secret generic postgres --from-literal=password="$password"
# Each part with a user of its own, and of each task those that serve it; the job database-upgrade makes them.
as() { echo "--from-literal=$1=${url/postgres:$password/contender_$2:$password}"; }
kubectl -n contender create secret generic contender-store "$(as exporter exporter)" "$(as pipelines pipelines)"
for task in job_change job_role; do
  kubectl -n contender create secret generic "${task/_/-}-store" \
    "$(as transformer "${task}_transformer")" "$(as release "${task}_release")"
done
kubectl -n contender create secret generic contender-store-owner --from-literal=url="$url"
kubectl -n contender create secret generic contender-s3 \
  --from-literal=AWS_ACCESS_KEY_ID=local --from-literal=AWS_SECRET_ACCESS_KEY=local
kubectl -n contender annotate secret contender-s3 \
  serving.kserve.io/s3-endpoint=s3.backends:9000 serving.kserve.io/s3-usehttps=0 serving.kserve.io/s3-region=us-east-1
kubectl -n backends rollout status statefulset/postgres --timeout=180s
# MLflow has tables of the store's names: a database each. It starts as soon as it has its Secret.
kubectl -n backends exec statefulset/postgres -- createdb --username=postgres mlflow
mlflow=${url/postgresql:/postgresql+psycopg:}
kubectl -n mlflow create secret generic mlflow-store --from-literal=url="${mlflow%/*}/mlflow"
kubectl apply --server-side --field-manager=contender-manifests --selector 'contender/layer!=foundation' \
  --kustomize infrastructure/kubernetes/overlays/local
kubectl -n contender wait job/database-upgrade --for=condition=complete --timeout=180s
kubectl -n mlflow rollout status deployment/mlflow --timeout=180s
