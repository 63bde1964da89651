{{- define "contender.deployment" -}}
{{- if eq .document.metadata.name "mlflow" -}}{{- $_ := set .document.spec "replicas" .root.Values.mlflow.replicas -}}{{- end -}}
{{- end -}}

{{/*
A job cannot be changed. Helm installs and upgrades it as a hook, which it deletes and makes anew, once its account is there.
It makes the users of every task, from a Secret of each.
*/}}
{{- define "contender.job" -}}
{{- range $volume := .document.spec.template.spec.volumes -}}
  {{- with $volume.projected -}}
    {{- $sources := list -}}
    {{- range $source := .sources -}}
      {{- if not (dig "secret" "items" nil $source) -}}{{- $sources = append $sources $source -}}{{- end -}}
      {{- if eq (dig "secret" "name" "" $source) "job-change-store" -}}
        {{- range $task := keys $.root.Values.tasks | sortAlpha -}}
          {{- $text := regexReplaceAll "\"job-change([-/])" (toJson $source) (printf "\"%s${1}" $task) -}}
          {{- $sources = append $sources (fromJson $text) -}}
        {{- end -}}
      {{- end -}}
    {{- end -}}
    {{- $_ := set . "sources" $sources -}}
  {{- end -}}
{{- end -}}
{{- if not (has "foundation" .root.Values.layers) -}}
  {{- $hook := dict "helm.sh/hook" "pre-install,pre-upgrade" "helm.sh/hook-delete-policy" "before-hook-creation" -}}
  {{- $_ := set .document.metadata "annotations" (merge $hook (.document.metadata.annotations | default dict)) -}}
{{- end -}}
{{- end -}}

{{/* Which slots there are, and where S3 is on a laptop: on AWS a role suffices. */}}
{{- define "contender.cronjob" -}}
{{- $container := first .document.spec.jobTemplate.spec.template.spec.containers -}}
{{- $component := dig "metadata" "labels" "app.kubernetes.io/component" "" .document -}}
{{- $slots := dig .task "slots" list .root.Values.tasks -}}
{{- if and (eq $component "release") (gt (len $slots) 2) -}}
  {{- $_ := set $container "env" (append $container.env (dict "name" "CONTENDER_SLOTS" "value" (join "," $slots))) -}}
{{- end -}}
{{- if .root.Values.backends.enabled -}}
  {{- $endpoint := dict "name" "CONTENDER_S3_ENDPOINT" "value" "http://s3.backends:9000" -}}
  {{- $region := dict "name" "AWS_DEFAULT_REGION" "value" "us-east-1" -}}
  {{- $_ := set $container "env" (concat $container.env (list $endpoint $region)) -}}
  {{- $_ := set $container "envFrom" (list (dict "secretRef" (dict "name" "contender-s3"))) -}}
{{- end -}}
{{- if eq $component "retraining" -}}
  {{- $own := dig .task "retraining" dict .root.Values.tasks -}}
  {{- $_ := set .document.spec "schedule" ($own.schedule | default .root.Values.retraining.schedule) -}}
{{- end -}}
{{- end -}}

{{/* Replicas and scaling of both parts of an InferenceService: the task's own values over those of all. */}}
{{- define "contender.inferenceservice" -}}
{{- $values := .root.Values -}}
{{- $task := index $values.tasks .task -}}
{{- range $part := list "predictor" "transformer" -}}
  {{- with index $.document.spec $part -}}
    {{- $given := deepCopy (index $task $part | default dict) -}}
    {{- if $values.autoscaling.enabled -}}
      {{- $given = merge $given (index $values.autoscaling $part) -}}
      {{- $_ := set . "scaleMetric" "cpu" -}}
      {{- $_ := set . "scaleTarget" $given.target -}}
    {{- end -}}
    {{- range $name := list "minReplicas" "maxReplicas" -}}
      {{- if hasKey $given $name -}}{{- $_ := set (index $.document.spec $part) $name (index $given $name) -}}{{- end -}}
    {{- end -}}
    {{- with $given.resources -}}
      {{- $own := index $.document.spec $part -}}
      {{- $_ := set ($own.model | default (first ($own.containers | default list))) "resources" . -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- with .document.spec.transformer -}}
  {{- include "contender.slot-urls" (dict "container" (first .containers) "slots" $task.slots) -}}
  {{- if $values.backends.enabled -}}
    {{- $endpoint := dict "name" "CONTENDER_S3_ENDPOINT" "value" "http://s3.backends:9000" -}}
    {{- $region := dict "name" "AWS_DEFAULT_REGION" "value" "us-east-1" -}}
    {{- $_ := set (first .containers) "env" (concat (first .containers).env (list $endpoint $region)) -}}
    {{- $_ := set (first .containers) "envFrom" (list (dict "secretRef" (dict "name" "contender-s3"))) -}}
  {{- end -}}
  {{- if $values.jwt.enabled -}}
    {{- $told := dict "name" "CONTENDER_UNIT_FROM" "value" "gateway" -}}
    {{- $_ := set (first .containers) "env" (append (first .containers).env $told) -}}
  {{- end -}}
  {{- if $values.keda.enabled -}}
    {{- include "contender.keda" (dict "transformer" . "task" $.task "own" $task "values" $values) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* The transformer is told where each slot of its task is; the tree tells it of blue and green. */}}
{{- define "contender.slot-urls" -}}
{{- range $slot := without .slots "blue" "green" -}}
  {{- $url := printf "http://$(CONTENDER_TASK)-%s-predictor.$(CONTENDER_NAMESPACE)" $slot -}}
  {{- $told := dict "name" (printf "CONTENDER_%s_URL" (upper $slot)) "value" $url -}}
  {{- $_ := set $.container "env" (append $.container.env $told) -}}
{{- end -}}
{{- end -}}

{{/* By requests a second instead of processor time. */}}
{{- define "contender.keda" -}}
{{- $_ := set .transformer "annotations" (merge (dict "serving.kserve.io/autoscalerClass" "keda") (.transformer.annotations | default dict)) -}}
{{- $_ := unset .transformer "scaleMetric" -}}
{{- $_ := unset .transformer "scaleTarget" -}}
{{- $target := dig "transformer" "requestsPerReplica" .values.keda.requestsPerReplica .own -}}
{{- $metric := dict
      "backend" "prometheus"
      "serverAddress" .values.keda.serverAddress
      "query" (printf "sum(rate(contender_requests_total{task=\"%s\",operation=\"predict\"}[1m]))" .task) -}}
{{- $external := dict "metric" $metric "target" (dict "type" "Value" "value" (toString $target)) -}}
{{- $_ := set .transformer "autoScaling" (dict "metrics" (list (dict "type" "External" "external" $external))) -}}
{{- end -}}
