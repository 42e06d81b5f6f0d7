{{- /* The prefix of all names, short enough for "-enricher" and a hash behind it. */ -}}
{{- define "pressferry.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* What selects a component's pods: never changes within a release. Takes root, name. */ -}}
{{- define "pressferry.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- /* What no other label may replace: by these pods are selected, and selectors cannot be changed. */ -}}
{{- define "pressferry.refuseSelectorLabels" -}}
{{- range $key, $_ := .labels -}}
{{- if has $key (list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component") -}}
{{- fail (printf "%s sets %s, by which the chart selects its pods: leave it out (nameOverride changes the name)" $.value $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Labels of an object of a component. Takes root, name; extra, labels of this kind of object. */ -}}
{{- define "pressferry.labels" -}}
{{- $root := .root -}}
{{- include "pressferry.refuseSelectorLabels" (dict "labels" $root.Values.commonLabels "value" "commonLabels") -}}
{{- $labels := fromYaml (include "pressferry.selector" .) -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" "pressferry" -}}
{{- $_ := set $labels "app.kubernetes.io/version" $root.Chart.AppVersion -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) -}}
{{- toYaml (mergeOverwrite $labels (deepCopy $root.Values.commonLabels) (deepCopy (default dict .extra))) -}}
{{- end -}}

{{- /* Labels of a component's pods: none with a version, for a new chart alone need not replace pods. Takes root, name, podLabels. */ -}}
{{- define "pressferry.podLabels" -}}
{{- include "pressferry.refuseSelectorLabels" (dict "labels" .podLabels "value" (printf "%s.podLabels" .name)) -}}
{{- $labels := fromYaml (include "pressferry.selector" .) -}}
{{- toYaml (mergeOverwrite $labels (deepCopy .root.Values.commonLabels) (deepCopy .podLabels)) -}}
{{- end -}}

{{- define "pressferry.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- /* A value as the services read it: lists joined by commas, and no 6.048e+08, which is how Helm prints large numbers. */ -}}
{{- define "pressferry.text" -}}
{{- if kindIs "slice" . -}}
{{- $parts := list -}}
{{- range . }}{{ $parts = append $parts (include "pressferry.text" .) }}{{ end -}}
{{- join "," $parts -}}
{{- else if kindIs "float64" . -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{- /* The pod settings of Kubernetes' "restricted" Pod Security Standard. */ -}}
{{- define "pressferry.podSecurity" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "pressferry.container" -}}
image: {{ include "pressferry.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
workingDir: /app
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{/*
Name of the ConfigMap of further event types, which ingress and enricher read; empty if there are none.
*/}}
{{- define "pressferry.eventTypesConfigMap" -}}
{{- with .Values.eventTypes }}
{{- if or .files .existingConfigMap }}
{{- default (printf "%s-event-types" (include "pressferry.fullname" $)) .existingConfigMap }}
{{- end }}
{{- end }}
{{- end }}
