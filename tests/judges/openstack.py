"""Reads all servers of an OpenStack cloud with the project's own client, and prints them as one JSON list.

openstack.py AUTH_URL CA_FILE REGION INTERFACE USER USER_DOMAIN PASSWORD PROJECT PROJECT_DOMAIN
openstack.py AUTH_URL CA_FILE REGION INTERFACE CREDENTIAL_ID CREDENTIAL_SECRET

Each server has an id, a name, the name of its hypervisor or null, its status as the API says it, its number of CPUs and its
memory in bytes. An empty argument is not sent.
"""

import json
import sys

# This script has the name of the client's package.
sys.path.pop(0)

import openstack  # noqa: E402

auth_url, ca_file, region, interface, *login = sys.argv[1:]
if len(login) == 2:
    account = {
        "auth_type": "v3applicationcredential",
        "application_credential_id": login[0],
        "application_credential_secret": login[1],
    }
else:
    user, user_domain, password, project, project_domain = login
    account = {
        "username": user,
        "user_domain_name": user_domain,
        "password": password,
        "project_name": project,
        "project_domain_name": project_domain,
    }

connection = openstack.connect(
    auth_url=auth_url,
    cacert=ca_file,
    region_name=region or None,
    interface=interface or None,
    load_yaml_config=False,
    load_envvars=False,
    **account,
)
hypervisors = list(connection.compute.hypervisors(details=True, with_servers=True))
hosts = {hypervisor.name for hypervisor in hypervisors}
placed = {
    server["uuid"]: hypervisor.name
    for hypervisor in hypervisors
    for server in hypervisor.servers or []
}

guests = []
for server in connection.compute.servers(details=True, all_projects=True):
    host = server.hypervisor_hostname
    if host != placed.get(server.id) or (host is not None and host not in hosts):
        sys.exit(f"{server.id} is on {host}, and its hypervisor is {placed.get(server.id)}")
    guests.append(
        {
            "id": server.id,
            "name": server.name,
            "host": host,
            "state": server.status,
            "cpus": server.flavor.vcpus,
            "memoryBytes": server.flavor.ram << 20,
        }
    )
print(json.dumps(guests))
