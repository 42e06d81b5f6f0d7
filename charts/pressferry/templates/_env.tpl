{{- /*
The variables of a service: what the chart itself decides, then the service's `config`. Each is a key of its src/config.ts, or such a
key with _FILE (tests/chart/env.test.ts); the schema lets `config` name no variable that the chart decides. `extraEnv` adds others, and
goes before the chart's OTEL_* ones: a list that names one twice is refused by the API server once half of a release is installed.
*/ -}}
{{- define "pressferry.env" -}}
{{- $name := .name -}}
{{- $env := list -}}
{{- $names := dict -}}
{{- range fromYamlArray (include "pressferry.chartEnv" .) -}}
{{- if hasKey $names .name -}}{{- fail (printf "%s: the variable %s is set twice" $name .name) -}}{{- end -}}
{{- $_ := set $names .name true -}}
{{- $env = append $env . -}}
{{- end -}}
{{- $extra := dict -}}
{{- range .extraEnv -}}
{{- if hasKey $extra .name -}}{{- fail (printf "%s.extraEnv sets %s twice" $name .name) -}}{{- end -}}
{{- $_ := set $extra .name true -}}
{{- $other := ternary (trimSuffix "_FILE" .name) (printf "%s_FILE" .name) (hasSuffix "_FILE" .name) -}}
{{- if and (not (hasPrefix "OTEL_" .name)) (or (hasKey $names .name) (hasKey $names $other)) -}}
{{- fail (printf "%s.extraEnv sets %s, which the chart sets already: use %s.config or the value that it comes from" $name .name $name) -}}
{{- end -}}
{{- end -}}
{{- $kept := list -}}
{{- range $env -}}{{- if not (hasKey $extra .name) -}}{{- $kept = append $kept . -}}{{- end -}}{{- end -}}
{{- toYaml (concat $kept .extraEnv) -}}
{{- end -}}

{{- define "pressferry.chartEnv" -}}
{{- $root := .root -}}
- name: OPS_PORT
  value: "9464"
{{- if .http }}
- name: HTTP_PORT
  value: "8080"
{{- end }}
{{- include "pressferry.natsEnv" . }}
- name: EVENTS_SHARDS
  value: {{ int $root.Values.streams.shards | quote }}
- name: SEALING_KEYS_FILE
  value: {{ include "pressferry.secretsDir" . }}/sealing-keys
{{- if .database }}
{{ include "pressferry.databaseEnv" . }}
{{- end }}
{{- range $variable, $from := .files }}
- name: {{ $variable }}
  value: /etc/pressferry/{{ $from.volume }}
{{- end }}
{{- with .tls.existingSecret }}
- name: TLS_CERT_PATH
  value: /run/secrets/pressferry-tls/tls.crt
- name: TLS_KEY_PATH
  value: /run/secrets/pressferry-tls/tls.key
{{- end }}
{{- with .tls.clientCaSecret }}
- name: TLS_CLIENT_CA_PATH
  value: /run/secrets/pressferry-tls-client-ca/ca.crt
{{- end }}
{{- range $variable, $value := .config }}
- name: {{ $variable }}
  value: {{ include "pressferry.text" $value | quote }}
{{- end }}
{{- range $variable, $value := .vendors.env }}
- name: {{ $variable }}
  value: {{ include "pressferry.text" $value | quote }}
{{- end }}
{{- range $variable, $from := .vendors.secrets }}
- name: {{ $variable }}_FILE
  value: {{ include "pressferry.secretsDir" $root }}/vendors/{{ $variable }}
{{- end }}
{{- with $root.Values.telemetry.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: OTEL_SERVICE_NAME
  value: pressferry-{{ $.name }}
{{- end }}
{{- end -}}
