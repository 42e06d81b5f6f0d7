{{- /* What the Prometheus Operator reads of a service. Takes root, name, fullname. */ -}}
{{- define "pressferry.monitors" -}}
{{- $root := .root -}}
{{- if $root.Values.podMonitor.enabled }}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ .fullname }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" (merge (dict "extra" $root.Values.podMonitor.labels) .) | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "pressferry.selector" . | nindent 6 }}
  podMetricsEndpoints:
    - port: ops
      {{- include "pressferry.scrape" $root.Values.podMonitor | nindent 6 }}
{{- end }}
{{- if $root.Values.serviceMonitor.enabled }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .fullname }}-metrics
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" (merge (dict "extra" (dict "pressferry.dev/port" "metrics")) .) | nindent 4 }}
spec:
  # Without an address: every pod is a target.
  clusterIP: None
  # A pod that is not ready tells why.
  publishNotReadyAddresses: true
  selector:
    {{- include "pressferry.selector" . | nindent 4 }}
  ports:
    - name: ops
      port: 9464
      targetPort: ops
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ .fullname }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" (merge (dict "extra" $root.Values.serviceMonitor.labels) .) | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "pressferry.selector" . | nindent 6 }}
      pressferry.dev/port: metrics
  endpoints:
    - port: ops
      {{- include "pressferry.scrape" $root.Values.serviceMonitor | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "pressferry.scrape" -}}
path: /metrics
interval: {{ .interval }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
