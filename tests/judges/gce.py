"""Reads all instances of a project with Google's own client, and prints them as one JSON list.

gce.py BASE_URL CA_FILE KEY_FILE PROJECT own-jwt|token [ZONE]

Each instance has an id, a name, no host, its status as the API says it, and its number of CPUs and its memory in bytes as
its machine type says. They are null if the machine type no longer exists. With `own-jwt` the client sends assertions that
it signs itself, with `token` it asks the token endpoint of the key file for a token.
"""

import json
import os
import sys

base, ca_file, key_file, project, login = sys.argv[1:6]
zone = sys.argv[6] if len(sys.argv) > 6 else None
# The client and its requests for tokens use the trusted certificates of this file.
os.environ["REQUESTS_CA_BUNDLE"] = ca_file

from google.api_core.exceptions import NotFound  # noqa: E402
from google.cloud import compute_v1  # noqa: E402
from google.oauth2 import service_account  # noqa: E402

credentials = service_account.Credentials.from_service_account_file(
    key_file, scopes=["https://www.googleapis.com/auth/compute.readonly"]
)
options = {"api_endpoint": base}
instances_client = compute_v1.InstancesClient(credentials=credentials, client_options=options)
types_client = compute_v1.MachineTypesClient(credentials=credentials, client_options=options)
# Creating a client sets the credentials to assertions of their own.
if login == "token":
    credentials = credentials.with_always_use_jwt_access(False)
    for client in (instances_client, types_client):
        client.transport._session.credentials = credentials


def refuse(warning):
    if warning.code and warning.code != "NO_RESULTS_ON_PAGE":
        sys.exit(f"the list is not complete: {warning.code} {warning.message}")


def instances():
    if zone:
        for page in instances_client.list(project=project, zone=zone).pages:
            refuse(page.warning)
            yield from page.items
        return
    for page in instances_client.aggregated_list(project=project).pages:
        refuse(page.warning)
        if page.unreachables:
            sys.exit(f"the list is not complete: {page.unreachables}")
        for scope in page.items.values():
            refuse(scope.warning)
            yield from scope.instances


types = {}


def machine_type(instance):
    url = instance.machine_type
    if url not in types:
        zone_name, name = url.split("/")[-3], url.split("/")[-1]
        try:
            types[url] = types_client.get(project=project, zone=zone_name, machine_type=name)
        except NotFound:
            types[url] = None
    return types[url]


guests = []
for instance in instances():
    size = machine_type(instance)
    guests.append(
        {
            "id": str(instance.id),
            "name": instance.name,
            "host": None,
            "state": instance.status,
            "cpus": size and size.guest_cpus,
            "memoryBytes": size and size.memory_mb * 1024 * 1024,
        }
    )
print(json.dumps(guests))
