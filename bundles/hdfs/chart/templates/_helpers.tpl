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

{{- /* The NameNode by its pod's name, as the seed's scripts and windlass address it. */}}
{{- define "hdfs.namenode.host" -}}
{{- $name := include "hdfs.namenode" . -}}
{{- printf "%s-0.%s.%s.svc.%s" $name $name .Release.Namespace .Values.clusterDomain -}}
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

{{- /* With the scripts that (list . SCRIPT…) names. */}}
{{- define "hdfs.volumes" -}}
{{- $config := printf "%s-config" (include "hdfs.fullname" (first .)) -}}
{{ include "windlass.configVolume" (list "config" $config "core-site.xml" "hdfs-site.xml" "log4j.properties") }}
{{ include "windlass.configVolume" (list "passwd" $config "passwd" "group") }}
- {name: tmp, emptyDir: {}}
- {name: logs, emptyDir: {}}
{{ include "windlass.configVolume" (concat (list "scripts" $config) (rest .)) }}
{{- end }}
