"""Reads the virtual machines of a vCenter or an ESXi host with VMware's pyvmomi.

Arguments: host, port, user, password, file with the certificate authority. With `--own-uuids` after them, ids are the UUIDs as
vSphere says them.
"""
import json
import ssl
import sys
import uuid

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

Collector = vmodl.query.PropertyCollector
PROPERTIES = {
    vim.HostSystem: ["name"],
    vim.VirtualMachine: ["name", "runtime", "summary.config", "config.version"],
}


def objects(content):
    """Yields each object of the inventory with its properties."""
    view = content.viewManager.CreateContainerView(content.rootFolder, list(PROPERTIES), True)
    through = Collector.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)
    specification = Collector.FilterSpec(
        objectSet=[Collector.ObjectSpec(obj=view, skip=True, selectSet=[through])],
        propSet=[Collector.PropertySpec(type=kind, pathSet=paths) for kind, paths in PROPERTIES.items()],
    )
    collector = content.propertyCollector
    page = collector.RetrievePropertiesEx([specification], Collector.RetrieveOptions(maxObjects=1000))
    while page:
        for found in page.objects:
            yield found.obj, {value.name: value.val for value in found.propSet}
        page = collector.ContinueRetrievePropertiesEx(page.token) if page.token is not None else None


def plain(name):
    for escaped, character in (("%2f", "/"), ("%5c", "\\"), ("%25", "%")):
        name = name.replace(escaped, character)
    return name


def bios_uuid(reference, config, version):
    """The UUID that the guest's own system shows, or another id of a machine without a UUID."""
    if not config.uuid:
        return config.instanceUuid or reference._moId
    own = uuid.UUID(config.uuid)
    is_old = version is not None and int(version.removeprefix("vmx-")) < 13
    return str(own if is_old else uuid.UUID(bytes=own.bytes_le))


def guest(reference, values, hosts):
    runtime, config = values["runtime"], values["summary.config"]
    connected = runtime.connectionState == "connected"
    return {
        "id": bios_uuid(reference, config, values.get("config.version")),
        "name": plain(values["name"]),
        "host": hosts[runtime.host] if runtime.host else None,
        "state": runtime.powerState if connected else runtime.connectionState,
        "cpus": config.numCpu,
        "memoryBytes": config.memorySizeMB * 2**20 if config.memorySizeMB is not None else None,
    }


def main():
    host, port, user, password, authority, *options = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    service = SmartConnect(host=host, port=int(port), user=user, pwd=password, sslContext=context)
    found = list(objects(service.RetrieveContent()))
    Disconnect(service)
    hosts = {reference: plain(values["name"]) for reference, values in found if isinstance(reference, vim.HostSystem)}
    machines = [(reference, values) for reference, values in found if isinstance(reference, vim.VirtualMachine)]
    guests = [guest(reference, values, hosts) for reference, values in machines]
    if options == ["--own-uuids"]:
        for found, (_, values) in zip(guests, machines):
            found["id"] = values["summary.config"].uuid
    json.dump(guests, sys.stdout)


main()
