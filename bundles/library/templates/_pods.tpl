{{- /*
Pods and containers. IMAGE is a map of the values with repository, tag, digest and pullPolicy.

windlass.pod                (dict "root" . "user" (list UID GID) "placement" MAP "account" NAME)
                                                        the head of a pod's `spec`: pull secrets, account, security context, placement.
                                                        MAP holds nodeSelector, tolerations and affinity, each of which may be missing;
                                                        without `account`, who is named where it talks to the API, there is no token
windlass.podSecurity        (list UID [GID [FSGROUP]])  a pod's securityContext, as Pod Security `restricted` has it
windlass.containerSecurity  .                           a container's
windlass.container          (list . IMAGE)              the head of a container: image, pull policy, termination message, securityContext
windlass.image              (list . IMAGE)              its reference; the tag is the chart's appVersion where there is none
windlass.probes             (dict "ready" PROBE "startup" PROBE "alive" PROBE "seconds" N)
                                                        the three probes. PROBE is a port (TCP), "port/path" (HTTP), a list (a command),
                                                        or a map as Kubernetes has it. `startup` and `alive` are `ready` unless given;
                                                        a start may take N seconds, 300 unless given, and silence two minutes
windlass.probe              PROBE                       what one of them asks
windlass.configVolume       (list NAME CONFIGMAP KEY…)  a volume with these keys of a ConfigMap as files
windlass.claim              STORAGE                     the `spec` of a claim, from a map with `size` and `className`
*/}}

{{- define "windlass.pod" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .account }}
serviceAccountName: {{ toYaml . }}
{{- end }}
automountServiceAccountToken: {{ not (empty .account) }}
enableServiceLinks: false
securityContext:
  {{- include "windlass.podSecurity" .user | nindent 2 }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with get ($.placement | default dict) $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Owners of a volume's files are changed where its root has another one, and not file by file at every start. */}}
{{- define "windlass.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ int64 (first .) }}
runAsGroup: {{ int64 (index (append . (last .)) 1) }}
fsGroup: {{ int64 (last .) }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "windlass.containerSecurity" -}}
runAsNonRoot: true
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "windlass.container" -}}
image: {{ include "windlass.image" . | quote }}
imagePullPolicy: {{ (last .).pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  {{- include "windlass.containerSecurity" . | nindent 2 }}
{{- end }}

{{- define "windlass.image" -}}
{{- $image := last . -}}
{{ $image.repository }}:{{ $image.tag | default (first .).Chart.AppVersion }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "windlass.probes" -}}
{{- $ready := include "windlass.probe" .ready -}}
{{- $startup := include "windlass.probe" (.startup | default .ready) -}}
startupProbe:
  {{- $startup | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: {{ ternary 3 5 (hasPrefix "tcpSocket" $startup) }}
  failureThreshold: {{ div (.seconds | default 300) 2 }}
readinessProbe:
  {{- $ready | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: {{ ternary 3 5 (hasPrefix "tcpSocket" $ready) }}
{{- /* A long garbage collection is no reason to start over. */}}
livenessProbe:
  {{- include "windlass.probe" (.alive | default .ready) | nindent 2 }}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
{{- end }}

{{- define "windlass.probe" -}}
{{- if kindIs "map" . -}}
{{ toYaml . }}
{{- else if kindIs "slice" . -}}
exec: {command: {{ toJson . }}}
{{- else if contains "/" (toString .) -}}
httpGet: {path: {{ printf "/%s" (splitn "/" 2 .)._1 | quote }}, port: {{ (splitn "/" 2 .)._0 }}}
{{- else -}}
tcpSocket: {port: {{ . }}}
{{- end }}
{{- end }}

{{- define "windlass.configVolume" -}}
- name: {{ first . }}
  configMap:
    name: {{ index . 1 | quote }}
    items:
    {{- range slice . 2 }}
    - {key: {{ . | quote }}, path: {{ . | quote }}}
    {{- end }}
{{- end }}

{{- define "windlass.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .className }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end }}
