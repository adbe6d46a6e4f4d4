"""Fills the simulator moto with instances, a user and an access key, and then turns its check of signatures and rights on.

moto_setup.py URL CA_FILE REGION sample|NUMBER

Prints a JSON object: the user's key, a key of a user that may not list dedicated hosts, a temporary key, and the number of
instances that are not terminated.
"""

import json
import os
import ssl
import sys
import urllib.request

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

import boto3  # noqa: E402

url, ca_file, region, content = sys.argv[1:]


def client(service):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        verify=ca_file,
        aws_access_key_id="AKIAEXAMPLESETUP0001",
        aws_secret_access_key="setup",
    )


ec2, iam, sts = client("ec2"), client("iam"), client("sts")
# An image for Linux, which moto has from the start.
images = ec2.describe_images(Owners=["amazon"])["Images"]
image = next(image for image in images if image.get("Platform", "").lower() != "windows")["ImageId"]


def run(name, zone, count=1, **parameters):
    parameters.setdefault("InstanceType", "m5.large")
    parameters.setdefault("Placement", {}).update(AvailabilityZone=region + zone)
    tags = parameters.pop("tags", {})
    if name is not None:
        tags = {"Name": name, **tags}
    if tags:
        tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        parameters["TagSpecifications"] = [{"ResourceType": "instance", "Tags": tags}]
    answer = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count, **parameters)
    return [instance["InstanceId"] for instance in answer["Instances"]]


def sample():
    run("web", "a", 3, tags={"team": 'a&b <"shop">'})
    run(None, "a")
    run("Büro <5> & größer", "b", tags={"empty": ""})
    run("spot", "b", InstanceType="t3.micro", InstanceMarketOptions={"MarketType": "spot"})
    run("arm", "b", InstanceType="t4g.small")
    run("bare", "b", InstanceType="m5.metal")
    ec2.stop_instances(InstanceIds=run("stopped", "a", 2))
    ec2.terminate_instances(InstanceIds=run("terminated", "a", 2))
    hosts = ec2.allocate_hosts(AvailabilityZone=region + "a", InstanceType="m5.large", Quantity=2, AutoPlacement="on")
    ec2.create_tags(Resources=hosts["HostIds"][:1], Tags=[{"Key": "Name", "Value": "licences"}])
    run("on a host", "a", Placement={"HostId": hosts["HostIds"][0], "Tenancy": "host"})
    run("many", "b", 8)
    return 19


def many(number):
    # moto counts reservations where EC2 counts instances, so each instance has a reservation of its own.
    types = ["t3.micro", "m5.large", "c5.xlarge"]
    for each in range(number):
        run(f"vm{each:05}", "abc"[each % 3], InstanceType=types[each % 3])
    return number


def key_of(user, *actions):
    iam.create_user(UserName=user)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    iam.put_user_policy(UserName=user, PolicyName="inventory", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return [key["AccessKeyId"], key["SecretAccessKey"]]


def temporary_key():
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}
    role = iam.create_role(RoleName="inventory", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    iam.put_role_policy(RoleName="inventory", PolicyName="inventory", PolicyDocument=json.dumps(policy))
    key = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="judge")["Credentials"]
    return [key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"]]


guests = sample() if content == "sample" else many(int(content))
result = {
    "key": key_of("gatherer", "ec2:Describe*"),
    "keyWithoutHosts": key_of(
        "partial", "ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "ec2:DescribeAvailabilityZones"
    ),
    "temporaryKey": temporary_key(),
    "guests": guests,
}
context = ssl.create_default_context(cafile=ca_file)
# The number of further calls that moto does not check.
request = urllib.request.Request(f"{url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
urllib.request.urlopen(request, context=context).read()
print(json.dumps(result))
