{{- /*
Objects and what belongs into them. NAME and COMPONENT are those of windlass.metadata.

windlass.service             (list . NAME [COMPONENT])  a Service to the pods of COMPONENT, or of the whole release;
                                                        the chart goes on with `  ports:`
windlass.headless            (list . NAME [COMPONENT])  the same without an address, which names pods that are not ready too
windlass.ingress             (dict "root" . "name" NAME "component" COMPONENT "service" NAME "port" N)
                                                        an Ingress for all of a host, or for what is below `path`, from .Values.ingress
                                                        (enabled, className, host, tlsSecretName, annotations, and path where a chart has
                                                        it); nothing where it is not enabled
windlass.outside             .                          NOTES.txt's line with the address of that Ingress, after a line break
windlass.policy              (list . NAME [COMPONENT])  a NetworkPolicy that closes these pods to all: whoever may come in follows
                                                        as `  ingress:`. Egress stays open
windlass.letIn               (dict "root" . "ports" (list N…) "web" (list N…) "own" true "namespace" true)
                                                        rules for `ingress:`, from .Values.networkPolicy: clients and allowFrom, with `own`
                                                        all pods of the release, and with `namespace` all of its namespace, come to `ports`;
                                                        the ingress controller, where there is an Ingress, comes to `web`. May be empty
windlass.networkPolicy       (dict "root" . "name" NAME "component" COMPONENT "ports" … "web" … "own" …)
                                                        both: a policy with these rules
windlass.among               (dict "root" . "name" NAME "component" COMPONENT "ports" …)
                                                        a policy by which all pods of the release come to these, and nobody else
windlass.budget              (list . NAME COMPONENT)    a PodDisruptionBudget: of these pods one at a time may be taken away
windlass.roleBinding         (list . NAME ACCOUNT)      gives the Role NAME to the service account ACCOUNT
windlass.clusterRoleBinding  (list . NAME ACCOUNT)      gives it the ClusterRole NAME
windlass.binds               (list . NAME ACCOUNT KIND) what both of these say
Charts put network policies within `if .Values.networkPolicy.enabled`.
*/}}

{{- define "windlass.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "windlass.metadata" . | nindent 2 }}
spec:
  selector:
    {{- include "windlass.selector" (list (first .) (index (append . "") 2)) | nindent 4 }}
{{- end }}

{{- define "windlass.headless" -}}
{{ include "windlass.service" . }}
  clusterIP: None
  publishNotReadyAddresses: true
{{- end }}

{{- define "windlass.ingress" -}}
{{- $ingress := .root.Values.ingress -}}
{{- if $ingress.enabled -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "windlass.metadata" (list .root .name .component) | nindent 2 }}
  {{- with $ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $ingress.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  {{- with $ingress.tlsSecretName }}
  tls:
  - hosts: [{{ $ingress.host | quote }}]
    secretName: {{ . | quote }}
  {{- end }}
  rules:
  - host: {{ $ingress.host | quote }}
    http:
      paths:
      - path: {{ $ingress.path | default "/" }}
        pathType: Prefix
        backend:
          service:
            name: {{ .service | quote }}
            port: {number: {{ .port }}}
{{- end }}
{{- end }}

{{- define "windlass.outside" -}}
{{- with .Values.ingress }}
{{- if .enabled }}
From outside: {{ ternary "http" "https" (empty .tlsSecretName) }}://{{ .host }}{{ .path | default "/" | trimSuffix "/" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "windlass.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "windlass.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "windlass.selector" (list (first .) (index (append . "") 2)) | nindent 6 }}
  policyTypes: [Ingress]
{{- end }}

{{- define "windlass.letIn" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- $from := concat $policy.clients $policy.allowFrom -}}
{{- if .own -}}
{{- $from = prepend $from (dict "podSelector" (dict "matchLabels" (include "windlass.selector" .root | fromYaml))) -}}
{{- end -}}
{{- if .namespace -}}
{{- $from = prepend $from (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .root.Release.Namespace))) -}}
{{- end -}}
{{- $controller := list -}}
{{- if and .web .root.Values.ingress.enabled $policy.ingressNamespace -}}
{{- $controller = list (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" $policy.ingressNamespace))) -}}
{{- end -}}
{{- if eq (toJson .web) (toJson .ports) -}}
{{- $from = concat $from $controller -}}
{{- $controller = list -}}
{{- end -}}
{{- range $rule := list (list $from .ports) (list $controller .web) }}
{{- with first $rule }}
- from:
  {{- toYaml . | nindent 2 }}
  ports:
  {{- range last $rule }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "windlass.networkPolicy" -}}
{{ include "windlass.policy" (list .root .name .component) }}
{{- with include "windlass.letIn" . }}
  ingress:
  {{- . | trim | nindent 2 }}
{{- end }}
{{- end }}

{{- define "windlass.among" -}}
{{ include "windlass.policy" (list .root .name .component) }}
  ingress:
  - from:
    - podSelector:
        matchLabels:
          {{- include "windlass.selector" .root | nindent 10 }}
    ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{- define "windlass.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "windlass.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "windlass.selector" (list (first .) (last .)) | nindent 6 }}
{{- end }}

{{- define "windlass.roleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "windlass.metadata" (list (first .) (index . 1)) | nindent 2 }}
{{ include "windlass.binds" (concat . (list "Role")) }}
{{- end }}

{{- define "windlass.clusterRoleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  {{- include "windlass.clusterMetadata" (list (first .) (index . 1)) | nindent 2 }}
{{ include "windlass.binds" (concat . (list "ClusterRole")) }}
{{- end }}

{{- define "windlass.binds" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ last . }}
  name: {{ index . 1 | quote }}
subjects:
- kind: ServiceAccount
  name: {{ index . 2 | quote }}
  namespace: {{ (first .).Release.Namespace | quote }}
{{- end }}
