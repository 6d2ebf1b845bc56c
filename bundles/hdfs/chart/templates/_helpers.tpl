{{- /*
The prefix of all names. A StatefulSet's name plus "-" and ten characters becomes a label of its
pods, and a label holds 63: with "-namenode" that leaves 43 for the release.
*/}}
{{- define "hdfs.fullname" -}}
{{ include "windlass.fullname" (list . 43) }}
{{- end }}

{{- define "hdfs.namenode" -}}
{{ include "hdfs.fullname" . }}-namenode
{{- end }}

{{- define "hdfs.datanode" -}}
{{ include "hdfs.fullname" . }}-datanode
{{- end }}

{{- define "hdfs.journalnode" -}}
{{ include "hdfs.fullname" . }}-journal
{{- end }}

{{- define "hdfs.zookeeper" -}}
{{ include "hdfs.fullname" . }}-zk
{{- end }}

{{- /* Whether DataNodes have numbers, so that the last of them can leave. */}}
{{- define "hdfs.numbered" -}}
{{- if ne .Values.datanode.kind "daemonset" }}true{{ end -}}
{{- end }}

{{- define "hdfs.ha" -}}
{{- if eq .Values.mode "ha" }}true{{ end -}}
{{- end }}

{{- /* A pod of a StatefulSet by its name, as the seed's scripts and windlass address it: (list . NAME ORDINAL). */}}
{{- define "hdfs.host" -}}
{{- $root := first . -}}
{{ index . 1 }}-{{ last . }}.{{ index . 1 }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.clusterDomain }}
{{- end }}

{{- /* The first of them: (list . NAME COUNT PORT SEPARATOR), each with the port. */}}
{{- define "hdfs.hosts" -}}
{{- $all := list -}}
{{- range $at := until (int (index . 2)) -}}
{{- $all = append $all (printf "%s:%d" (include "hdfs.host" (list (first $) (index $ 1) $at)) (int (index $ 3))) -}}
{{- end -}}
{{- join (last .) $all -}}
{{- end }}

{{- define "hdfs.namenodes" -}}
{{ ternary 2 1 (eq .Values.mode "ha") }}
{{- end }}

{{- define "hdfs.namenode.host" -}}
{{ include "hdfs.host" (list . (include "hdfs.namenode" .) 0) }}
{{- end }}

{{- /* host:port of the NameNodes' web servers, separated by spaces, for scripts. */}}
{{- define "hdfs.namenode.web" -}}
{{ include "hdfs.hosts" (list . (include "hdfs.namenode" .) (include "hdfs.namenodes" .) 9870 " ") }}
{{- end }}

{{- define "hdfs.journalnode.web" -}}
{{ include "hdfs.hosts" (list . (include "hdfs.journalnode" .) 3 8480 " ") }}
{{- end }}

{{- define "hdfs.zookeeper.quorum" -}}
{{ .Values.zookeeper.quorum | default (include "hdfs.hosts" (list . (include "hdfs.zookeeper" .) 3 2181 ",")) }}
{{- end }}

{{- define "hdfs.defaultFs" -}}
{{- if eq .Values.mode "ha" -}}hdfs://{{ .Values.nameservice }}{{- else -}}hdfs://{{ include "hdfs.namenode.host" . }}:8020{{- end -}}
{{- end }}

{{- /* Where pods of one kind go: (list . COMPONENT MAP). Apart from each other, in nodes and zones, as far as there are
     different ones, unless MAP has an affinity of its own. */}}
{{- define "hdfs.apart" -}}
{{- $selector := include "windlass.selector" (list (first .) (index . 1)) -}}
{{- if (last .).affinity -}}
affinity:
  {{- toYaml (last .).affinity | nindent 2 }}
{{- else -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- $selector | nindent 12 }}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- $selector | nindent 6 }}
{{- end }}
{{- end }}

{{- /* A StatefulSet's claim template: (list . COMPONENT STORAGE). It can never be changed, so it carries no label that
     changes with the chart. */}}
{{- define "hdfs.claims" -}}
volumeClaimTemplates:
- metadata:
    name: data
    labels:
      {{- include "windlass.selector" (list (first .) (index . 1)) | nindent 6 }}
  spec:
    {{- include "windlass.claim" (last .) | nindent 4 }}
{{- end }}

{{- /* The head of a daemon's pod: (list . MAP), with the placement that MAP holds. */}}
{{- define "hdfs.pod" -}}
{{- $user := (first .).Values.user -}}
{{ include "windlass.pod" (dict "root" (first .) "user" (list $user.uid $user.gid) "placement" (last .)) }}
terminationGracePeriodSeconds: 60
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
- name: JDK_JAVA_OPTIONS
  value: {{ include "windlass.addOpens" (list "lang" "net" "util") }}
{{- end }}

{{- define "hdfs.mounts" -}}
- {name: data, mountPath: /data}
- {name: config, mountPath: /etc/hadoop, readOnly: true}
- {name: passwd, mountPath: /etc/passwd, subPath: passwd, readOnly: true}
- {name: passwd, mountPath: /etc/group, subPath: group, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: logs, mountPath: /var/log/hadoop}
{{- end }}

{{- /* With the scripts that (list . SCRIPT…) names, and what they share. */}}
{{- define "hdfs.volumes" -}}
{{- $config := printf "%s-config" (include "hdfs.fullname" (first .)) -}}
{{ include "windlass.configVolume" (list "config" $config "core-site.xml" "hdfs-site.xml" "log4j.properties") }}
{{ include "windlass.configVolume" (list "passwd" $config "passwd" "group") }}
- {name: tmp, emptyDir: {}}
- {name: logs, emptyDir: {}}
{{ include "windlass.configVolume" (concat (list "scripts" $config "common.sh") (rest .)) }}
{{- end }}
