# shellcheck shell=bash
# Keys, certificates, kubeconfigs and the registry's password, new for every cluster.

# Made in a folder beside its place and renamed: a half-made one is never used.
make_pki() {
  [ ! -d "$NODE/pki" ] || return 0
  rm -rf "$NODE/pki.tmp"
  mkdir -p "$NODE/pki.tmp"
  chmod 0700 "$NODE/pki.tmp"
  (
    cd "$NODE/pki.tmp"
    umask 077
    certificate_authority "$CONTEXT-ca"
    certificate admin "/O=system:masters/CN=$CONTEXT-admin" extendedKeyUsage=clientAuth
    certificate apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth" "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,IP:$BRIDGE_IP,IP:$NODE_IP,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    certificate apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client extendedKeyUsage=clientAuth
    certificate controller-manager /CN=system:kube-controller-manager extendedKeyUsage=clientAuth
    certificate scheduler /CN=system:kube-scheduler extendedKeyUsage=clientAuth
    certificate proxy /CN=system:kube-proxy extendedKeyUsage=clientAuth
    certificate kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" extendedKeyUsage=clientAuth
    certificate kubelet-server "/CN=$NODE_NAME" "extendedKeyUsage=serverAuth" "subjectAltName=IP:127.0.0.1,IP:$BRIDGE_IP,DNS:$NODE_NAME"
    openssl genrsa -out service-account.key 2048 2>/dev/null
    openssl rsa -in service-account.key -pubout -out service-account.pub 2>/dev/null
    local user
    for user in admin controller-manager scheduler proxy kubelet; do kubeconfig "$user" https://127.0.0.1:6443 >"$user.kubeconfig"; done
    kubeconfig admin "https://$NODE_IP:6443" >host.kubeconfig
    registry_password
  ) || die "failed to make keys and certificates under $NODE/pki.tmp" "sandbox/down && sandbox/up"
  mv "$NODE/pki.tmp" "$NODE/pki"
}

# The aggregation layer's own authority (front proxy) is left out: nothing here aggregates an API.
certificate_authority() { # NAME OPTION...
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj "/CN=$1" -days 3650 -out ca.crt \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign "${@:2}" 2>/dev/null
}

certificate() { # NAME SUBJECT EXTENSION...
  local name=$1 subject=$2
  shift 2
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -subj "$subject" -out "$name.csr" 2>/dev/null
  printf '%s\n' keyUsage=critical,digitalSignature "$@" >"$name.ext"
  openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile "$name.ext" -out "$name.crt" 2>/dev/null
  rm "$name.csr" "$name.ext"
}

kubeconfig() { # USER SERVER: with everything inside, so that the file can be copied
  cat <<YAML
apiVersion: v1
kind: Config
clusters:
- name: $CONTEXT
  cluster:
    server: $2
    certificate-authority-data: $(base64 -w0 ca.crt)
users:
- name: $CONTEXT-$1
  user:
    client-certificate-data: $(base64 -w0 "$1.crt")
    client-key-data: $(base64 -w0 "$1.key")
contexts:
- name: $CONTEXT
  context:
    cluster: $CONTEXT
    user: $CONTEXT-$1
current-context: $CONTEXT
YAML
}

registry_password() {
  local password
  password=$(openssl rand -hex 20)
  printf 'windlass:%s\n' "$password" | hashed_login >htpasswd
  printf '{"auths": {"%s": {"username": "windlass", "password": "%s", "auth": "%s"}}}\n' "$REGISTRY" "$password" \
    "$(printf 'windlass:%s' "$password" | base64 -w0)" >registry-auth.json
}

# NAME:PASSWORD on stdin as a line of htpasswd. The registry wants bcrypt. Perl's crypt has it, and takes the password
# from stdin: nothing shows in a process list.
hashed_login() {
  # shellcheck disable=SC2016  # Perl's variables
  perl -e 'my ($n, $p) = <STDIN> =~ /^(.*?):(.*)$/; my $h = crypt($p, "\$2b\$05\$" . $ARGV[0]); die "no bcrypt in crypt(3)\n" unless $h =~ /^\$2b/; print "$n:$h\n"' \
    "$(openssl rand -hex 11)"
}
