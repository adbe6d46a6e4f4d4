"""Reads all guests of a pool with XenServer's own client, and prints them as one JSON list.

xen.py HOST PORT USER PASSWORD CA_FILE

Each guest has an id, a name, the name of its host or null, its power state as the API says it, its number of CPUs and its
memory in bytes. Control domains and snapshots are not guests.
"""

import json
import os
import sys

host, port, user, password, ca_file = sys.argv[1:]
# The client uses the trusted certificates of OpenSSL.
os.environ["SSL_CERT_FILE"] = ca_file

import XenAPI  # noqa: E402

session = XenAPI.Session(f"https://{host}:{port}")
session.xenapi.login_with_password(user, password, "1.0", "virtual-host-gatherer's judge")
try:
    hosts = session.xenapi.host.get_all_records()
    metrics = session.xenapi.VM_metrics.get_all_records()
    vms = session.xenapi.VM.get_all_records()
finally:
    session.xenapi.session.logout()

guests = []
for vm in vms.values():
    if vm["is_control_domain"] or vm["is_a_snapshot"]:
        continue
    resident_on = hosts.get(vm["resident_on"])
    # A virtual machine without a domain has no CPUs now.
    cpus = int(vm["VCPUs_at_startup"])
    if resident_on:
        cpus = int(metrics[vm["metrics"]]["VCPUs_number"])
    guests.append(
        {
            "id": vm["uuid"],
            "name": vm["name_label"],
            "host": resident_on and resident_on["name_label"],
            "state": vm["power_state"],
            "cpus": cpus,
            "memoryBytes": int(vm["memory_static_max"]),
        }
    )
print(json.dumps(guests))
