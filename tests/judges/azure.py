"""Reads all virtual machines of a subscription with Azure's own clients, and prints them as one JSON list.

azure.py HOST PORT TENANT SUBSCRIPTION APPLICATION SECRET CA_FILE [CERTIFICATE_FILE]

With a file, which has a certificate and its key, the secret is not used. Each guest has an id, a name, no host, its power
state as the API says it, or null, and its number of CPUs and its memory in bytes, or null. Instances of uniform scale sets
are guests too.
"""

import json
import os
import sys

host, port, tenant, subscription, application, secret, ca_file, *certificate_file = sys.argv[1:]
# This file has the name of the clients' package.
sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
# The clients use requests, which reads the trusted certificates from this file.
os.environ["REQUESTS_CA_BUNDLE"] = ca_file

from azure.core.exceptions import HttpResponseError  # noqa: E402
from azure.identity import CertificateCredential, ClientSecretCredential  # noqa: E402
from azure.mgmt.compute import ComputeManagementClient  # noqa: E402

base = f"https://{host}:{port}"
options = {"authority": base, "disable_instance_discovery": True}
if certificate_file:
    credential = CertificateCredential(tenant, application, certificate_file[0], **options)
else:
    credential = ClientSecretCredential(tenant, application, secret, **options)
compute = ComputeManagementClient(
    credential, subscription, base_url=base, credential_scopes=[base + "/.default"]
)


def power_state(view):
    codes = [status.code for status in (view and view.statuses) or []]
    return next((code for code in codes if code.lower().startswith("powerstate/")), None)


sizes_of = {}


def size(location, name):
    if location not in sizes_of:
        listed = compute.virtual_machine_sizes.list(location)
        sizes_of[location] = {size.name.lower(): size for size in listed}
    return sizes_of[location].get(name.lower())


def guest(vm, size_name, state):
    known = size(vm.location, size_name)
    cpus = known and known.number_of_cores
    constrained = vm.hardware_profile and vm.hardware_profile.vm_size_properties
    if constrained and constrained.v_cpus_available:
        cpus = constrained.v_cpus_available
    return {
        "id": vm.vm_id,
        "name": vm.name,
        "host": None,
        "state": state,
        "cpus": cpus,
        "memoryBytes": known and known.memory_in_mb << 20,
    }


states = {}
for vm in compute.virtual_machines.list_all(status_only="true"):
    states[vm.id.lower()] = power_state(vm.instance_view)

guests = {}
for vm in compute.virtual_machines.list_all():
    state = states.get(vm.id.lower())
    guests[vm.id.lower()] = guest(vm, vm.hardware_profile.vm_size, state)

for scale_set in compute.virtual_machine_scale_sets.list_all():
    # /subscriptions/S/resourceGroups/G/...
    group = scale_set.id.split("/")[4]
    arguments = (group, scale_set.name)
    try:
        instances = list(compute.virtual_machine_scale_set_vms.list(*arguments, expand="instanceView"))
    except HttpResponseError as error:
        # The instances of a flexible scale set are in the list above.
        if scale_set.orchestration_mode == "Flexible" and error.status_code == 400:
            continue
        raise
    assert scale_set.orchestration_mode != "Flexible", "a flexible scale set has its own list"
    for vm in instances:
        guests[vm.id.lower()] = guest(vm, vm.sku.name, power_state(vm.instance_view))

print(json.dumps(list(guests.values())))
