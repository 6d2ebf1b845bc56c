{{/* Of all; the longest StatefulSet's is "-scheduler" and "-triggerer", 10 behind it. */}}
{{- define "airflow.fullname" -}}
{{ include "windlass.fullname" (list . 42) }}
{{- end }}

{{- define "airflow.three" -}}
{{- if hasPrefix "3." .Values.airflowVersion -}}yes{{- end -}}
{{- end }}

{{/* "" or "/airflow". */}}
{{- define "airflow.prefix" -}}
{{ .Values.ingress.path | trimSuffix "/" }}
{{- end }}

{{- define "airflow.health" -}}
{{ include "airflow.prefix" . }}{{ ternary "/api/v2/monitor/health" "/health" (eq (include "airflow.three" .) "yes") }}
{{- end }}

{{- define "airflow.inside" -}}
http://{{ include "airflow.fullname" . }}-webserver.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}:8080{{ include "airflow.prefix" . }}
{{- end }}

{{- define "airflow.baseUrl" -}}
{{- if .Values.ingress.enabled -}}
{{ ternary "http" "https" (empty .Values.ingress.tlsSecretName) }}://{{ .Values.ingress.host }}{{ include "airflow.prefix" . }}
{{- else -}}
{{ include "airflow.inside" . }}
{{- end -}}
{{- end }}

{{- define "airflow.dagsFolder" -}}
/opt/airflow/dags{{ if .Values.dags.git.url }}/repo{{ with .Values.dags.git.folder | trimAll "/" }}/{{ . }}{{ end }}{{ end }}
{{- end }}

{{/* What cannot run is refused before anything is there. */}}
{{- define "airflow.checked" -}}
{{- if not .Values.database.secret.name -}}{{- fail "database.secret.name is needed: the Secret with the database's URL" -}}{{- end -}}
{{- if not .Values.keys.secret.name -}}{{- fail "keys.secret.name is needed: the Secret with the fernet key and the webserver's key" -}}{{- end -}}
{{- if and (eq .Values.executor "CeleryExecutor") (not .Values.broker.secret.name) -}}{{- fail "broker.secret.name is needed by CeleryExecutor: the Secret with the broker's URL" -}}{{- end -}}
{{- if and .Values.dags.git.sshKey.name (not .Values.dags.git.knownHosts.name) -}}{{- fail "dags.git.knownHosts is needed beside dags.git.sshKey: whose key the server has to have" -}}{{- end -}}
{{- end }}

{{/* A variable from a Secret: (list NAME SECRET KEY). */}}
{{- define "airflow.secretEnv" -}}
- name: {{ first . }}
  valueFrom: {secretKeyRef: {name: {{ index . 1 | quote }}, key: {{ last . | quote }}}}
{{- end }}

{{/* What opens the database and what it holds. */}}
{{- define "airflow.databaseEnv" -}}
{{ include "airflow.secretEnv" (list "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" .Values.database.secret.name .Values.database.secret.key) }}
{{ include "airflow.secretEnv" (list "AIRFLOW__CORE__FERNET_KEY" .Values.keys.secret.name .Values.keys.secret.fernetKey) }}
- {name: AIRFLOW__CORE__LOAD_EXAMPLES, value: "False"}
- {name: AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS, value: "False"}
{{- if include "airflow.three" . }}
- {name: AIRFLOW__CORE__AUTH_MANAGER, value: airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager}
{{- end }}
{{- end }}

{{/* Settings of all that runs Airflow. */}}
{{- define "airflow.settings" -}}
{{- $three := include "airflow.three" . -}}
{{- $own := dict
  "AIRFLOW__CORE__EXECUTOR" .Values.executor
  "AIRFLOW__CORE__DAGS_FOLDER" (include "airflow.dagsFolder" .)
  "AIRFLOW__CORE__PARALLELISM" (int64 .Values.parallelism)
  "AIRFLOW__CELERY__WORKER_CONCURRENCY" (int64 .Values.worker.concurrency)
  "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK" "True"
  "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED" "False"
-}}
{{- /* A query that fails is tried again after up to 5 s. With the default of 3 tries the scheduler ends when the database is away for some seconds. */ -}}
{{- $_ := set $own "AIRFLOW__DATABASE__MAX_DB_RETRIES" 60 -}}
{{- /* The image's entrypoint would ask for the database once more, and for the broker, by whole Airflows. */ -}}
{{- $_ := set $own "CONNECTION_CHECK_MAX_COUNT" 0 -}}
{{- if $three -}}
{{- $_ := set $own "AIRFLOW__API__BASE_URL" (include "airflow.baseUrl" .) -}}
{{- $_ := set $own "AIRFLOW__API__WORKERS" (int64 .Values.webserver.workers) -}}
{{- $_ := set $own "AIRFLOW__API__PROXY_FIX" "True" -}}
{{- $_ := set $own "AIRFLOW__CORE__EXECUTION_API_SERVER_URL" (printf "%s/execution/" (include "airflow.inside" .)) -}}
{{- $_ := set $own "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL" (int64 .Values.dags.interval) -}}
{{- $_ := set $own "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL" (int64 .Values.dags.interval) -}}
{{- $_ := set $own "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES" (int64 .Values.scheduler.parsingProcesses) -}}
{{- else -}}
{{- $_ := set $own "AIRFLOW__API__AUTH_BACKENDS" "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth,airflow.api.auth.backend.session" -}}
{{- $_ := set $own "AIRFLOW__WEBSERVER__BASE_URL" (include "airflow.baseUrl" .) -}}
{{- $_ := set $own "AIRFLOW__WEBSERVER__WORKERS" (int64 .Values.webserver.workers) -}}
{{- $_ := set $own "AIRFLOW__WEBSERVER__ENABLE_PROXY_FIX" "True" -}}
{{- /* On a busy node two minutes, Airflow's own number, were too few for its first worker, and it ended. */ -}}
{{- $_ := set $own "AIRFLOW__WEBSERVER__WEB_SERVER_MASTER_TIMEOUT" 300 -}}
{{- $_ := set $own "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL" (int64 .Values.dags.interval) -}}
{{- $_ := set $own "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL" (int64 .Values.dags.interval) -}}
{{- $_ := set $own "AIRFLOW__SCHEDULER__PARSING_PROCESSES" (int64 .Values.scheduler.parsingProcesses) -}}
{{- end -}}
{{- with .Values.statsd.host -}}
{{- $_ := set $own "AIRFLOW__METRICS__STATSD_ON" "True" -}}
{{- $_ := set $own "AIRFLOW__METRICS__STATSD_HOST" . -}}
{{- $_ := set $own "AIRFLOW__METRICS__STATSD_PORT" (int64 $.Values.statsd.port) -}}
{{- $_ := set $own "AIRFLOW__METRICS__STATSD_PREFIX" $.Values.statsd.prefix -}}
{{- end -}}
{{- if eq .Values.executor "KubernetesExecutor" -}}
{{- $_ := set $own "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE" .Release.Namespace -}}
{{- $_ := set $own "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE" "/etc/windlass/airflow/task.yaml" -}}
{{- end -}}
{{- /* Helm's `merge` prefers what comes first. */ -}}
{{- toYaml (merge (dict) (mergeOverwrite $own (deepCopy .Values.env))) -}}
{{- end }}

{{/* The whole environment: (dict "root" . "more" MAP), MAP being more settings, which count more. */}}
{{- define "airflow.env" -}}
{{- with .root -}}
{{ include "airflow.databaseEnv" . }}
{{- if include "airflow.three" . }}
{{ include "airflow.secretEnv" (list "AIRFLOW__API__SECRET_KEY" .Values.keys.secret.name .Values.keys.secret.webserverKey) }}
{{ include "airflow.secretEnv" (list "AIRFLOW__API_AUTH__JWT_SECRET" .Values.keys.secret.name .Values.keys.secret.jwtKey) }}
{{- else }}
{{ include "airflow.secretEnv" (list "AIRFLOW__WEBSERVER__SECRET_KEY" .Values.keys.secret.name .Values.keys.secret.webserverKey) }}
{{- end }}
{{- if eq .Values.executor "CeleryExecutor" }}
{{ include "airflow.secretEnv" (list "AIRFLOW__CELERY__BROKER_URL" .Values.broker.secret.name .Values.broker.secret.key) }}
{{- end }}
{{- $settings := include "airflow.settings" . | fromYaml }}
{{- range $key, $value := mergeOverwrite $settings (default dict $.more) }}
- {name: {{ $key | quote }}, value: {{ include "windlass.scalar" $value | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "airflow.envFrom" -}}
{{- $names := concat (ternary (list .Values.connections.secret.name) list (not (empty .Values.connections.secret.name))) .Values.extraEnvSecrets -}}
{{- with $names }}
envFrom:
{{- range . }}
- secretRef: {name: {{ . | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Annotations of pods: what they read when they start. Of Jobs, and those of all others. */}}
{{- define "airflow.jobAnnotations" -}}
checksum/scripts: {{ (.Files.Glob "scripts/*").AsConfig | sha256sum }}
{{- include "airflow.versions" (dict "database" .Values.database.secret.version "keys" .Values.keys.secret.version) }}
{{- end }}

{{- define "airflow.annotations" -}}
{{ include "airflow.jobAnnotations" . }}
{{- include "airflow.versions" (dict "broker" .Values.broker.secret.version "connections" .Values.connections.secret.version) }}
{{- end }}

{{- define "airflow.versions" -}}
{{- range $name, $version := . }}
{{- with $version }}
checksum/{{ $name }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "airflow.gitAnnotations" -}}
{{- $git := .Values.dags.git -}}
{{- include "airflow.versions" (dict "git-password" $git.password.version "git-ssh-key" $git.sshKey.version "git-known-hosts" $git.knownHosts.version "git-ca" $git.ca.version) }}
{{- if eq .Values.executor "KubernetesExecutor" }}
checksum/task: {{ include "airflow.taskPod" . | sha256sum }}
{{- end }}
{{- end }}

{{/* The head of a container of Airflow's image. */}}
{{- define "airflow.container" -}}
{{ include "windlass.container" (list . .Values.images.airflow) }}
{{- end }}

{{- define "airflow.resources" -}}
resources:
  requests: {cpu: {{ .cpu | quote }}, memory: {{ .memory | quote }}}
  limits: {memory: {{ .memory | quote }}}
{{- end }}

{{- define "airflow.mounts" -}}
- {name: home, mountPath: /opt/airflow}
- {name: tmp, mountPath: /tmp}
- {name: scripts, mountPath: /etc/windlass/airflow, readOnly: true}
{{- if .Values.database.ca.name }}
- {name: database-ca, mountPath: /etc/windlass/postgresql, readOnly: true}
{{- end }}
{{- end }}

{{- define "airflow.volumes" -}}
- {name: home, emptyDir: {}}
- {name: tmp, emptyDir: {}}
- name: scripts
  configMap: {name: {{ include "airflow.fullname" . }}-scripts}
{{- with .Values.database.ca }}
{{- if .name }}
- name: database-ca
  secret:
    secretName: {{ .name | quote }}
    # A server without TLS has none.
    optional: true
    items:
    - {key: {{ .key | quote }}, path: ca.crt}
{{- end }}
{{- end }}
{{- end }}

{{/* Waits for the migration, and tells whether the fernet key fits, before Airflow starts. */}}
{{- define "airflow.wait" -}}
- name: wait-for-database
  {{- include "airflow.container" . | nindent 2 }}
  args: [python, /etc/windlass/airflow/database.py, wait]
  env:
  {{- include "airflow.databaseEnv" . | nindent 2 }}
  - {name: WINDLASS_TIMEOUT, value: {{ int64 .Values.migration.timeout | quote }}}
  - {name: WINDLASS_LOGS, value: {{ printf "kubectl -n %s logs -l app.kubernetes.io/instance=%s,app.kubernetes.io/component=migrate" .Release.Namespace .Release.Name | quote }}}
  {{- include "airflow.resources" (dict "cpu" "50m" "memory" "384Mi") | nindent 2 }}
  volumeMounts:
  {{- include "airflow.mounts" . | nindent 2 }}
{{- end }}

{{/* Probes: PROBE as in windlass.probe. An Airflow whose database is away answers nothing, or 503, and comes back by itself:
     only ten minutes of that restart it (20 x 30 s). Before, readiness takes it out of its Service. */}}
{{- define "airflow.probes" -}}
startupProbe:
  {{- include "windlass.probe" . | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: 10
  failureThreshold: 150
readinessProbe:
  {{- include "windlass.probe" . | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 10
livenessProbe:
  {{- include "windlass.probe" . | nindent 2 }}
  periodSeconds: 30
  timeoutSeconds: 20
  failureThreshold: 20
{{- end }}

{{/* git-sync: (dict "root" . "once" true), the init container that fills the folder, or the one beside that keeps it so. */}}
{{- define "airflow.git" -}}
{{- $once := .once -}}
{{- with .root -}}
{{- $git := .Values.dags.git -}}
- name: {{ ternary "git-sync-init" "git-sync" $once }}
  {{- include "windlass.container" (list . .Values.images.gitSync) | replace "runAsNonRoot: true" "runAsNonRoot: true\n  runAsUser: 65533\n  runAsGroup: 0" | nindent 2 }}
  env:
  - {name: GITSYNC_REPO, value: {{ $git.url | quote }}}
  - {name: GITSYNC_REF, value: {{ $git.ref | quote }}}
  - {name: GITSYNC_ROOT, value: /git}
  # The link is relative, so that it leads to the same commit in all containers, wherever they mount the volume.
  - {name: GITSYNC_LINK, value: repo}
  - {name: GITSYNC_DEPTH, value: "1"}
  {{- if $once }}
  - {name: GITSYNC_ONE_TIME, value: "true"}
  {{- else }}
  - {name: GITSYNC_PERIOD, value: {{ $git.period | quote }}}
  # By default git-sync ends at the first failure; a server that is away for a while is no reason.
  - {name: GITSYNC_MAX_FAILURES, value: "-1"}
  {{- end }}
  {{- with $git.user }}
  - {name: GITSYNC_USERNAME, value: {{ . | quote }}}
  {{- end }}
  {{- if $git.password.name }}
  - {name: GITSYNC_PASSWORD_FILE, value: /git-secrets/password/password}
  {{- end }}
  {{- if $git.sshKey.name }}
  - {name: GITSYNC_SSH_KEY_FILE, value: /git-secrets/ssh-key/ssh}
  - {name: GITSYNC_SSH_KNOWN_HOSTS, value: "true"}
  - {name: GITSYNC_SSH_KNOWN_HOSTS_FILE, value: /git-secrets/known-hosts/known_hosts}
  {{- end }}
  {{- if $git.ca.name }}
  - {name: GIT_SSL_CAINFO, value: /git-secrets/ca/ca.crt}
  {{- end }}
  {{- if not $once }}
  # The image may have no shell, and its own server is not on by default: whether a commit is there says the container beside it.
  {{- include "airflow.probes" "8976/commit" | nindent 2 }}
  {{- end }}
  {{- include "airflow.resources" (dict "cpu" "20m" "memory" "128Mi") | nindent 2 }}
  volumeMounts:
  - {name: dags, mountPath: /git}
  - {name: git-tmp, mountPath: /tmp}
  {{- range $name, $secret := dict "password" $git.password "ssh-key" $git.sshKey "known-hosts" $git.knownHosts "ca" $git.ca }}
  {{- if $secret.name }}
  - {name: git-{{ $name }}, mountPath: /git-secrets/{{ $name }}, readOnly: true}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "airflow.gitVolumes" -}}
- {name: dags, emptyDir: {}}
{{- $git := .Values.dags.git -}}
{{- if $git.url }}
- {name: git-tmp, emptyDir: {}}
{{- $files := dict "password" "password" "ssh-key" "ssh" "known-hosts" "known_hosts" "ca" "ca.crt" }}
{{- range $name, $secret := dict "password" $git.password "ssh-key" $git.sshKey "known-hosts" $git.knownHosts "ca" $git.ca }}
{{- if $secret.name }}
- name: git-{{ $name }}
  secret:
    secretName: {{ $secret.name | quote }}
    defaultMode: 0440
    items:
    - {key: {{ $secret.key | quote }}, path: {{ get $files $name }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Removes old logs, and says which commit is there. */}}
{{- define "airflow.keeper" -}}
- name: keeper
  {{- include "airflow.container" . | nindent 2 }}
  command: [python, /etc/windlass/airflow/keeper.py]
  env:
  - {name: WINDLASS_LOG_DAYS, value: {{ .Values.logs.retentionDays | quote }}}
  ports:
  - {name: keeper, containerPort: 8976}
  {{- include "airflow.probes" "8976/" | nindent 2 }}
  {{- include "airflow.resources" (dict "cpu" "10m" "memory" "64Mi") | nindent 2 }}
  volumeMounts:
  - {name: scripts, mountPath: /etc/windlass/airflow, readOnly: true}
  - {name: logs, mountPath: /opt/airflow/logs}
  - {name: dags, mountPath: /opt/airflow/dags, readOnly: true}
{{- end }}

{{/* The pod spec of what reads DAG files: (dict "root" . "name" NAME "args" LIST "of" VALUES "more" ENV "port" N "probe" PROBE "account" NAME "grace" N). */}}
{{- define "airflow.dagPod" -}}
{{- $root := .root -}}
{{ include "windlass.pod" (dict "root" $root "user" (list $root.Values.user.uid $root.Values.user.gid) "placement" .of "account" .account) }}
{{- with .grace }}
terminationGracePeriodSeconds: {{ int64 . }}
{{- end }}
initContainers:
{{- if $root.Values.dags.git.url }}
{{ include "airflow.git" (dict "root" $root "once" true) }}
{{- end }}
{{ include "airflow.wait" $root }}
containers:
- name: {{ .name }}
  {{- include "airflow.container" $root | nindent 2 }}
  args: {{ toJson .args }}
  env:
  {{- /* Alone in its folder: another name there would be in the way of a module of a DAG. */}}
  {{- include "airflow.env" (dict "root" $root "more" (merge (dict "PYTHONPATH" "/etc/windlass/python") (.more | default dict))) | nindent 2 }}
  {{- with include "airflow.envFrom" $root }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  {{- with .port }}
  ports:
  - {name: {{ $.portName }}, containerPort: {{ . }}}
  {{- end }}
  {{- include "airflow.probes" .probe | nindent 2 }}
  {{- include "airflow.resources" .of | nindent 2 }}
  volumeMounts:
  {{- include "airflow.mounts" $root | nindent 2 }}
  - {name: logs, mountPath: /opt/airflow/logs}
  - {name: dags, mountPath: /opt/airflow/dags, readOnly: true}
  - {name: scripts, mountPath: /etc/windlass/python/airflow_local_settings.py, subPath: airflow_local_settings.py, readOnly: true}
{{- if $root.Values.dags.git.url }}
{{ include "airflow.git" (dict "root" $root "once" false) }}
{{- end }}
{{ include "airflow.keeper" $root }}
volumes:
{{ include "airflow.volumes" $root }}
{{ include "airflow.gitVolumes" $root }}
{{- end }}

{{/* The claim of a StatefulSet for logs. Its labels never change. */}}
{{- define "airflow.logsClaim" -}}
- metadata:
    name: logs
    labels:
      {{- include "windlass.selector" . | nindent 6 }}
  spec:
    {{- include "windlass.claim" .Values.logs | nindent 4 }}
{{- end }}

{{/* The pod that KubernetesExecutor makes of a task. Its logs go with it, unless they are sent elsewhere. */}}
{{- define "airflow.taskPod" -}}
apiVersion: v1
kind: Pod
metadata:
  name: task
  labels:
    {{- include "windlass.podLabels" (list . "task") | nindent 4 }}
spec:
  {{- include "windlass.pod" (dict "root" . "user" (list .Values.user.uid .Values.user.gid) "placement" .Values.worker) | nindent 2 }}
  restartPolicy: Never
  terminationGracePeriodSeconds: {{ int64 .Values.taskGracePeriod }}
  {{- if .Values.dags.git.url }}
  initContainers:
  {{- include "airflow.git" (dict "root" . "once" true) | nindent 2 }}
  {{- end }}
  containers:
  - name: base
    {{- include "airflow.container" . | nindent 4 }}
    env:
      {{- /* The pod runs one task, by itself. */}}
    {{- include "airflow.env" (dict "root" . "more" (dict "AIRFLOW__CORE__EXECUTOR" "LocalExecutor" "DUMB_INIT_SETSID" "0")) | nindent 4 }}
    {{- with include "airflow.envFrom" . }}
    {{- . | trim | nindent 4 }}
    {{- end }}
    {{- include "airflow.resources" .Values.worker | nindent 4 }}
    volumeMounts:
    {{- include "airflow.mounts" . | nindent 4 }}
    - {name: dags, mountPath: /opt/airflow/dags, readOnly: true}
  volumes:
  {{- include "airflow.volumes" . | nindent 2 }}
  {{- include "airflow.gitVolumes" . | nindent 2 }}
{{- end }}

{{/* The pod spec of a Job: (dict "root" . "name" NAME "args" LIST "env" TEXT "wait" true). */}}
{{- define "airflow.jobPod" -}}
{{- $root := .root -}}
{{ include "windlass.pod" (dict "root" $root "user" (list $root.Values.user.uid $root.Values.user.gid) "placement" $root.Values.scheduler) }}
restartPolicy: Never
{{- if .wait }}
initContainers:
{{ include "airflow.wait" $root }}
{{- end }}
containers:
- name: {{ .name }}
  {{- include "airflow.container" $root | nindent 2 }}
  args: {{ toJson .args }}
  env:
  {{- include "airflow.databaseEnv" $root | nindent 2 }}
    {{- .env | nindent 2 }}
  {{- include "airflow.resources" (dict "cpu" "100m" "memory" "512Mi") | nindent 2 }}
  volumeMounts:
  {{- include "airflow.mounts" $root | nindent 2 }}
volumes:
{{ include "airflow.volumes" $root }}
{{- end }}
