{{- /* Egress to `to` on `ports`; an empty `to` means any address. */ -}}
{{- define "pressferry.egress" -}}
- ports:
    {{- range .ports }}
    - port: {{ int . }}
      protocol: TCP
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- /* Egress to public addresses only: what a site or a vendor names must not lead into the cluster. */ -}}
{{- define "pressferry.publicEgress" -}}
- ports:
    {{- range .publicPorts }}
    - port: {{ int . }}
      protocol: TCP
    {{- end }}
  to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: {{- toYaml .privateRanges.ipv4 | nindent 10 }}
    - ipBlock:
        cidr: ::/0
        except: {{- toYaml .privateRanges.ipv6 | nindent 10 }}
{{- end -}}

{{- /* The spec of a component's policy. Takes root, name; http, ops, database, nats, public; extraEgress. */ -}}
{{- define "pressferry.networkPolicySpec" -}}
{{- $policy := .root.Values.networkPolicy -}}
podSelector:
  matchLabels:
    {{- include "pressferry.selector" . | nindent 4 }}
policyTypes: [Ingress, Egress]
ingress:
  {{- if .http }}
  - ports:
      - port: http
        protocol: TCP
    {{- with $policy.clients }}
    from:
      {{- toYaml . | nindent 6 }}
      {{- if $.root.Values.tests.enabled }}
      # The pod of `helm test`.
      - podSelector:
          matchLabels:
            {{- include "pressferry.selector" (dict "root" $.root "name" "test") | nindent 12 }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- if .ops }}
  - ports:
      - port: ops
        protocol: TCP
    {{- with $policy.monitoring }}
    from:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- if not (or .http .ops) }} []{{ end }}
egress:
  - ports:
      - port: 53
        protocol: UDP
      - port: 53
        protocol: TCP
    {{- with $policy.dns }}
    to:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- include "pressferry.egress" $policy.nats | nindent 2 }}
  {{- if .database }}
  {{- include "pressferry.egress" $policy.database | nindent 2 }}
  {{- end }}
  {{- if and .ops .root.Values.telemetry.otlpEndpoint }}
  {{- include "pressferry.egress" $policy.otlp | nindent 2 }}
  {{- end }}
  {{- if .public }}
  {{- include "pressferry.publicEgress" $policy | nindent 2 }}
  {{- end }}
  {{- with .extraEgress }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
