{{- /*
What stands in environments and configuration files.

windlass.mib           QUANTITY               memory in whole MiB, such as 953 for 1G; refused below 64, too little for any JVM
windlass.jvmResources  MAP                    `resources` from a map with `cpu` and `memory`, which is the heap: a quarter comes on top,
                                              384Mi at least
windlass.javaOptions   MAP                    options of a server's JVM from a map with `memory`, the heap, and perhaps `javaOptions`
windlass.jvmFlags      .                      those among them that all servers share
windlass.addOpens      (list PACKAGE…)        --add-opens for these packages below java., for JDK_JAVA_OPTIONS: needed from Java 17 on;
                                              Java 8 does not read that variable, and would refuse the flags
windlass.scalar        VALUE                  a value as text: numbers of a values file are floats, and would print as 2.68435456e+08
windlass.xml           MAP                    a Hadoop configuration file, in a fixed order
windlass.properties    (list MAP SEPARATOR)   lines "name SEPARATOR value" in a fixed order, such as " " for spark-defaults.conf
*/}}

{{- define "windlass.mib" -}}
{{- $number := float64 (regexFind "^[0-9]+(\\.[0-9]+)?" .) -}}
{{- $unit := regexReplaceAll "^[0-9.]+" . "" -}}
{{- $factor := get (dict "" 1.0 "k" 1000.0 "M" 1000000.0 "G" 1000000000.0 "T" 1000000000000.0 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0) $unit -}}
{{- $mib := divf (mulf $number $factor) 1048576.0 | floor | int64 -}}
{{- if lt $mib 64 -}}
{{- fail (printf "%s of memory is too little for a JVM: give at least 64Mi" .) -}}
{{- end -}}
{{- $mib -}}
{{- end }}

{{- /* A JVM needs more than its heap: threads, buffers, metaspace. */}}
{{- define "windlass.jvmResources" -}}
{{- $heap := include "windlass.mib" .memory | int64 -}}
{{- $limit := add $heap (max 384 (div $heap 4)) -}}
requests:
  cpu: {{ .cpu | quote }}
  memory: {{ $limit }}Mi
limits:
  memory: {{ $limit }}Mi
{{- end }}

{{- define "windlass.javaOptions" -}}
-Xmx{{ include "windlass.mib" .memory }}m {{ include "windlass.jvmFlags" . }}{{ with .javaOptions }} {{ . }}{{ end }}
{{- end }}

{{- /* Addresses change with every pod; the JVM would keep an old one for 30 s. */}}
{{- define "windlass.jvmFlags" -}}
-XX:+ExitOnOutOfMemoryError -Dsun.net.inetaddr.ttl=5 -Dsun.net.inetaddr.negative.ttl=1
{{- end }}

{{- define "windlass.addOpens" -}}
{{- range $at, $package := . }}{{ if $at }} {{ end }}--add-opens=java.base/java.{{ $package }}=ALL-UNNAMED{{ end }}
{{- end }}

{{- define "windlass.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end }}

{{- define "windlass.xml" -}}
<?xml version="1.0"?>
<configuration>
{{- range $name, $value := . }}
  <property><name>{{ $name }}</name><value>{{ include "windlass.scalar" $value | replace "&" "&amp;" | replace "<" "&lt;" }}</value></property>
{{- end }}
</configuration>
{{- end }}

{{- define "windlass.properties" -}}
{{- $separator := last . -}}
{{- range $name, $value := first . }}
{{ $name }}{{ $separator }}{{ include "windlass.scalar" $value }}
{{- end }}
{{- end }}
