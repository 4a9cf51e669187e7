{{- define "hybridstore.labels" -}}
app.kubernetes.io/name: hybridstore
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: hybridstore
app.kubernetes.io/component: operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
{{- define "hybridstore.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}
{{- define "hybridstore.settings" -}}
image:
  services: {{ .Values.image.services | quote }}
  pullPolicy: {{ .Values.image.pullPolicy }}
  pullSecrets: {{ toJson .Values.image.pullSecrets }}
logLevel: {{ .Values.logLevel }}
shutdownDelaySeconds: {{ .Values.shutdownDelaySeconds }}
shutdownFinishSeconds: {{ .Values.shutdownFinishSeconds }}
maxTenantsRolling: {{ .Values.maxTenantsRolling }}
storage: {{ toJson .Values.storage }}
{{- with .Values.store.postgres }}
store: { postgres: {{ toJson . }} }
{{- end }}
network:
  policies: {{ .Values.network.policies }}
{{- with .Values.network.metricsPort }}
  metricsPort: {{ . }}
{{- end }}
{{- range $name := list "dns" "prometheus" "gatewayClients" "tenantClients" }}
{{- with index $.Values.network $name }}
  {{ $name }}: {{ toJson . }}
{{- end }}
{{- end }}
podSecurity: {{ toJson .Values.podSecurity }}
services: {{ toJson .Values.services }}
config: {{ toJson .Values.config }}
{{- end -}}
