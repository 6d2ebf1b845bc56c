{{- /* The StatefulSet's name; the Service is named like the release. */}}
{{- define "datagram.set" -}}
{{ include "windlass.fullname" (list . 52) }}
{{- end }}

{{- /* What the image's entrypoint reads. */}}
{{- define "datagram.env" -}}
{{- $own := dict
  "DATAGRAM_HOME" .Values.home
  "DEPLOY_DIR" (printf "%s/gitflow" .Values.home)
  "MAVEN_HOME" .Values.mavenHome
  "MEM_MAX" (printf "%sm" (include "windlass.mib" .Values.memory))
  "SERVER_PORT" 8089
  "HOME" .Values.home
  "JAVA_TOOL_OPTIONS" (printf "-Duser.home=%s" .Values.home)
-}}
{{- range $name, $value := mergeOverwrite $own .Values.env }}
- {name: {{ $name }}, value: {{ include "windlass.scalar" $value | quote }}}
{{- end }}
{{- end }}
