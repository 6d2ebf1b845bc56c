{{/* The release's name is the Service's: at most 53 characters, so nothing is cut off. */}}
{{- define "shs.fullname" -}}
{{ include "windlass.fullname" (list . 53) }}
{{- end }}

{{- define "shs.sparkDefaults" -}}
{{- $conf := dict
  "spark.history.fs.logDirectory" (printf "%s%s" .Values.hdfs.defaultFs .Values.eventLogDir)
  "spark.history.fs.update.interval" .Values.updateInterval
  "spark.history.ui.port" 18080
-}}
{{- include "windlass.properties" (list (mergeOverwrite $conf .Values.conf) " ") }}
{{- end }}
