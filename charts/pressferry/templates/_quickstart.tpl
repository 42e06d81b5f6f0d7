{{- /*
With quickstart.enabled, the values that lead to the NATS and the Postgres of templates/quickstart.yaml. Each template that reads them
includes this first: it can be done again.
*/ -}}
{{- define "pressferry.prepare" -}}
{{- if .Values.quickstart.enabled -}}
{{- $secret := printf "%s-quickstart" (include "pressferry.fullname" .) -}}
{{- $_ := set .Values.nats "urlSecret" (dict "name" $secret "key" "nats-url") -}}
{{- $_ := set .Values.nats "credentials" (dict "name" "" "key" "nats.creds") -}}
{{- $_ := set .Values.database "existingSecret" (dict "name" $secret "key" "database-url") -}}
{{- $_ := set .Values.sealingKeys "existingSecret" (dict "name" $secret "key" "sealing-keys") -}}
{{- $_ := set .Values.streams "replicas" 1 -}}
{{- /* A hook would run before there is a NATS or a Postgres. */ -}}
{{- if eq .Values.migrations.mode "hook" }}{{ $_ := set .Values.migrations "mode" "job" }}{{ end -}}
{{- if not (or .Values.ingress.tls.existingSecret .Values.ingress.config.TRUSTED_PROXIES .Values.config.TRUSTED_PROXIES) -}}
{{- $_ := set .Values.ingress.config "INSECURE" true -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What the Secret holds already; made at the first installation, and kept from then on. Takes root, key, new. */ -}}
{{- define "pressferry.quickstartSecret" -}}
{{- $name := printf "%s-quickstart" (include "pressferry.fullname" .root) -}}
{{- $held := lookup "v1" "Secret" .root.Release.Namespace $name -}}
{{- if and $held (hasKey $held.data .key) -}}{{- get $held.data .key | b64dec -}}{{- else -}}{{- .new -}}{{- end -}}
{{- end -}}
