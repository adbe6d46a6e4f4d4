"""Reads all guests of Proxmox VE with the client proxmoxer, and prints them as one JSON list.

proxmox.py HOST PORT USER PASSWORD CA_FILE [TOKEN_NAME]

With TOKEN_NAME, PASSWORD is the secret of this token of the user. The id of a guest is its SMBIOS UUID, else its vmgenid, else
the name of the cluster (or of the first node) with its VMID.
"""

import json
import sys
import uuid

from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException


def as_uuid(text):
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def as_number(value):
    """A number, which old releases write as text; null for 0 and for an absent one."""
    return int(value) if value not in (None, "") and int(value) > 0 else None


def identity(config, other):
    smbios = dict(part.split("=", 1) for part in config.get("smbios1", "").split(",") if "=" in part)
    return as_uuid(smbios.get("uuid", "")) or as_uuid(config.get("vmgenid", "")) or other


def main():
    host, port, user, password, ca_file = sys.argv[1:6]
    login = {"password": password}
    if len(sys.argv) > 6:
        login = {"token_name": sys.argv[6], "token_value": password}
    api = ProxmoxAPI(host, port=int(port), user=user, verify_ssl=ca_file, **login)

    cluster = [entry["name"] for entry in api.cluster.status.get() if entry["type"] == "cluster"]
    nodes = {node["node"]: node for node in api.nodes.get()}
    scope = (cluster or sorted(nodes))[0]
    guests = []
    for entry in api.cluster.resources.get(type="vm"):
        vmid, kind, node = int(entry["vmid"]), entry["type"], entry["node"]
        try:
            config = api.nodes(node)(kind)(vmid).config.get()
        except ResourceException as error:
            # The node that was asked cannot reach the guest's node.
            if error.status_code != 595 or nodes[node]["status"] == "online":
                raise
            config = {}
        default = f"VM {vmid}" if kind == "qemu" else f"CT{vmid}"
        guests.append(
            {
                "id": identity(config, f"{scope}/{vmid}"),
                "name": entry.get("name") or config.get("name") or config.get("hostname") or default,
                "host": node,
                "state": entry["status"],
                "cpus": as_number(entry.get("maxcpu")),
                "memoryBytes": as_number(entry.get("maxmem")),
            }
        )
    print(json.dumps(guests))


main()
