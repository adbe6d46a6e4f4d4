"""Reads all VMs of Prism Central with Nutanix's own v4 clients, and prints them as one JSON list.

nutanix_v4.py HOST PORT USER PASSWORD CA_FILE [controller-vms]

Each VM has an id, a name, the name of its host or null, its power state as the API says it, its number of CPUs and its
memory in bytes. With `controller-vms` it also reads the hosts' controller VMs, whose state the API does not say.
"""

import json
import sys

import ntnx_clustermgmt_py_client as clustermgmt
import ntnx_vmm_py_client as vmm


def api_client(module, host, port, user, password, ca_file):
    configuration = module.Configuration()
    configuration.host = host
    configuration.port = int(port)
    configuration.username = user
    configuration.password = password
    configuration.verify_ssl = True
    configuration.root_ca_certificate_file = ca_file
    configuration.max_retry_attempts = 1
    return module.ApiClient(configuration=configuration)


def read_all(list_page):
    """All items of a list, page by page, until there are as many as the server announces."""
    items = []
    page = 0
    while True:
        answer = list_page(page)
        flags = {flag.name: flag.value for flag in answer.metadata.flags}
        if flags["hasError"] or flags["isTruncated"]:
            sys.exit(f"the list is not complete: {flags}")
        items += answer.data or []
        total = answer.metadata.total_available_results
        if len(items) >= total:
            break
        if not any(link.rel == "next" for link in answer.metadata.links):
            sys.exit(f"{len(items)} of {total} items, and no next page")
        page += 1
    ids = {item.ext_id for item in items}
    if len(ids) != len(items) or len(items) != total:
        sys.exit(f"{len(items)} items, {len(ids)} different ones, {total} announced")
    return items


def main():
    arguments = sys.argv[1:6]
    clusters_api = clustermgmt.ClustersApi(api_client=api_client(clustermgmt, *arguments))
    vmm_client = api_client(vmm, *arguments)
    ahv_api = vmm.VmApi(api_client=vmm_client)
    esxi_api = vmm.EsxiVmApi(api_client=vmm_client)

    hosts = read_all(lambda page: clusters_api.list_hosts(_page=page, _limit=100))
    host_names = {host.ext_id: host.host_name for host in hosts}

    def guest(vm, cpus):
        host = vm.host and host_names[vm.host.ext_id]
        return {
            "id": vm.ext_id,
            "name": vm.name,
            "host": host,
            "state": vm.power_state,
            "cpus": cpus,
            "memoryBytes": vm.memory_size_bytes,
        }

    ahv = read_all(lambda page: ahv_api.list_vms(_page=page, _limit=100, _orderby="name"))
    esxi = read_all(lambda page: esxi_api.list_vms(_page=page, _limit=100, _orderby="name"))
    guests = [guest(vm, vm.num_sockets * vm.num_cores_per_socket) for vm in ahv]
    guests += [guest(vm, vm.num_cpus) for vm in esxi]

    if sys.argv[6:] == ["controller-vms"]:
        cvms_api = clustermgmt.CvmsApi(api_client=api_client(clustermgmt, *arguments))
        for cluster in read_all(lambda page: clusters_api.list_clusters(_page=page, _limit=100)):
            cvms = read_all(
                lambda page: cvms_api.list_cvmsby_cluster_id(cluster.ext_id, _page=page, _limit=100)
            )
            for cvm in cvms:
                guests.append(
                    {
                        "id": cvm.ext_id,
                        "name": cvm.name,
                        "host": host_names[cvm.node_ext_id],
                        "state": None,
                        "cpus": cvm.num_vcpus,
                        "memoryBytes": cvm.memory_size_bytes,
                    }
                )
    print(json.dumps(guests))


main()
