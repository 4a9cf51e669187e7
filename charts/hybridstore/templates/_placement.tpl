{{- /* Where the operator runs. As its own pods of tenants and services: over zones and machines, unless its template says otherwise. */ -}}
{{- define "hybridstore.placement" -}}
{{- $pod := .Values.operator.podTemplate.spec | default dict -}}
{{- $own := dict "matchLabels" (include "hybridstore.selector" . | fromYaml) -}}
{{- $placed := dict -}}
{{- range $name := list "nodeSelector" "tolerations" "affinity" -}}
{{- with index $pod $name | default (index $.Values.operator $name) -}}{{- $_ := set $placed $name . -}}{{- end -}}
{{- end -}}
{{- range $name := list "priorityClassName" "runtimeClassName" "dnsConfig" "terminationGracePeriodSeconds" -}}
{{- with index $pod $name -}}{{- $_ := set $placed $name . -}}{{- end -}}
{{- end -}}
{{- $spread := list -}}
{{- if hasKey $pod "topologySpreadConstraints" -}}
{{- range $pod.topologySpreadConstraints -}}
{{- $spread = append $spread (hasKey . "labelSelector" | ternary . (set (deepCopy .) "labelSelector" $own)) -}}
{{- end -}}
{{- else -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" -}}
{{- $spread = append $spread (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" $own) -}}
{{- end -}}
{{- end -}}
{{- /* Where machines have no zone, the scheduler passes over both constraints: repulsion is judged by itself. */ -}}
{{- $affinity := get $placed "affinity" | default dict -}}
{{- if not (or (hasKey $pod "topologySpreadConstraints") (hasKey $affinity "podAntiAffinity")) -}}
{{- $apart := dict "weight" 100 "podAffinityTerm" (dict "labelSelector" $own "topologyKey" "kubernetes.io/hostname") -}}
{{- $apart = dict "preferredDuringSchedulingIgnoredDuringExecution" (list $apart) -}}
{{- $_ := set $placed "affinity" (merge (dict "podAntiAffinity" $apart) $affinity) -}}
{{- end -}}
{{- with $spread -}}{{- $_ := set $placed "topologySpreadConstraints" . -}}{{- end -}}
{{- with $placed -}}{{- toYaml . -}}{{- end -}}
{{- end -}}
