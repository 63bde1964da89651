{{/*
The role of an account in the cloud: an account of a task has one of its own name, the others as components/aws names them.
KServe takes the S3 endpoint from annotations of the Secret that a slot's account names.
*/}}
{{- define "contender.serviceaccount" -}}
{{- $document := .document -}}
{{- $root := .root -}}
{{- $role := "eks.amazonaws.com/role-arn" -}}
{{- if $root.Values.aws.enabled -}}
  {{- if .task -}}
    {{- $_ := set $document.metadata "annotations" ($document.metadata.annotations | default dict) -}}
    {{- $name := printf "arn:aws:iam::account:role/contender-env-%s" $document.metadata.name -}}
    {{- $_ := set $document.metadata.annotations $role (include "contender.text" (dict "text" $name "root" $root "task" "")) -}}
  {{- end -}}
  {{- range $text := regexSplit "(?m)^---[ ]*$" ($root.Files.Get "files/components/aws/roles.yaml") -1 -}}
    {{- $given := fromYaml $text -}}
    {{- if and (eq $given.metadata.name $document.metadata.name) (eq $given.metadata.namespace $document.metadata.namespace) -}}
      {{- $_ := set $document.metadata "annotations" ($document.metadata.annotations | default dict) -}}
      {{- $_ := set $document.metadata.annotations $role (include "contender.text" (dict "text" (index $given.metadata.annotations $role) "root" $root "task" "")) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $root.Values.backends.enabled (regexMatch "(^|-)slot$" $document.metadata.name) -}}
  {{- $_ := set $document "secrets" (list (dict "name" "contender-s3")) -}}
{{- end -}}
{{- end -}}
