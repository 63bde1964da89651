{{/* The environment's own network instead of every private range; whom the opt-ins reach. */}}
{{- define "contender.networkpolicy" -}}
{{- $name := .document.metadata.name -}}
{{- $spec := .document.spec -}}
{{- $values := .root.Values -}}
{{- if eq .document.metadata.namespace "contender" -}}
  {{- if and $values.network (has $name (list "to-database" "to-kubernetes")) -}}
    {{- $_ := set (first $spec.egress) "to" (list (dict "ipBlock" (dict "cidr" $values.network))) -}}
  {{- end -}}
  {{- if and $values.retraining.enabled (has $name (list "to-database" "to-cloud-services")) -}}
    {{- $expression := first $spec.podSelector.matchExpressions -}}
    {{- $_ := set $expression "values" (append $expression.values "retraining") -}}
  {{- end -}}
  {{- if and $values.backends.enabled (eq $name "to-cloud-services") -}}
    {{- $s3 := dict
          "to" (list (dict
            "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" "backends"))
            "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/name" "s3"))))
          "ports" (list (dict "protocol" "TCP" "port" 9000)) -}}
    {{- $_ := set $spec "egress" (append $spec.egress $s3) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "contender.gateway" -}}
{{- $given := .root.Values.gateway -}}
{{- $_ := set .document.spec "gatewayClassName" $given.className -}}
{{- if $given.plain -}}
  {{- $plain := dict "name" "http" "protocol" "HTTP" "port" 80 "allowedRoutes" (dict "namespaces" (dict "from" "Same")) -}}
  {{- $_ := set .document.spec "listeners" (list $plain) -}}
{{- else -}}
  {{- $listener := first .document.spec.listeners -}}
  {{- $_ := set $listener "hostname" $given.host -}}
  {{- $_ := set (first $listener.tls.certificateRefs) "name" $given.tlsSecret -}}
{{- end -}}
{{- end -}}

{{/* The paths by which a task is asked; with a host name of its own where the values give one. */}}
{{- define "contender.httproute" -}}
{{- $paths := dict
      "/predict" (printf "/v1/models/%s:predict" .task)
      "/infer" (printf "/v2/models/%s/infer" .task)
      "/outcome" (printf "/v1/models/%s:outcome" .task)
      "/person" (printf "/person/v1/models/%s:predict" .task) -}}
{{- range .document.spec.rules -}}
  {{- range .matches -}}
    {{- $_ := set .path "value" (get $paths .path.value | required (printf "the chart knows no path %s of a task" .path.value)) -}}
  {{- end -}}
  {{- range .filters -}}
    {{- with (dig "urlRewrite" "path" dict .) -}}{{- $_ := set . "replaceFullPath" (get $paths .replaceFullPath) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- if and .root.Values.jwt.enabled (eq (dig "metadata" "labels" "app.kubernetes.io/component" "" .document) "predict") -}}
  {{- $header := dict "name" "X-Unit-From" "value" "body" -}}
  {{- $filter := dict "type" "RequestHeaderModifier" "requestHeaderModifier" (dict "set" (list $header)) -}}
  {{- $_ := set (first .document.spec.rules) "filters" (list $filter) -}}
{{- end -}}
{{- with (index .root.Values.tasks .task).host -}}{{- $_ := set $.document.spec "hostnames" (list .) -}}{{- end -}}
{{- end -}}

{{/* Who signs tokens, where its keys are, and which claim of a person's token is the unit id. */}}
{{- define "contender.securitypolicy" -}}
{{- range $provider := (.document.spec.jwt | default dict).providers -}}
  {{- $_ := set $provider "issuer" $.root.Values.jwt.issuer -}}
  {{- $_ := set $provider.remoteJWKS "uri" $.root.Values.jwt.jwks -}}
  {{- range $provider.claimToHeaders -}}{{- $_ := set . "claim" $.root.Values.jwt.claim -}}{{- end -}}
{{- end -}}
{{- end -}}
