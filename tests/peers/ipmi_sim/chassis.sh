#!/bin/sh
# The server behind ipmi_sim: chassis.sh STATE get power | set power 0|1 | set reset 1
# STATE/off exists while it is off; STATE/log has one line for each command carried out.
state=$1 verb=$2
shift 2
case "$verb $1 ${2-}" in
"get power ")
    if [ -e "$state/off" ]; then echo "power:0"; else echo "power:1"; fi ;;
"get boot ") echo "boot:default" ;;
"set power 0") : > "$state/off"; echo power-off >> "$state/log" ;;
"set power 1") rm -f "$state/off"; echo power-on >> "$state/log" ;;
"set reset 1") echo reset >> "$state/log" ;;
esac
