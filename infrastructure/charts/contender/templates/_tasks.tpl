{{/*
The objects of one task. The tree has it under the name `task`, its slots as `task-blue` and so on: blue's are taken as the
pattern for each slot of the values.
*/}}
{{- define "contender.task" -}}
{{- $root := .root -}}
{{- $task := .task -}}
{{- $slots := (index $root.Values.tasks $task).slots -}}
{{- $items := (include "contender.documents" (dict "root" $root "within" "base/serving" "folder" "base/serving/task") | fromJson).items -}}
{{- if gt (len $slots) 2 -}}
  {{- $more := include "contender.documents" (dict "root" $root "within" "base/serving" "folder" "base/serving/task/more-slots") | fromJson -}}
  {{- $items = concat $items $more.items -}}
{{- end -}}
{{- range $document := $items -}}
  {{- if regexMatch "^task-blue(-|$)" $document.metadata.name -}}
    {{- range $slot := $slots -}}
      {{- $text := regexReplaceAll "\"task-blue([-\"])" (toJson $document) (printf "\"task-%s${1}" $slot) -}}
      {{- include "contender.manifest" (dict "root" $root "document" (fromJson $text) "task" $task) -}}
    {{- end -}}
  {{- else if not (regexMatch "^task-(green|violet|amber)(-|$)" $document.metadata.name) -}}
    {{- include "contender.slot-names" (dict "document" $document "slots" $slots) -}}
    {{- include "contender.manifest" (dict "root" $root "document" $document "task" $task) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* A Role names the slots that there are: none but those of the values. */}}
{{- define "contender.slot-names" -}}
{{- range $rule := .document.rules -}}
  {{- $names := list -}}
  {{- range $name := $rule.resourceNames -}}
    {{- $colour := regexFind "^task-(blue|green|violet|amber)(-|$)" $name | trimPrefix "task-" | trimSuffix "-" -}}
    {{- if or (not $colour) (has $colour $.slots) -}}{{- $names = append $names $name -}}{{- end -}}
  {{- end -}}
  {{- if $names -}}{{- $_ := set $rule "resourceNames" $names -}}{{- end -}}
{{- end -}}
{{- end -}}
