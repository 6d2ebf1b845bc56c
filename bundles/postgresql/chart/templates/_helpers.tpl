{{- /* The StatefulSet's name; the Service is named like the release. */}}
{{- define "postgresql.set" -}}
{{ include "windlass.fullname" (list . 52) }}
{{- end }}

{{- define "postgresql.env" -}}
# Below the mount: a volume's own folder may hold lost+found, and its mode is not ours.
- {name: PGDATA, value: /var/lib/postgresql/data/pgdata}
- {name: POSTGRES_USER, value: {{ .Values.user | quote }}}
- {name: POSTGRES_DB, value: {{ .Values.database | quote }}}
- {name: POSTGRES_PASSWORD_FILE, value: /etc/windlass/postgresql/password}
{{- end }}

{{- define "postgresql.resources" -}}
requests:
  cpu: {{ .Values.cpu | quote }}
  memory: {{ .Values.memory | quote }}
limits:
  memory: {{ .Values.memory | quote }}
{{- end }}

{{- define "postgresql.mounts" -}}
- {name: data, mountPath: /var/lib/postgresql/data}
- {name: password, mountPath: /etc/windlass/postgresql, readOnly: true}
- {name: scripts, mountPath: /scripts, readOnly: true}
- {name: run, mountPath: /var/run/postgresql}
- {name: tmp, mountPath: /tmp}
# Queries that run in parallel share memory there; a container gets 64Mi.
- {name: shared, mountPath: /dev/shm}
{{- end }}
