"""Runs the simulator fakepve on a port of 127.0.0.1 until its standard input ends, and prints the port.

fakepve_server.py PEM_FILE [offline]

PEM_FILE has its certificate and key. With `offline`, the node pve2 is offline. fakepve keeps the names and numbers of guests
on such a node, which Proxmox VE does not, so they are removed here.
"""

import asyncio
import json
import sys

from aiohttp import web
from fakepve import FakePve


class Simulator(FakePve):
    async def _resources(self, request):
        answer = json.loads((await super()._resources(request)).text)
        for entry in answer["data"]:
            online = self.nodes[entry["node"]].get("online", True)
            if entry["type"] in ("qemu", "lxc") and not online:
                kept = {name: entry[name] for name in ("id", "vmid", "node", "type")}
                entry.clear()
                entry.update(kept, status="unknown")
        return web.json_response(answer)


def fill(pve):
    uuid = "cccccccc-0000-4000-8000-{:012}".format
    pve.add_vm(100, "web", node="pve1", status="running", config={"smbios1": "uuid=" + uuid(100), "cores": 2, "sockets": 2,
               "memory": 4096, "net0": "virtio=BC:24:11:0C:01:00,bridge=vmbr0", "scsi0": "local-lvm:vm-100-disk-0,size=32G",
               "ostype": "l26", "tags": "prod"})
    pve.add_vm(101, "db", node="pve2", config={"smbios1": "base64=1,serial=YWJj,uuid=" + uuid(101), "cores": 8, "memory": 16384})
    pve.add_vm(102, "imported", node="pve2", status="running", config={"vmgenid": uuid(102), "memory": 1024})
    pve.add_vm(900, "debian-13", node="pve1", template=True, config={"smbios1": "uuid=" + uuid(900), "cores": 2, "memory": 1024})
    for number in range(200, 230):
        node = f"pve{1 + number % 3}"
        pve.add_vm(number, f"worker-{number}", node=node, status="running" if number % 2 else "stopped",
                   config={"smbios1": "uuid=" + uuid(number), "cores": 1 + number % 4, "memory": 512 * (1 + number % 8)})
    pve.add_ct(300, "proxy", node="pve1", status="running", config={"hostname": "proxy", "cores": 1, "memory": 512})
    pve.add_ct(301, "cache", node="pve3", config={"hostname": "cache", "cores": 2, "memory": 256})
    pve.add_node("pve4")


async def main():
    pve = Simulator(user="gatherer@pve", password="correct horse", host="127.0.0.1", port=0)
    fill(pve)
    pve.apitokens["gatherer@pve!inventory"] = "7d3f1c52-aaaa-4bbb-8ccc-0123456789ab"
    pve.apitokens["gatherer@pve!useless"] = "7d3f1c52-aaaa-4bbb-8ccc-0123456789ac"
    pve.apitokens["partial@pve!one"] = "7d3f1c52-aaaa-4bbb-8ccc-0123456789ad"
    pve.grant("gatherer@pve", "/", "VM.Audit", "Sys.Audit")
    pve.grant("partial@pve", "/vms/100", "VM.Audit")
    pve.grant("partial@pve", "/nodes", "Sys.Audit")
    if "offline" in sys.argv[2:]:
        pve.set_node_offline("pve2")
    await pve.start(sys.argv[1], sys.argv[1])
    print(pve.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await pve.stop()


asyncio.run(main())
