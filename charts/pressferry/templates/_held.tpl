{{- /*
A checksum of what the cluster holds in the Secrets and existing ConfigMaps of a pod, which is empty where there is none to be asked: a
change of them replaces the pods at the next upgrade. Event types and certificates are followed while ingress runs, and are left out.
Takes root, database, vendors, files.
*/ -}}
{{- define "pressferry.heldChecksum" -}}
{{- $values := .root.Values -}}
{{- if $values.restartOnChange -}}
{{- $names := list $values.sealingKeys.existingSecret.name -}}
{{- if .database }}{{ $names = append $names $values.database.existingSecret.name }}{{ end -}}
{{- with $values.nats.urlSecret.name }}{{ $names = append $names . }}{{ end -}}
{{- with $values.nats.credentials.name }}{{ $names = append $names . }}{{ end -}}
{{- range .vendors }}{{ $names = append $names .name }}{{ end -}}
{{- with .tls.clientCaSecret }}{{ $names = append $names . }}{{ end -}}
{{- $held := list -}}
{{- range $names | uniq | sortAlpha -}}
{{- with lookup "v1" "Secret" $.root.Release.Namespace . }}{{ $held = append $held .data }}{{ end -}}
{{- end -}}
{{- range .files -}}
{{- if .checksum -}}
{{- with lookup "v1" "ConfigMap" $.root.Release.Namespace .configMap }}{{ $held = append $held .data }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if $held }}{{ toJson $held | sha256sum }}{{ end -}}
{{- end -}}
{{- end -}}
