"""Reads all instances of a region with AWS's own client, boto3, and prints them as one JSON list.

ec2.py URL REGION CA_FILE [--key ID SECRET [--token TOKEN] | --web-identity FILE ROLE | --metadata URL] [--zone ZONE]
       [--page-size N] [--strict]

Each guest has its id, its name, the name of its dedicated host or null, its state as the API says it, its number of CPUs and
its memory in bytes. Terminated instances are not guests. With --strict, an element of an answer that boto3 does not know is an
error, too.
"""

import argparse
import json
import os
import xml.etree.ElementTree as ElementTree

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]:
    os.environ[name] = "/dev/null"

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("region")
    parser.add_argument("ca_file")
    parser.add_argument("--key", nargs=2)
    parser.add_argument("--token")
    parser.add_argument("--web-identity", nargs=2)
    parser.add_argument("--metadata")
    parser.add_argument("--zone")
    parser.add_argument("--page-size", type=int, default=1000)
    parser.add_argument("--strict", action="store_true")
    return parser.parse_args()


def credentials(options):
    """The arguments for boto3. Without a key, boto3 itself finds one in the environment."""
    if options.key:
        return {
            "aws_access_key_id": options.key[0],
            "aws_secret_access_key": options.key[1],
            "aws_session_token": options.token,
        }
    if options.web_identity:
        os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"], os.environ["AWS_ROLE_ARN"] = options.web_identity
        os.environ["AWS_ENDPOINT_URL_STS"] = options.url
        os.environ["AWS_CA_BUNDLE"] = options.ca_file
        os.environ["AWS_DEFAULT_REGION"] = options.region
    if options.metadata:
        os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = options.metadata
    else:
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    return {}


def check_elements(element, shape, path):
    """Fails if an element has children that the shape does not have."""
    if shape.type_name == "list":
        name = shape.member.serialization.get("name", "member")
        for child in element:
            check(local(child) == name, f"{path}: {local(child)} is not {name}")
            check_elements(child, shape.member, f"{path}/{name}")
    elif shape.type_name == "structure":
        names = [member.serialization.get("name", key) for key, member in shape.members.items()]
        members = dict(zip(names, shape.members.values()))
        seen = set()
        for child in element:
            name = local(child)
            check(name in members, f"{path}: {name} is not documented")
            check(name not in seen, f"{path}: {name} is there twice")
            seen.add(name)
            check_elements(child, members[name], f"{path}/{name}")
    else:
        check(len(element) == 0, f"{path} has elements")
        check_text(element.text or "", shape, path)


def check_text(text, shape, path):
    if shape.type_name in ("integer", "long"):
        int(text)
    elif shape.type_name in ("float", "double"):
        float(text)
    elif shape.type_name == "boolean":
        check(text in ("true", "false"), f"{path}: {text}")
    # The service itself writes `windows` where the documentation says `Windows`.
    elif getattr(shape, "enum", None) and text != "windows":
        check(text in shape.enum, f"{path}: {text} is not one of its words")


def check(condition, message):
    if not condition:
        raise SystemExit(message)


def local(element):
    return element.tag.rpartition("}")[2]


def check_answer(operation_model, response_dict, **_):
    if response_dict["status_code"] == 200:
        root = ElementTree.fromstring(response_dict["body"])
        check(local(root) == operation_model.name + "Response", root.tag)
        for child in [child for child in root if local(child) == "requestId"]:
            root.remove(child)
        check_elements(root, operation_model.output_shape, operation_model.name)


def items(ec2, operation, member, **parameters):
    pages = ec2.get_paginator(operation).paginate(**parameters)
    return [item for page in pages for item in page[member]]


def name_of(resource, key):
    tags = {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}
    return tags.get("Name") or resource[key]


def main():
    options = arguments()
    ec2 = boto3.client(
        "ec2",
        endpoint_url=options.url,
        region_name=options.region,
        verify=options.ca_file,
        config=Config(retries={"max_attempts": 0}),
        **credentials(options),
    )
    if options.strict:
        ec2.meta.events.register("before-parse.ec2", check_answer)
    filters = []
    if options.zone:
        ec2.describe_availability_zones(ZoneNames=[options.zone], AllAvailabilityZones=True)
        filters = [{"Name": "availability-zone", "Values": [options.zone]}]
    reservations = items(
        ec2,
        "describe_instances",
        "Reservations",
        IncludeManagedResources=True,
        Filters=filters,
        PaginationConfig={"PageSize": options.page_size},
    )
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    instances = [instance for instance in instances if instance["State"]["Name"] != "terminated"]
    names = sorted({instance["InstanceType"] for instance in instances})
    types = {}
    for start in range(0, len(names), 100):
        chunk = [{"Name": "instance-type", "Values": names[start : start + 100]}]
        for kind in items(ec2, "describe_instance_types", "InstanceTypes", Filters=chunk):
            types[kind["InstanceType"]] = kind
    hosts = {host["HostId"]: host for host in items(ec2, "describe_hosts", "Hosts")}

    guests = {}
    for instance in instances:
        kind = types.get(instance["InstanceType"])
        cpus = kind and kind["VCpuInfo"]["DefaultVCpus"]
        if "CpuOptions" in instance:
            cpus = instance["CpuOptions"]["CoreCount"] * instance["CpuOptions"]["ThreadsPerCore"]
        host = instance["Placement"].get("HostId")
        # An instance that is on two pages is one instance.
        guests[instance["InstanceId"]] = {
            "id": instance["InstanceId"],
            "name": name_of(instance, "InstanceId"),
            "host": host and name_of(hosts[host], "HostId"),
            "state": instance["State"]["Name"],
            "cpus": cpus,
            "memoryBytes": kind and kind["MemoryInfo"]["SizeInMiB"] * 1024 * 1024,
        }
    print(json.dumps(list(guests.values())))


main()
