{{/* The release's name is the Service's: at most 53 characters, so nothing is cut off. */}}
{{- define "shs.fullname" -}}
{{- if not (regexMatch "^[a-z][a-z0-9-]*$" .Release.Name) -}}
{{- fail (printf "release name %q cannot be the name of a Service: use lower-case letters, digits and '-', and begin with a letter" .Release.Name) -}}
{{- end -}}
{{- .Release.Name | trunc 53 | trimAll "-" -}}
{{- end }}

{{- define "shs.selector" -}}
app.kubernetes.io/name: spark-history-server
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "shs.labels" -}}
{{ include "shs.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: windlass
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{/* A quantity of memory in whole MiB. */}}
{{- define "shs.mib" -}}
{{- $number := float64 (regexFind "^[0-9]+(\\.[0-9]+)?" .) -}}
{{- $unit := regexReplaceAll "^[0-9.]+" . "" -}}
{{- $factor := get (dict "" 1.0 "k" 1000.0 "M" 1000000.0 "G" 1000000000.0 "T" 1000000000000.0 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0) $unit -}}
{{- $mib := divf (mulf $number $factor) 1048576.0 | floor | int64 -}}
{{- if lt $mib 64 -}}
{{- fail (printf "%s of memory is too little for a JVM: give at least 64Mi" .) -}}
{{- end -}}
{{- $mib -}}
{{- end }}

{{- define "shs.sparkDefaults" -}}
{{- $conf := dict
  "spark.history.fs.logDirectory" (printf "%s%s" .Values.hdfs.defaultFs .Values.eventLogDir)
  "spark.history.fs.update.interval" .Values.updateInterval
  "spark.history.ui.port" 18080
-}}
{{- range $name, $value := mergeOverwrite $conf .Values.conf }}
{{ $name }} {{ include "shs.scalar" $value }}
{{- end }}
{{- end }}

{{/* Numbers of a values file are floats, and would print as 2.68435456e+08. */}}
{{- define "shs.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end }}
