{{/*
How a manifest of the kustomize tree becomes one of the chart. `files/base` and `files/components` are that very tree:
nothing stands twice. What the overlays say by patches, the chart says by values.
*/}}

{{/*
The objects of a folder and of the folders in it, as each kustomization.yaml lists them, with the namespace and labels that these
and that of `within` give. A folder that .helmignore leaves out has none.
*/}}
{{- define "contender.documents" -}}
{{- $root := .root -}}
{{- $items := list -}}
{{- $labels := dict -}}
{{- $namespace := "" -}}
{{- range $folder := compact (list .within .folder) -}}
  {{- $given := $root.Files.Get (printf "files/%s/kustomization.yaml" $folder) | fromYaml -}}
  {{- range $given.labels -}}{{- $_ := merge $labels .pairs -}}{{- end -}}
  {{- $namespace = $given.namespace | default $namespace -}}
{{- end -}}
{{- $own := $root.Files.Get (printf "files/%s/kustomization.yaml" .folder) | fromYaml -}}
{{- range $name := $own.resources -}}
  {{- $path := printf "%s/%s" $.folder $name -}}
  {{- if hasSuffix ".yaml" $name -}}
    {{- range $text := regexSplit "(?m)^---[ ]*$" ($root.Files.Get (printf "files/%s" $path)) -1 -}}
      {{- $document := fromYaml $text -}}
      {{- if not $document.kind -}}{{- fail (printf "files/%s holds something that is no manifest" $path) -}}{{- end -}}
      {{- $items = append $items $document -}}
    {{- end -}}
  {{- else if $root.Files.Get (printf "files/%s/kustomization.yaml" $path) -}}
    {{- $items = concat $items (include "contender.documents" (dict "root" $root "folder" $path) | fromJson).items -}}
  {{- end -}}
{{- end -}}
{{- range $document := $items -}}
  {{- $_ := set $document.metadata "labels" (merge dict ($document.metadata.labels | default dict) $labels) -}}
  {{- if $namespace -}}{{- $_ := set $document.metadata "namespace" $namespace -}}{{- end -}}
{{- end -}}
{{- dict "items" $items | toJson -}}
{{- end -}}

{{/* Every object of a folder, filled in and written. */}}
{{- define "contender.folder" -}}
{{- range $document := (include "contender.documents" . | fromJson).items }}
{{- include "contender.manifest" (dict "root" $.root "document" $document "task" "") }}
{{- end }}
{{- end -}}

{{/* One object, filled in and written, if its layer is asked for. */}}
{{- define "contender.manifest" -}}
{{- $layer := ternary "foundation" "workloads" (eq (dig "metadata" "labels" "contender/layer" "" .document) "foundation") -}}
{{- if has $layer .root.Values.layers -}}
{{- include "contender.strings" (dict "node" .document "root" .root "task" .task) -}}
{{- $how := printf "contender.%s" (lower .document.kind) -}}
{{- if has .document.kind (list "CronJob" "Deployment" "Gateway" "HTTPRoute" "InferenceService" "Job" "NetworkPolicy" "SecurityPolicy" "ServiceAccount") -}}
{{- include $how . -}}
{{- end -}}
{{- include "contender.requests" . -}}
{{- if not .document.metadata.labels -}}{{- $_ := unset .document.metadata "labels" -}}{{- end }}
---
{{ toYaml .document }}
{{- end -}}
{{- end -}}

{{/* What the first container of an object asks for, where the values say so: by kind, or by the name of what is there once. */}}
{{- define "contender.requests" -}}
{{- $spec := .document.spec | default dict -}}
{{- $containers := list -}}
{{- $name := .document.kind -}}
{{- if eq $name "ServingRuntime" -}}
  {{- $containers = $spec.containers -}}
{{- else if eq $name "ClusterStorageContainer" -}}
  {{- $containers = list $spec.container -}}
{{- else if eq $name "CronJob" -}}
  {{- $containers = $spec.jobTemplate.spec.template.spec.containers -}}
{{- else if eq $name "InferenceService" -}}
  {{- $containers = dig "transformer" "containers" list $spec -}}
{{- else if has $name (list "Deployment" "StatefulSet") -}}
  {{- $containers = $spec.template.spec.containers -}}
  {{- $name = .document.metadata.name -}}
{{- end -}}
{{- $asked := index .root.Values.requests $name -}}
{{- if and $containers $asked -}}
  {{- $resources := (first $containers).resources -}}
  {{- $_ := set $resources "requests" (merge (deepCopy $asked) $resources.requests) -}}
{{- end -}}
{{- end -}}

{{/* Fills in every string of an object, in place. */}}
{{- define "contender.strings" -}}
{{- range $key, $value := .node -}}
  {{- if kindIs "string" $value -}}
    {{- $_ := set $.node $key (include "contender.text" (dict "text" $value "root" $.root "task" $.task)) -}}
  {{- else if kindIs "map" $value -}}
    {{- include "contender.strings" (dict "node" $value "root" $.root "task" $.task) -}}
  {{- else if kindIs "slice" $value -}}
    {{- $items := list -}}
    {{- range $item := $value -}}
      {{- if kindIs "string" $item -}}
        {{- $items = append $items (include "contender.text" (dict "text" $item "root" $.root "task" $.task)) -}}
      {{- else -}}
        {{- if kindIs "map" $item -}}{{- include "contender.strings" (dict "node" $item "root" $.root "task" $.task) -}}{{- end -}}
        {{- $items = append $items $item -}}
      {{- end -}}
    {{- end -}}
    {{- $_ := set $.node $key $items -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* The placeholders of the kustomize tree: images, bucket, role, and the name `task`, where a string begins with them. */}}
{{- define "contender.text" -}}
{{- $text := .text -}}
{{- range $name, $image := .root.Values.images -}}
  {{- $placeholder := printf "contender/%s" $name -}}
  {{- if eq $text $placeholder -}}{{- $text = include "contender.image" $image -}}{{- end -}}
  {{- $text = replace (printf "'%s'" $placeholder) (printf "'%s'" (include "contender.image" $image)) $text -}}
{{- end -}}
{{- $text = regexReplaceAll "^s3://contender/" $text (printf "s3://%s/" .root.Values.bucket) -}}
{{- $role := printf "arn:aws:iam::%s:role/contender-%s-" .root.Values.aws.account .root.Values.environment -}}
{{- $text = regexReplaceAll "^arn:aws:iam::account:role/contender-env-" $text $role -}}
{{- if .task -}}{{- $text = regexReplaceAll "^task($|[-.:])" $text (printf "%s${1}" .task) -}}{{- end -}}
{{- $text -}}
{{- end -}}

{{- define "contender.image" -}}
{{- if .digest -}}{{- printf "%s@%s" .repository .digest -}}{{- else -}}{{- printf "%s:%s" .repository .tag -}}{{- end -}}
{{- end -}}
