{{- /* Where Secrets are mounted: as files, for an environment shows in crash dumps and in /proc. */ -}}
{{- define "pressferry.secretsDir" -}}/run/secrets/pressferry{{- end -}}

{{- /* Variables that name NATS. Takes root. */ -}}
{{- define "pressferry.natsEnv" -}}
{{- $nats := .root.Values.nats -}}
{{- if $nats.urlSecret.name }}
- name: NATS_URL_FILE
  value: {{ include "pressferry.secretsDir" . }}/nats-url
{{- else }}
- name: NATS_URL
  value: {{ $nats.url | quote }}
{{- end }}
{{- if $nats.credentials.name }}
- name: NATS_CREDENTIALS
  value: {{ include "pressferry.secretsDir" . }}/nats.creds
{{- end }}
{{- end -}}

{{- define "pressferry.databaseEnv" -}}
- name: DATABASE_URL_FILE
  value: {{ include "pressferry.secretsDir" . }}/database-url
{{- end -}}

{{- define "pressferry.secretSource" -}}
- secret:
    name: {{ .from.name }}
    items:
      - key: {{ .from.key }}
        path: {{ .path }}
{{- end -}}

{{- /* One volume of the Secrets that a pod needs. Takes root, and what is needed: sealingKeys, database, vendors. */ -}}
{{- define "pressferry.secretsVolume" -}}
{{- $values := .root.Values -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- if .sealingKeys }}
      {{- include "pressferry.secretSource" (dict "from" $values.sealingKeys.existingSecret "path" "sealing-keys") | nindent 6 }}
      {{- end }}
      {{- if .database }}
      {{- include "pressferry.secretSource" (dict "from" $values.database.existingSecret "path" "database-url") | nindent 6 }}
      {{- end }}
      {{- if $values.nats.urlSecret.name }}
      {{- include "pressferry.secretSource" (dict "from" $values.nats.urlSecret "path" "nats-url") | nindent 6 }}
      {{- end }}
      {{- if $values.nats.credentials.name }}
      {{- include "pressferry.secretSource" (dict "from" $values.nats.credentials "path" "nats.creds") | nindent 6 }}
      {{- end }}
      {{- range $variable, $from := .vendors }}
      {{- include "pressferry.secretSource" (dict "from" $from "path" (printf "vendors/%s" $variable)) | nindent 6 }}
      {{- end }}
{{- end -}}

{{- define "pressferry.secretsMount" -}}
- name: secrets
  mountPath: {{ include "pressferry.secretsDir" . }}
  readOnly: true
{{- end -}}
