"""Changes virtual machines of a vCenter with VMware's pyvmomi.

Arguments: host, port, user, password, file with the certificate authority, and a change: `power-off NAME`, `migrate NAME`, `delete NAME`
or `create NAME`. Prints the name of the host that the machine is on afterwards, if there is one.
"""
import ssl
import sys

from pyVim.connect import Disconnect, SmartConnect
from pyVim.task import WaitForTask
from pyVmomi import vim


def plain(name):
    for escaped, character in (("%2f", "/"), ("%5c", "\\"), ("%25", "%")):
        name = name.replace(escaped, character)
    return name


host, port, user, password, ca_file, change, name = sys.argv[1:]
context = ssl.create_default_context(cafile=ca_file)
service = SmartConnect(host=host, port=int(port), user=user, pwd=password, sslContext=context)
try:
    content = service.RetrieveContent()
    view = content.viewManager.CreateContainerView(
        content.rootFolder, [vim.VirtualMachine, vim.HostSystem], True
    )
    machines = {plain(found.name): found for found in view.view if isinstance(found, vim.VirtualMachine)}
    hosts = [found for found in view.view if isinstance(found, vim.HostSystem)]
    if change == "power-off":
        WaitForTask(machines[name].PowerOffVM_Task())
    elif change == "migrate":
        machine = machines[name]
        cluster = machine.runtime.host.parent
        target = next(found for found in hosts if found.parent == cluster and found != machine.runtime.host)
        WaitForTask(machine.RelocateVM_Task(spec=vim.vm.RelocateSpec(host=target, pool=machine.resourcePool)))
        print(target.name)
    elif change == "delete":
        if machines[name].runtime.powerState == "poweredOn":
            WaitForTask(machines[name].PowerOffVM_Task())
        WaitForTask(machines[name].Destroy_Task())
    elif change == "create":
        # An inaccessible machine has no configuration, so it cannot be cloned.
        pattern = next(found for found in machines.values() if found.runtime.connectionState == "connected")
        specification = vim.vm.CloneSpec(location=vim.vm.RelocateSpec(pool=pattern.resourcePool), powerOn=False, template=False)
        WaitForTask(pattern.CloneVM_Task(folder=pattern.parent, name=name, spec=specification))
    else:
        sys.exit(f"unknown change {change}")
finally:
    Disconnect(service)
