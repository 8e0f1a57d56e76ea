{{- define "gardoon.labels" -}}
app.kubernetes.io/name: gardoon
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "gardoon.name" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{- /* Asks for a file that a process touches in each turn, whatever became of it: restarts one that is stuck, not one that waits. */ -}}
{{- define "gardoon.alive" -}}
livenessProbe:
  exec: {command: [sh, -c, 'test -n "$(find /tmp/alive -mmin -30)"']}
  initialDelaySeconds: 60
  periodSeconds: 60
  timeoutSeconds: 10
{{- end }}

{{- define "gardoon.unprivileged" -}}
securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What every pod of ours is: whose image, as whom, with which settings and files. Wants root, component, args, resources. */ -}}
{{- define "gardoon.pod" -}}
{{ include "gardoon.unprivileged" .root }}
containers:
  - name: {{ .component }}
    image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}"
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: ["python", "-m", "service"]
    args: {{ toJson .args }}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    resources: {{ toYaml .resources | nindent 6 }}
    env:
      {{- range $name := list "GARDOON_DATABASE_URL" "GARDOON_REGISTRY" "GARDOON_REDIS" }}
      - name: {{ $name }}
        valueFrom: {secretKeyRef: {name: {{ $.root.Values.secret.name }}, key: {{ $name }}}}
      {{- end }}
      {{- range $name, $value := .root.Values.settings }}
      - {name: {{ $name }}, value: {{ $value | quote }}}
      {{- end }}
      - {name: GARDOON_COUPON_KEYS, value: /srv/gardoon/keys/coupon_keys.json}
      {{- if .root.Values.journeys.configMap }}
      - {name: GARDOON_DECISION_POINTS, value: /srv/gardoon/journeys}
      {{- end }}
      {{- if has .component (list "learner" "refresher") }}
      - {name: GARDOON_ALIVE_FILE, value: /tmp/alive}
      {{- end }}
      {{- if eq .component "learner" }}
      - {name: GARDOON_LEARNER_METRICS_PORT, value: "9100"}
      {{- end }}
      {{- if eq .component "refresher" }}
      - {name: GARDOON_REFRESHER_METRICS_PORT, value: "9100"}
      {{- end }}
    {{- with .ports }}
    ports: {{ toJson . }}
    {{- end }}
    {{- with .probes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    volumeMounts:
      - {name: var, mountPath: /srv/gardoon/var}
      - {name: tmp, mountPath: /tmp}
      - {name: keys, mountPath: /srv/gardoon/keys, readOnly: true}
      - {name: keys, mountPath: /srv/gardoon/var/audit.key, subPath: audit.key, readOnly: true}
      {{- if .root.Values.journeys.configMap }}
      - {name: journeys, mountPath: /srv/gardoon/journeys, readOnly: true}
      {{- end }}
volumes:
  - name: var
    {{- if eq .component "refresher" }}
    persistentVolumeClaim: {claimName: {{ .root.Values.refresher.data.claim }}}
    {{- else }}
    emptyDir: {}
    {{- end }}
  - {name: tmp, emptyDir: {}}
  - name: keys
    secret:
      secretName: {{ .root.Values.secret.name }}
      items: [{key: coupon_keys.json, path: coupon_keys.json}, {key: audit.key, path: audit.key}]
  {{- if .root.Values.journeys.configMap }}
  - {name: journeys, configMap: {name: {{ .root.Values.journeys.configMap }}}}
  {{- end }}
{{- end }}
