{{- /*
One service: ServiceAccount, Deployment, and where they apply Service, PodDisruptionBudget, NetworkPolicy, PodMonitor.
Takes root, name, values (the service's block), and what the service is:
  http      serves an API on 8080
  database  needs Postgres
  public    calls public addresses: vendors, sites
  files     folders of configuration, by variable: { volume, configMap, checksum }; a checksum restarts the pods at a change
*/ -}}
{{- define "pressferry.workload" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $fullname := printf "%s-%s" (include "pressferry.fullname" $root) .name -}}
{{- $config := mergeOverwrite (deepCopy $root.Values.config) (deepCopy $values.config) -}}
{{- $vendors := $values.vendors | default (dict "env" dict "secrets" dict) -}}
{{- $tls := $values.tls | default (dict "existingSecret" "" "clientCaSecret" "") -}}
{{- $preStopSeconds := 5 -}}
{{- $graceSeconds := div (add 999 (int64 (default 20000 $config.SHUTDOWN_GRACE_MS))) 1000 -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $fullname }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" . | nindent 4 }}
  {{- with $values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $fullname }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" . | nindent 4 }}
spec:
  {{- with include "pressferry.replicas" (dict "root" $root "fullname" $fullname "values" $values) }}
  replicas: {{ . }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  selector:
    matchLabels:
      {{- include "pressferry.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "pressferry.podLabels" (dict "root" $root "name" .name "podLabels" $values.podLabels) | nindent 8 }}
      {{- $annotations := deepCopy $values.podAnnotations }}
      {{- range .files }}
      {{- if .checksum }}{{ $_ := set $annotations (printf "checksum/%s" .volume) .checksum }}{{ end }}
      {{- end }}
      {{- with include "pressferry.heldChecksum" (dict "root" $root "database" .database "vendors" $vendors.secrets "tls" $tls "files" .files) }}
      {{- $_ := set $annotations "checksum/held" . }}
      {{- end }}
      {{- with $annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ $fullname }}
      {{- include "pressferry.podSecurity" $root | nindent 6 }}
      # Beyond the sleep and the service's own grace, so it ends by itself.
      terminationGracePeriodSeconds: {{ add $preStopSeconds $graceSeconds 5 }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "pressferry.selector" $ | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      containers:
        - name: {{ .name }}
          {{- include "pressferry.container" $root | nindent 10 }}
          command: [node, --max-semi-space-size=8, --no-allocation-site-pretenuring, --import, "@pressferry/runtime/telemetry", services/{{ .name }}/src/main.ts]
          env:
            {{- include "pressferry.env" (dict "root" $root "name" .name "config" $config "vendors" $vendors "http" .http "database" .database "files" .files "tls" $tls "extraEnv" $values.extraEnv) | nindent 12 }}
          ports:
            {{- if .http }}
            - name: http
              containerPort: 8080
            {{- end }}
            - name: ops
              containerPort: 9464
          startupProbe:
            httpGet: { path: /livez, port: ops }
            periodSeconds: 2
            failureThreshold: 30
          # Asks no dependency: a restart heals none.
          livenessProbe:
            httpGet: { path: /livez, port: ops }
            periodSeconds: 10
            timeoutSeconds: 3
            failureThreshold: 6
          readinessProbe:
            httpGet: { path: /readyz, port: ops }
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 2
          lifecycle:
            # Until no endpoint sends here any more.
            preStop:
              sleep: { seconds: {{ $preStopSeconds }} }
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            {{- include "pressferry.secretsMount" . | nindent 12 }}
            - name: tmp
              mountPath: /tmp
            {{- range .files }}
            - name: {{ .volume }}
              mountPath: /etc/pressferry/{{ .volume }}
              readOnly: true
            {{- end }}
            {{- with $tls.existingSecret }}
            - name: tls
              mountPath: /run/secrets/pressferry-tls
              readOnly: true
            {{- end }}
            {{- with $tls.clientCaSecret }}
            - name: tls-client-ca
              mountPath: /run/secrets/pressferry-tls-client-ca
              readOnly: true
            {{- end }}
            {{- with $values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "pressferry.secretsVolume" (dict "root" $root "sealingKeys" true "database" .database "vendors" $vendors.secrets) | nindent 8 }}
        # For `pressferry sites add` run in a pod; the services write no file.
        - name: tmp
          emptyDir: { sizeLimit: 16Mi }
        {{- range .files }}
        - name: {{ .volume }}
          configMap:
            name: {{ .configMap }}
        {{- end }}
        {{- with $tls.existingSecret }}
        - name: tls
          secret: { secretName: {{ . }}, defaultMode: 0440 }
        {{- end }}
        {{- with $tls.clientCaSecret }}
        - name: tls-client-ca
          secret: { secretName: {{ . }}, defaultMode: 0440 }
        {{- end }}
        {{- with $values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- if .http }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $fullname }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" . | nindent 4 }}
  {{- with $values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $values.service.type }}
  selector:
    {{- include "pressferry.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ int $values.service.port }}
      targetPort: http
      appProtocol: {{ if $tls.existingSecret }}https{{ else }}http{{ end }}
{{- end }}
{{- $fewest := ternary $values.autoscaling.minReplicas (default 2 $values.replicas) $values.autoscaling.enabled }}
{{- if gt (int $fewest) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $fullname }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready must not hold up the draining of a node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "pressferry.selector" . | nindent 6 }}
{{- end }}
{{- if $root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $fullname }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "pressferry.labels" . | nindent 4 }}
spec:
  {{- include "pressferry.networkPolicySpec" (dict "root" $root "name" .name "ops" true "http" .http "database" .database "public" .public "extraEgress" $values.extraEgress) | nindent 2 }}
{{- end }}
{{- if $values.autoscaling.enabled }}
---
{{ include "pressferry.autoscaler" (dict "root" $root "name" .name "fullname" $fullname "values" $values) }}
{{- end }}
{{- include "pressferry.monitors" (dict "root" $root "name" .name "fullname" $fullname) }}
{{- end -}}

{{- /*
How many pods a Deployment asks for. Left to an autoscaler, as many as there are: a field that an apply leaves out after it had set it
falls back to its default, which is 1. Takes root, fullname, values.
*/ -}}
{{- define "pressferry.replicas" -}}
{{- if not (or .values.autoscaling.enabled (kindIs "invalid" .values.replicas)) -}}
{{- int .values.replicas -}}
{{- else -}}
{{- with lookup "apps/v1" "Deployment" .root.Release.Namespace .fullname -}}{{- int .spec.replicas -}}{{- end -}}
{{- end -}}
{{- end -}}
