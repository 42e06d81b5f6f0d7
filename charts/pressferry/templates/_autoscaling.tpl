{{- /* What scales a Deployment: by CPU, or with KEDA by what waits for it. Takes root, name, fullname, values. */ -}}
{{- define "pressferry.autoscaler" -}}
{{- $scaling := .values.autoscaling -}}
{{- if lt (int $scaling.maxReplicas) (int $scaling.minReplicas) -}}
{{- fail (printf "%s.autoscaling: maxReplicas is below minReplicas" .name) -}}
{{- end -}}
{{- if and $scaling.keda $scaling.keda.enabled -}}
{{- include "pressferry.scaledObject" . -}}
{{- else -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ .fullname }}
  minReplicas: {{ int $scaling.minReplicas }}
  maxReplicas: {{ int $scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ int $scaling.targetCPUUtilizationPercentage }}
  {{- with $scaling.behavior }}
  behavior:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- /* Messages that wait for a consumer, one trigger for each stream; what is due in Postgres, if Prometheus is there to tell; and CPU. */ -}}
{{- define "pressferry.scaledObject" -}}
{{- $scaling := .values.autoscaling -}}
{{- $keda := $scaling.keda -}}
{{- $isEnricher := eq .name "enricher" -}}
{{- $streams := list -}}
{{- if $isEnricher -}}
{{- range $shard := until (int .root.Values.streams.shards) }}{{ $streams = append $streams (ternary "EVENTS" (printf "EVENTS_%d" $shard) (eq $shard 0)) }}{{ end -}}
{{- else -}}
{{- $streams = list "RESULTS" -}}
{{- end -}}
{{- if not $keda.natsMonitoringEndpoint -}}
{{- fail (printf "%s.autoscaling.keda needs natsMonitoringEndpoint, the address of NATS' monitoring port: nats-headless.nats.svc:8222" .name) -}}
{{- end -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ .fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ .fullname }}
  pollingInterval: {{ int $keda.pollingInterval }}
  minReplicaCount: {{ int $scaling.minReplicas }}
  maxReplicaCount: {{ int $scaling.maxReplicas }}
  fallback:
    failureThreshold: 3
    replicas: {{ int (default $scaling.minReplicas $keda.fallbackReplicas) }}
  {{- with $scaling.behavior }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- toYaml . | nindent 8 }}
  {{- end }}
  triggers:
    {{- range $stream := $streams }}
    - type: nats-jetstream
      metadata:
        natsServerMonitoringEndpoint: {{ $keda.natsMonitoringEndpoint | quote }}
        account: {{ $keda.natsAccount | quote }}
        stream: {{ $stream }}
        consumer: {{ $.name }}
        lagThreshold: {{ int $keda.lagThreshold | quote }}
    {{- end }}
    {{- with $keda.prometheusAddress }}
    - type: prometheus
      metadata:
        serverAddress: {{ . | quote }}
        query: max(pressferry_{{ ternary "enricher_due_runs" "callback_due_deliveries" $isEnricher }}{namespace="{{ $.root.Release.Namespace }}"})
        threshold: {{ int $keda.dueThreshold | quote }}
    {{- end }}
    - type: cpu
      metricType: Utilization
      metadata:
        value: {{ int $scaling.targetCPUUtilizationPercentage | quote }}
{{- end -}}
