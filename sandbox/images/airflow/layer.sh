# shellcheck shell=bash
# Airflow in the layout of apache/airflow: its user, folders and entrypoint, with the Livy provider. From wheels.

AIRFLOW_VERSION=2.11.0

airflow_layer() { # BASE ROOT
  local base=$1 root=$2 home=$2/home/airflow/.local site=$2/home/airflow/.local/lib/python3.11/site-packages tmp
  another_account "$base" "$root" 'airflow:x:50000:0:Airflow:/home/airflow:/bin/bash'
  wheels "airflow $AIRFLOW_VERSION" "$IMAGE_SOURCES/airflow/requirements.txt" "$site"
  airflow_source_only "$site"
  venv "$home"
  programs "$site" "$home/bin" /home/airflow/.local/bin/python
  # Half of what is left out are languages and dates that no page of Airflow's can show; the rest is for debuggers.
  find "$site/babel/locale-data" -type f ! -name 'root.dat' ! -name 'en*.dat' ! -name 'ru*.dat' -delete
  find "$site/airflow/www/static" -name '*.map' -delete
  mkdir -p "$root/opt/airflow/dags" "$root/opt/airflow/logs" "$root/opt/airflow/plugins"
  cp -R "$IMAGE_SOURCES/airflow/rootfs/." "$root"
  chmod -R u=rwX,go=rX "$root"
  chmod 0755 "$root/entrypoint" "$home"/bin/*
  tmp=$(unpacked "$base" './*')
  mv "$root/home" "$tmp/home.airflow"
  mkdir -p "$tmp/home" && mv "$tmp/home.airflow/airflow" "$tmp/home/"
  bytecode "$tmp" /home/airflow/.local/lib
  mv "$tmp/home/airflow" "$tmp/home.airflow/" && mv "$tmp/home.airflow" "$root/home"
  rm -rf --one-file-system "$tmp"
  # Any uid of the group 0 may write there, as there.
  chown 50000:0 "$root/home/airflow" "$root/opt/airflow" "$root"/opt/airflow/*
  chmod 0775 "$root/home/airflow" "$root/opt/airflow" "$root"/opt/airflow/*
}

# What has no wheel: out of its source archive as it is, for building it would take unpinned tools and give other bytes.
airflow_source_only() { # SITE
  local tmp name=python-nvd3-0.16.0
  tmp=$(mktemp -d "$IMAGES/tmp.XXXXXX")
  heartbeat "$name" "$CACHE/logs/image-airflow.log" "$(python_with_pip)" -m pip download --no-deps --no-binary python-nvd3 --require-hashes \
    --no-cache-dir --progress-bar off --dest "$tmp" --requirement "$IMAGE_SOURCES/airflow/requirements-source.txt" ||
    die "failed to download $name (log above)" "python3 -m pip download --no-deps --no-binary python-nvd3 python-nvd3==0.16.0"
  tar --extract --gzip --file "$tmp"/python?nvd3-*.tar.gz --directory "$1" --strip-components=1 --no-same-owner --wildcards 'python?nvd3-*/nvd3'
  rm -rf "$tmp"
}

# shellcheck disable=SC2034  # for `build`
AIRFLOW_CONFIG='{
  "User": "50000",
  "WorkingDir": "/opt/airflow",
  "Entrypoint": ["/usr/bin/dumb-init", "--", "/entrypoint"],
  "ExposedPorts": {"8080/tcp": {}},
  "Env": ["PATH=/home/airflow/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "AIRFLOW_HOME=/opt/airflow",
    "AIRFLOW_UID=50000", "AIRFLOW_USER_HOME_DIR=/home/airflow", "AIRFLOW_VERSION=2.11.0", "DUMB_INIT_SETSID=1", "LANG=C.UTF-8",
    "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"],
  "Labels": {"org.opencontainers.image.title": "stand-in for apache/airflow, made from packages by the windlass sandbox",
    "org.opencontainers.image.version": "2.11.0"}
}'
