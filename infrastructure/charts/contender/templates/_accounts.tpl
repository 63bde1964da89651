{{/* The role of an account in the cloud, as components/aws names it; KServe takes the S3 endpoint from a Secret's annotations. */}}
{{- define "contender.serviceaccount" -}}
{{- $document := .document -}}
{{- $root := .root -}}
{{- $role := "eks.amazonaws.com/role-arn" -}}
{{- if $root.Values.aws.enabled -}}
  {{- range $text := regexSplit "(?m)^---[ ]*$" ($root.Files.Get "files/components/aws/roles.yaml") -1 -}}
    {{- $given := fromYaml $text -}}
    {{- if and (eq $given.metadata.name $document.metadata.name) (eq $given.metadata.namespace $document.metadata.namespace) -}}
      {{- $_ := set $document.metadata "annotations" ($document.metadata.annotations | default dict) -}}
      {{- $_ := set $document.metadata.annotations $role (include "contender.text" (dict "text" (index $given.metadata.annotations $role) "root" $root "task" "")) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $root.Values.backends.enabled (eq $document.metadata.name "slot") -}}
  {{- $_ := set $document "secrets" (list (dict "name" "contender-s3")) -}}
{{- end -}}
{{- end -}}
