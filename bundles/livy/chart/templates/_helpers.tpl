{{/* The release's name is the Service's: at most 53 characters, so nothing is cut off. */}}
{{- define "livy.fullname" -}}
{{ include "windlass.fullname" (list . 53) }}
{{- end }}

{{- define "livy.sparkAccount" -}}
{{ include "livy.fullname" . }}-spark
{{- end }}

{{/* Roles of the cluster have no namespace, so the name tells two releases apart. */}}
{{- define "livy.clusterRole" -}}
{{ include "windlass.clusterName" (list . (include "livy.fullname" .) "watch") }}
{{- end }}

{{- define "livy.guard" -}}
{{ include "windlass.clusterName" (list . (include "livy.fullname" .) "guard") }}
{{- end }}

{{/* By the image's tag: whether this is a version before 0.9, which knows Kubernetes only through spark-submit. */}}
{{- define "livy.before09" -}}
{{- ternary "true" "" (regexMatch "^v?0\\.[0-8]([.-]|$)" .Values.image.tag) -}}
{{- end }}

{{/* Versions before 0.9 know recovery on YARN only, and refuse to start with it. */}}
{{- define "livy.recovery" -}}
{{- if eq .Values.recovery "auto" -}}
{{- ternary "" "true" (not (empty (include "livy.before09" .))) -}}
{{- else -}}
{{- ternary "true" "" (eq .Values.recovery "on") -}}
{{- end -}}
{{- end }}

{{/* Spark refuses less, with a message that only its driver's log shows. */}}
{{- define "livy.sparkMib" -}}
{{- $mib := include "windlass.mib" . | int64 -}}
{{- if lt $mib 450 -}}
{{- fail (printf "%s of memory is too little for Spark: give at least 450Mi" .) -}}
{{- end -}}
{{- $mib -}}
{{- end }}

{{/* A quantity of CPU as the whole number of cores that Spark counts. */}}
{{- define "livy.cores" -}}
{{- $number := float64 (regexFind "^[0-9]+(\\.[0-9]+)?" .) -}}
{{- $cores := ternary (divf $number 1000.0) $number (hasSuffix "m" .) -}}
{{- max 1 (ceil $cores | int64) -}}
{{- end }}

{{- define "livy.sparkDefaults" -}}
{{- $v := .Values -}}
{{- $conf := dict
  "spark.kubernetes.namespace" .Release.Namespace
  "spark.kubernetes.container.image" (include "windlass.image" (list . $v.spark.image))
  "spark.kubernetes.container.image.pullPolicy" $v.spark.image.pullPolicy
  "spark.kubernetes.authenticate.driver.serviceAccountName" (include "livy.sparkAccount" .)
  "spark.kubernetes.driver.podTemplateFile" "/etc/spark-pods/driver.yaml"
  "spark.kubernetes.executor.podTemplateFile" "/etc/spark-pods/executor.yaml"
  "spark.kubernetes.file.upload.path" (printf "%s%s" $v.hdfs.defaultFs $v.spark.uploadPath)
  "spark.kubernetes.driverEnv.HADOOP_USER_NAME" $v.hdfs.user
  "spark.executorEnv.HADOOP_USER_NAME" $v.hdfs.user
  "spark.driver.memory" (printf "%sm" (include "livy.sparkMib" $v.spark.driver.memory))
  "spark.driver.cores" (include "livy.cores" $v.spark.driver.cores)
  "spark.kubernetes.driver.request.cores" $v.spark.driver.cores
  "spark.executor.memory" (printf "%sm" (include "livy.sparkMib" $v.spark.executor.memory))
  "spark.executor.cores" (include "livy.cores" $v.spark.executor.cores)
  "spark.kubernetes.executor.request.cores" $v.spark.executor.cores
  "spark.executor.instances" $v.spark.executor.instances
  "spark.eventLog.enabled" "true"
  "spark.eventLog.dir" (printf "%s%s" $v.hdfs.defaultFs $v.spark.eventLogDir)
  "spark.jars.ivy" "/tmp/.ivy2"
  "spark.kubernetes.driver.service.deleteOnTermination" "false"
-}}
{{- if $v.imagePullSecrets -}}
{{- $names := list -}}
{{- range $v.imagePullSecrets }}{{ $names = append $names .name }}{{ end -}}
{{- $_ := set $conf "spark.kubernetes.container.image.pullSecrets" (join "," $names) -}}
{{- end -}}
{{- include "windlass.properties" (list (mergeOverwrite $conf $v.spark.conf) " ") }}
{{- end }}

{{- define "livy.livyConf" -}}
{{- $v := .Values -}}
{{- $conf := dict
  "livy.server.port" 8998
  "livy.spark.master" "k8s://https://kubernetes.default.svc"
  "livy.spark.deploy-mode" "cluster"
  "livy.server.kubernetes.poll-interval" "3s"
  "livy.server.kubernetes.spark.container.name" "spark-kubernetes-driver"
-}}
{{- if include "livy.recovery" . -}}
{{- $_ := set $conf "livy.server.recovery.mode" "recovery" -}}
{{- $_ := set $conf "livy.server.recovery.state-store" "filesystem" -}}
{{- $_ := set $conf "livy.server.recovery.state-store.url" "file:///var/lib/livy/state" -}}
{{- end -}}
{{- with $v.historyServerUrl -}}
{{- $_ := set $conf "livy.ui.history-server-url" . -}}
{{- end -}}
{{- include "windlass.properties" (list (mergeOverwrite $conf $v.conf) " = ") }}
{{- end }}

{{/*
A pod template for Spark: everything that Pod Security `restricted` asks for and that Spark does not
set by itself. Call with the context and `role`.
*/}}
{{- define "livy.sparkPod" -}}
{{- $v := .root.Values -}}
apiVersion: v1
kind: Pod
metadata:
  labels:
    app.kubernetes.io/name: spark
    app.kubernetes.io/component: {{ .role }}
    app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
    app.kubernetes.io/part-of: windlass
    app.kubernetes.io/managed-by: livy
spec:
  enableServiceLinks: false
  {{- if eq .role "executor" }}
  automountServiceAccountToken: false
  {{- end }}
  securityContext:
    {{- include "windlass.podSecurity" (list $v.spark.uid) | nindent 4 }}
  {{- if $v.spark.sharedLibraries }}
  initContainers:
  - name: shared-libraries
    image: {{ include "windlass.image" (list .root $v.spark.image) | quote }}
    imagePullPolicy: {{ $v.spark.image.pullPolicy }}
    command: [bash, -c]
    args:
    - |
      set -u
      # Hadoop's shell refuses to start without these two, empty or not.
      mkdir -p /tmp/conf
      for file in core-site.xml hdfs-site.xml; do echo '<configuration/>' > "/tmp/conf/$file"; done
      {{- with $v.hdfs.properties }}
      cat > /tmp/conf/core-site.xml << 'XML'
      {{- include "windlass.xml" . | nindent 6 }}
      XML
      {{- end }}
      "${JAVA_HOME:+$JAVA_HOME/bin/}java" -Xmx128m -XX:+UseSerialGC -cp "/tmp/conf:/opt/spark/jars/*" org.apache.hadoop.fs.FsShell -get '{{ $v.spark.sharedLibraries }}' /opt/spark/shared-libraries/ 2> /tmp/error
      rc=$?
      cat /tmp/error >&2
      # An empty or absent folder is a platform without shared libraries, not a failure.
      if [ "$rc" != 0 ] && ! grep -q 'No such file or directory' /tmp/error; then
        echo 'failed to get the shared libraries {{ $v.spark.sharedLibraries }}' >&2
        exit "$rc"
      fi
      set -- /opt/spark/shared-libraries/*.jar
      if [ -e "$1" ]; then echo "$# shared libraries from {{ $v.spark.sharedLibraries }}"; else echo 'no shared libraries at {{ $v.spark.sharedLibraries }}'; fi
    env:
    - {name: HADOOP_USER_NAME, value: {{ $v.hdfs.user | quote }}}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      {{- include "windlass.containerSecurity" .root | nindent 6 }}
    resources:
      requests: {cpu: 50m, memory: 128Mi}
      limits: {memory: 384Mi}
    volumeMounts:
    - {name: shared-libraries, mountPath: /opt/spark/shared-libraries}
    - {name: tmp, mountPath: /tmp}
  {{- end }}
  containers:
  - name: spark-kubernetes-{{ .role }}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      {{- include "windlass.containerSecurity" .root | nindent 6 }}
    {{- if $v.spark.sharedLibraries }}
    # Comes last on the class path of both, whatever jars a job brings: spark.jars of a job would
    # take the place of a default, and Spark's own versions of a library must win.
    env:
    - {name: SPARK_DIST_CLASSPATH, value: "/opt/spark/shared-libraries/*"}
    {{- end }}
    volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: work, mountPath: /opt/spark/work-dir}
    {{- if $v.spark.sharedLibraries }}
    - {name: shared-libraries, mountPath: /opt/spark/shared-libraries, readOnly: true}
    {{- end }}
  volumes:
  - {name: tmp, emptyDir: {}}
  - {name: work, emptyDir: {}}
  {{- if $v.spark.sharedLibraries }}
  - {name: shared-libraries, emptyDir: {}}
  {{- end }}
{{- end }}
