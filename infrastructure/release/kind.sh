#!/usr/bin/env bash
# A cluster on this machine (kind) with what the overlay `local` needs: certificates, Envoy Gateway, KServe, images, Secrets.
# Needs docker, kind, kubectl, helm and `contender`; the versions are those that KServe 0.20 names (its kserve-deps.env).
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

contender cluster install --environment local --with-secrets
