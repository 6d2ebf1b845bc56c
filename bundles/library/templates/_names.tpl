{{- /*
Names, labels and metadata. A chart uses this library by its Chart.yaml
  dependencies: [{name: windlass, version: "0.1.0", repository: "file://../../library"}]
and by one line in its values.schema.json, since Helm gives every chart the values of those that it depends on:
  "windlass": {"type": "object", "additionalProperties": false, "properties": {"global": {}}}
Templates give text that begins in the first column: `include … | nindent N`. They expect `.`, the chart's context, or
a list that begins with it. COMPONENT is what app.kubernetes.io/component says, and may be left out.

windlass.fullname         (list . N)                    the release's name, refused where no Service can have it, cut to N characters:
                                                        53, or 52 less the longest "-…" behind the name of a StatefulSet
windlass.clusterName      (list . NAME WORD)            the name NAME-WORD-hash of an object without a namespace: 63 characters at most,
                                                        another one for each release; WORD has 20 at most
windlass.selector         . or (list . COMPONENT)       the labels that select pods; they never change
windlass.podLabels        . or (list . COMPONENT)       labels of pods: without versions, which would restart them for nothing
windlass.labels           . or (list . COMPONENT)       labels of everything else
windlass.metadata         (list . NAME [COMPONENT])     name, namespace and labels; `annotations:` may follow
windlass.clusterMetadata  (list . NAME)                 name and labels of an object without a namespace
windlass.podMetadata      (list . COMPONENT)            a pod template's labels, and the checksum of the chart's templates/config.yaml
*/}}

{{- define "windlass.fullname" -}}
{{- $name := (first .).Release.Name -}}
{{- if not (regexMatch "^[a-z][a-z0-9-]*$" $name) -}}
{{- fail (printf "release name %q cannot be the name of a Service: use lower-case letters, digits and '-', and begin with a letter" $name) -}}
{{- end -}}
{{- $name | trunc (last .) | trimAll "-" -}}
{{- end }}

{{- define "windlass.clusterName" -}}
{{- $release := (first .).Release -}}
{{- index . 1 | trunc (int (sub 53 (len (last .)))) | trimAll "-" }}-{{ last . }}-{{ printf "%s/%s" $release.Namespace $release.Name | sha256sum | trunc 8 }}
{{- end }}

{{- define "windlass.selector" -}}
{{- $all := append (ternary . (list .) (kindIs "slice" .)) "" -}}
app.kubernetes.io/name: {{ (first $all).Chart.Name }}
app.kubernetes.io/instance: {{ (first $all).Release.Name | quote }}
{{- with index $all 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "windlass.podLabels" -}}
{{- $root := first (ternary . (list .) (kindIs "slice" .)) -}}
{{ include "windlass.selector" . }}
app.kubernetes.io/part-of: windlass
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end }}

{{- define "windlass.labels" -}}
{{- $root := first (ternary . (list .) (kindIs "slice" .)) -}}
{{ include "windlass.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: windlass
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{- /* toYaml puts a name in quotes only where YAML would read something else: a release may be called `on`. */}}
{{- define "windlass.metadata" -}}
name: {{ index . 1 | toYaml }}
namespace: {{ (first .).Release.Namespace | quote }}
labels:
  {{- include "windlass.labels" (list (first .) (index (append . "") 2)) | nindent 2 }}
{{- end }}

{{- define "windlass.clusterMetadata" -}}
name: {{ last . | toYaml }}
labels:
  {{- include "windlass.labels" (first .) | nindent 2 }}
{{- end }}

{{- define "windlass.podMetadata" -}}
{{- $root := first . -}}
labels:
  {{- include "windlass.podLabels" . | nindent 2 }}
annotations:
  checksum/config: {{ include (print $root.Template.BasePath "/config.yaml") $root | sha256sum }}
{{- end }}
