#!/usr/bin/env bash
# Logs kubectl in to the cluster of an environment: kubeconfig.sh staging
set -euo pipefail
aws eks update-kubeconfig --name "contender-$1" --alias "$1" >&2
