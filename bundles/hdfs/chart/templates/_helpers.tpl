{{/*
The prefix of all names. A StatefulSet's name plus "-" and ten characters becomes a label of its
pods, and a label holds 63: with "-namenode" that leaves 43 for the release.
*/}}
{{- define "hdfs.fullname" -}}
{{- if not (regexMatch "^[a-z][a-z0-9-]*$" .Release.Name) -}}
{{- fail (printf "release name %q cannot be the name of a Service: use lower-case letters, digits and '-', and begin with a letter" .Release.Name) -}}
{{- end -}}
{{- .Release.Name | trunc 43 | trimAll "-" -}}
{{- end }}

{{- define "hdfs.namenode" -}}
{{ include "hdfs.fullname" . }}-namenode
{{- end }}

{{- define "hdfs.datanode" -}}
{{ include "hdfs.fullname" . }}-datanode
{{- end }}

{{/* The NameNode by its pod's name, as the seed's scripts and windlass address it. */}}
{{- define "hdfs.namenode.host" -}}
{{- $name := include "hdfs.namenode" . -}}
{{- printf "%s-0.%s.%s.svc.%s" $name $name .Release.Namespace .Values.clusterDomain -}}
{{- end }}

{{- define "hdfs.selector" -}}
app.kubernetes.io/name: hdfs
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "hdfs.labels" -}}
{{ include "hdfs.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: windlass
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{/* On pods: without the chart's version, which would restart them for nothing. */}}
{{- define "hdfs.podLabels" -}}
{{ include "hdfs.selector" . }}
app.kubernetes.io/part-of: windlass
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "hdfs.image" -}}
{{- $i := .Values.image -}}
{{ $i.repository }}:{{ $i.tag | default .Chart.AppVersion }}{{ with $i.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* A quantity of memory in whole MiB. */}}
{{- define "hdfs.mib" -}}
{{- $number := float64 (regexFind "^[0-9]+(\\.[0-9]+)?" .) -}}
{{- $unit := regexReplaceAll "^[0-9.]+" . "" -}}
{{- $factor := get (dict "" 1.0 "k" 1000.0 "M" 1000000.0 "G" 1000000000.0 "T" 1000000000000.0 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0) $unit -}}
{{- $mib := divf (mulf $number $factor) 1048576.0 | floor | int64 -}}
{{- if lt $mib 64 -}}
{{- fail (printf "%s of memory is too little for a JVM: give at least 64Mi" .) -}}
{{- end -}}
{{- $mib -}}
{{- end }}

{{/* A JVM needs more than its heap: threads, buffers, metaspace. */}}
{{- define "hdfs.resources" -}}
{{- $heap := include "hdfs.mib" .memory | int64 -}}
{{- $limit := add $heap (max 384 (div $heap 4)) -}}
requests:
  cpu: {{ .cpu | quote }}
  memory: {{ $limit }}Mi
limits:
  memory: {{ $limit }}Mi
{{- end }}

{{/* Addresses change with every pod; the JVM would keep an old one for 30 s. */}}
{{- define "hdfs.javaOptions" -}}
{{- $heap := include "hdfs.mib" .memory -}}
-Xmx{{ $heap }}m -XX:+ExitOnOutOfMemoryError -Dsun.net.inetaddr.ttl=5 -Dsun.net.inetaddr.negative.ttl=1{{ with .javaOptions }} {{ . }}{{ end }}
{{- end }}

{{- define "hdfs.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ int64 .Values.user.uid }}
runAsGroup: {{ int64 .Values.user.gid }}
fsGroup: {{ int64 .Values.user.gid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "hdfs.containerSecurity" -}}
runAsNonRoot: true
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "hdfs.env" -}}
- name: HADOOP_CONF_DIR
  value: /etc/hadoop
- name: HADOOP_LOG_DIR
  value: /var/log/hadoop
- name: HADOOP_USER_NAME
  value: {{ .Values.user.name | quote }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
# Needed from Java 17 on; Java 8 does not read this variable, and would refuse the flags.
- name: JDK_JAVA_OPTIONS
  value: --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.net=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED
{{- end }}

{{- define "hdfs.mounts" -}}
- {name: data, mountPath: /data}
- {name: config, mountPath: /etc/hadoop, readOnly: true}
- {name: passwd, mountPath: /etc/passwd, subPath: passwd, readOnly: true}
- {name: passwd, mountPath: /etc/group, subPath: group, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: logs, mountPath: /var/log/hadoop}
{{- end }}

{{- define "hdfs.volumes" -}}
- name: config
  configMap:
    name: {{ include "hdfs.fullname" . }}-config
    items:
    - {key: core-site.xml, path: core-site.xml}
    - {key: hdfs-site.xml, path: hdfs-site.xml}
    - {key: log4j.properties, path: log4j.properties}
- name: passwd
  configMap:
    name: {{ include "hdfs.fullname" . }}-config
    items:
    - {key: passwd, path: passwd}
    - {key: group, path: group}
- {name: tmp, emptyDir: {}}
- {name: logs, emptyDir: {}}
{{- end }}

{{- define "hdfs.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A Hadoop configuration file from a dictionary, in a fixed order. */}}
{{- define "hdfs.xml" -}}
<?xml version="1.0"?>
<configuration>
{{- range $name, $value := . }}
  <property><name>{{ $name }}</name><value>{{ include "hdfs.scalar" $value | replace "&" "&amp;" | replace "<" "&lt;" }}</value></property>
{{- end }}
</configuration>
{{- end }}

{{/* Numbers of a values file are floats, and would print as 2.68435456e+08. */}}
{{- define "hdfs.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end }}
