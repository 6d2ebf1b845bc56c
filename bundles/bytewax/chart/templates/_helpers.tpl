{{/* The StatefulSet's and the headless Service's name. */}}
{{- define "bytewax.fullname" -}}
{{ include "windlass.fullname" (list . 52) }}
{{- end }}

{{/* A Job cannot be changed. What would run otherwise has another name, so Helm makes a new one and removes the old. */}}
{{- define "bytewax.jobName" -}}
{{- $digest := printf "%s %s %s" (include "bytewax.podSpec" (dict "root" . "name" "")) (include "bytewax.podAnnotations" .) .Values.job.run | sha256sum | trunc 8 -}}
{{- printf "%s-%s" (include "bytewax.fullname" . | trunc 43 | trimAll "-") $digest -}}
{{- end }}

{{- define "bytewax.podAnnotations" -}}
checksum/scripts: {{ (.Files.Glob "scripts/*.py").AsConfig | sha256sum }}
checksum/files: {{ .Values.files.digest | quote }}
{{- with .Values.envSecret.version }}
checksum/secret: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "bytewax.resources" -}}
requests:
  cpu: {{ .Values.cpu | quote }}
  memory: {{ .Values.memory | quote }}
limits:
  memory: {{ .Values.memory | quote }}
{{- end }}

{{/* What Bytewax and the script read. With a file as entry both of the variables that name it are set. */}}
{{- define "bytewax.env" -}}
{{- $name := .name -}}
{{- with .root -}}
{{- $own := dict
  "BYTEWAX_WORKDIR" "/var/bytewax"
  "BYTEWAX_WORKERS_PER_PROCESS" (int64 .Values.workersPerProcess)
  "BYTEWAX_REPLICAS" (int64 .Values.processes)
  "BYTEWAX_HOSTFILE_PATH" "/etc/bytewax/hostfile.txt"
  "BYTEWAX_KEEP_CONTAINER_ALIVE" (and (eq .Values.mode "service") .Values.keepAlive)
  "WINDLASS_NAME" $name
  "WINDLASS_SERVICE" (include "bytewax.fullname" .)
  "WINDLASS_CLUSTER_DOMAIN" .Values.clusterDomain
  "WINDLASS_TREE" .Values.files.tree
  "PYTHONUNBUFFERED" 1
  "TMPDIR" "/var/bytewax"
-}}
{{- $entry := .Values.entry -}}
{{- if regexMatch "\\.py(:|$)" $entry -}}
{{- $_ := set $own "BYTEWAX_PYTHON_FILE_PATH" (printf "/var/bytewax/%s" $entry) -}}
{{- $file := regexFind "^.*\\.py(:|$)" $entry -}}
{{- $flow := trimPrefix $file $entry | default "flow" -}}
{{- $_ := set $own "BYTEWAX_IMPORT_STR" (printf "%s:%s" (regexReplaceAll "\\.py:?$" $file "" | replace "/" ".") $flow) -}}
{{- else -}}
{{- $_ := set $own "BYTEWAX_IMPORT_STR" $entry -}}
{{- end -}}
{{- if .Values.recovery.enabled -}}
{{- $_ := set $own "BYTEWAX_SNAPSHOT_INTERVAL" (int64 .Values.recovery.snapshotInterval) -}}
{{- $_ := set $own "BYTEWAX_RECOVERY_BACKUP_INTERVAL" (int64 .Values.recovery.backupInterval) -}}
{{- /* A Job that is another begins anew. */ -}}
{{- $_ := set $own "BYTEWAX_RECOVERY_DIRECTORY" (printf "/recovery/%s" (ternary "partitions" $name (eq .Values.mode "service"))) -}}
{{- $_ := set $own "WINDLASS_RECOVERY_PARTS" (int64 .Values.recovery.parts) -}}
{{- end -}}
{{- if .Values.api.enabled -}}
{{- $_ := set $own "BYTEWAX_DATAFLOW_API_ENABLED" true -}}
{{- $_ := set $own "BYTEWAX_DATAFLOW_API_PORT" 3030 -}}
{{- end -}}
{{- if eq .Values.mode "service" -}}
{{- $_ := set $own "BYTEWAX_STATEFULSET_NAME" $name -}}
{{- else -}}
{{- $_ := set $own "WINDLASS_REVISION" $name -}}
{{- end -}}
{{- range $key, $value := merge (deepCopy .Values.env) (dict "RUST_BACKTRACE" "full") }}
{{- if or (hasKey $own $key) (hasPrefix "WINDLASS_" $key) (has $key (list "BYTEWAX_POD_NAME" "BYTEWAX_PROCESS_ID" "BYTEWAX_ADDRESSES" "BYTEWAX_RECOVERY_DIRECTORY" "POD_NAMESPACE" "JOB_COMPLETION_INDEX")) }}
{{- fail (printf "env: %s is set by the chart" $key) }}
{{- end }}
- {name: {{ $key | quote }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- range $key, $value := $own }}
- {name: {{ $key }}, value: {{ $value | toString | quote }}}
{{- end }}
- name: BYTEWAX_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- if eq .Values.mode "service" }}
{{- /* Pods of one template, and only those, have it in common. */}}
- name: WINDLASS_REVISION
  valueFrom: {fieldRef: {fieldPath: "metadata.labels['controller-revision-hash']"}}
{{- end }}
{{- end }}
{{- end }}

{{/* `name` is the StatefulSet's or the Job's; the name of a Job is made of what this is without it. */}}
{{- define "bytewax.podSpec" -}}
{{- $env := include "bytewax.env" . | trim -}}
{{- $root := .root -}}
{{- with .root -}}
{{- if not .Values.files.configMap -}}
{{- fail "files.configMap is needed: the ConfigMap with the dataflow's code" -}}
{{- end -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ include "bytewax.fullname" . }}-bytewax
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 10
securityContext:
  {{- include "windlass.podSecurity" (list .Values.user.uid .Values.user.gid .Values.user.fsGroup) | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $affinity := deepCopy .Values.affinity }}
{{- if and .Values.recovery.enabled (eq .Values.recovery.storage.accessMode "ReadWriteOnce") }}
{{- /* The volume is one node's at a time: all processes go where the first one went. */}}
{{- $together := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "windlass.selector" . | fromYaml)) }}
{{- $_ := mergeOverwrite $affinity (dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (append (dig "podAffinity" "requiredDuringSchedulingIgnoredDuringExecution" list $affinity) $together))) }}
{{- end }}
{{- with $affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
initContainers:
- name: init-hostfile
  {{- include "windlass.container" (list . .Values.image) | nindent 2 }}
  command: [/venv/bin/python, /scripts/process.py, prepare]
  env:
    {{- $env | nindent 2 }}
  resources:
    {{- include "bytewax.resources" . | nindent 4 }}
  volumeMounts:
  - {name: scripts, mountPath: /scripts, readOnly: true}
  - {name: python-files, mountPath: /code, readOnly: true}
  - {name: hostfile, mountPath: /etc/bytewax}
  - {name: working-directory, mountPath: /var/bytewax}
  {{- if .Values.recovery.enabled }}
  - {name: recovery, mountPath: /recovery}
  {{- end }}
containers:
- name: process
  {{- include "windlass.container" (list . .Values.image) | nindent 2 }}
  command: [/venv/bin/python, /scripts/process.py, run]
  workingDir: /var/bytewax
  env:
    {{- $env | nindent 2 }}
  ports:
  - {name: worker, containerPort: 9999}
  - {name: gate, containerPort: 9998}
  {{- if .Values.api.enabled }}
  - {name: api, containerPort: 3030}
  {{- end }}
  {{- if eq .Values.mode "service" }}
  startupProbe:
    httpGet: {path: /live, port: 9998}
    periodSeconds: 1
    timeoutSeconds: 3
    failureThreshold: 120
  readinessProbe:
    httpGet: {path: /ready, port: 9998}
    periodSeconds: 2
    timeoutSeconds: 5
  livenessProbe:
    httpGet: {path: /live, port: 9998}
    periodSeconds: 20
    timeoutSeconds: 10
    failureThreshold: 6
  {{- end }}
  resources:
    {{- include "bytewax.resources" . | nindent 4 }}
  volumeMounts:
  - {name: scripts, mountPath: /scripts, readOnly: true}
  - {name: hostfile, mountPath: /etc/bytewax, readOnly: true}
  - {name: working-directory, mountPath: /var/bytewax}
  {{- if .Values.envSecret.name }}
  - {name: secret, mountPath: /secret, readOnly: true}
  {{- end }}
  {{- if .Values.recovery.enabled }}
  - {name: recovery, mountPath: /recovery}
  {{- end }}
volumes:
- name: scripts
  configMap:
    name: {{ include "bytewax.fullname" . }}-scripts
- name: python-files
  configMap:
    name: {{ .Values.files.configMap | quote }}
- {name: hostfile, emptyDir: {}}
- {name: working-directory, emptyDir: {}}
{{- with .Values.envSecret.name }}
- name: secret
  secret:
    secretName: {{ . | quote }}
    items:
    - {key: {{ $root.Values.envSecret.key | quote }}, path: env}
{{- end }}
{{- if .Values.recovery.enabled }}
- name: recovery
  persistentVolumeClaim:
    claimName: {{ include "bytewax.fullname" . }}-recovery
{{- end }}
{{- end }}
{{- end }}
