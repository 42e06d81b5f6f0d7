{{- /*
The variables of a service: what the chart itself decides, then the service's `config`. Each is a key of its src/config.ts, or such a
key with _FILE (tests/chart/env.test.ts); the schema lets `config` name no variable that the chart decides.
*/ -}}
{{- define "pressferry.env" -}}
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
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
