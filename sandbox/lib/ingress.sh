# shellcheck shell=bash
# shellcheck disable=SC2153  # settings come from common.sh
# The ingress controller: Traefik as a process of the node, on ports 80 and 443 of its address. Its certificate and its
# login are made here, and are those of every host that names none of its own.

INGRESS_LABEL=sandbox.windlass.dev/part=ingress # of all objects made here: an IngressClass of the user's is left alone

# Sets INGRESS to yes or no: what this `up` was told, else what an earlier one was. A node that had been up before there
# was a choice has none.
choose_ingress() { # yes, no or nothing
  INGRESS=$1
  if [ -z "$INGRESS" ]; then INGRESS=$(chosen_ingress); fi
  mkdir -p "$STATE"
  echo "$INGRESS" | publish "$STATE/ingress"
}
chosen_ingress() {
  if [ -f "$STATE/ingress" ]; then cat "$STATE/ingress"; elif [ -f "$STATE/ready" ]; then echo no; else echo yes; fi
}
# What the node was started with.
node_ingress() { grep -qs '^INGRESS=yes$' "$NODE/etc/node.env" && echo yes || echo no; }

# An authority of its own, good for the names of the domain only: who adds it to a browser trusts the sandbox with no other.
make_ingress_pki() {
  [ ! -d "$NODE/ingress" ] || return 0
  rm -rf "$NODE/ingress.tmp"
  mkdir -p "$NODE/ingress.tmp"
  chmod 0700 "$NODE/ingress.tmp"
  (
    cd "$NODE/ingress.tmp"
    umask 077
    certificate_authority "$CONTEXT-ingress" -addext "nameConstraints=critical,permitted;DNS:$INGRESS_DOMAIN"
    certificate tls "/CN=*.$INGRESS_DOMAIN" extendedKeyUsage=serverAuth "subjectAltName=DNS:*.$INGRESS_DOMAIN,DNS:$INGRESS_DOMAIN"
    printf 'windlass:%s\n' "$(openssl rand -hex 20)" >login
    hashed_login <login >users
  ) || die "failed to make the ingress's certificate and login under $NODE/ingress.tmp" "sandbox/down && sandbox/up"
  mv "$NODE/ingress.tmp" "$NODE/ingress"
}

# Namespace, class and the kinds that Traefik looks for, each of which has to be there before it serves anything. Without
# their schemas, which are 180 KB: Traefik reads what it knows and says what it does not.
ingress_objects() {
  local kind name label="{${INGRESS_LABEL/=/: }}"
  cat <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: traefik, labels: $label}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: traefik, labels: $label, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec: {controller: traefik.io/ingress-controller}
YAML
  for kind in IngressRoute IngressRouteTCP IngressRouteUDP Middleware MiddlewareTCP ServersTransport ServersTransportTCP TLSOption TLSStore TraefikService; do
    name=${kind,,}
    cat <<YAML
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${name}s.traefik.io, labels: $label}
spec:
  group: traefik.io
  scope: Namespaced
  names: {kind: $kind, plural: ${name}s, singular: $name}
  versions:
  - {name: v1alpha1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
YAML
  done
}

# The certificate for every host without one, and the login that a host asks for by the annotation
# traefik.ingress.kubernetes.io/router.middlewares: traefik-login@kubernetescrd
ingress_defaults() {
  cat <<YAML
apiVersion: v1
kind: Secret
metadata: {name: certificate, namespace: traefik}
type: kubernetes.io/tls
data: {tls.crt: $(base64 -w0 <"$NODE/ingress/tls.crt"), tls.key: $(base64 -w0 <"$NODE/ingress/tls.key")}
---
apiVersion: traefik.io/v1alpha1
kind: TLSStore
metadata: {name: default, namespace: traefik}
spec: {defaultCertificate: {secretName: certificate}}
---
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: traefik}
data: {users: $(base64 -w0 <"$NODE/ingress/users")}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: login, namespace: traefik}
spec: {basicAuth: {secret: login, realm: sandbox, removeHeader: true}}
YAML
}

apply_ingress() {
  if [ "$INGRESS" = no ]; then
    remove_ingress
    return
  fi
  until_true 30 "the API to serve Traefik's kinds" apply_ingress_objects || {
    sed 's/^/  | /' "$NODE/logs/apply-ingress.log" >&2
    die "failed to apply the ingress's objects" "sandbox/status"
  }
}
# All of it each time: the last ones need the first to be served, and a namespace of that name to have gone.
apply_ingress_objects() {
  { ingress_objects && echo --- && ingress_defaults; } | kubectl apply -f - >"$NODE/logs/apply-ingress.log" 2>&1
}

# After an earlier choice, with all objects of those kinds.
remove_ingress() {
  kubectl delete namespace,ingressclass,customresourcedefinition -l "$INGRESS_LABEL" --ignore-not-found --wait=false \
    >"$NODE/logs/apply-ingress.log" 2>&1 || warn "failed to remove the ingress's objects (see $NODE/logs/apply-ingress.log)"
}

# It answers with our certificate, so it has read its objects. What it answers for a host that nobody has does not matter.
ingress_ready() {
  curl -s -m 2 --noproxy '*' -o /dev/null --cacert "$NODE/ingress/ca.crt" --resolve "status.$INGRESS_DOMAIN:443:$NODE_IP" \
    "https://status.$INGRESS_DOMAIN/"
}
ingress_as_chosen() {
  [ "$(node_ingress)" = "$INGRESS" ] && { [ "$INGRESS" = no ] || ingress_ready; }
}
