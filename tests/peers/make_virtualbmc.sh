#!/bin/sh
# Make a Python that has virtualbmc and libvirt, without building libvirt's bindings:
#   apt-get install python3-libvirt python3-venv
#   tests/peers/make_virtualbmc.sh DIR && export HACONN_PEER_VIRTUALBMC=DIR/bin/python
# The bindings are the system's; everything else goes into DIR.
set -eu
dir=${1:?usage: make_virtualbmc.sh DIR}
/usr/bin/python3 -c 'import libvirt' || { echo "python3-libvirt is missing" >&2; exit 1; }
/usr/bin/python3 -m venv --system-site-packages "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check --no-deps 'virtualbmc==3.3.0'
"$dir/bin/pip" install --quiet --disable-pip-version-check 'pyghmi==1.6.19' pyzmq cliff pbr
"$dir/bin/python" -c 'import libvirt, virtualbmc.vbmc' && echo "$dir/bin/python"
