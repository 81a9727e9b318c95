"""What an instance finds on its network: names, and instance metadata with the options of its launch."""
import json
import subprocess
import sys

import pytest
from conftest import wait_for
from conformance.instances import host_image, skip_without_instances

METADATA = "http://169.254.169.254/latest"


class Machines:
    def __init__(self, server):
        self.server, self.ec2 = server, server.client("ec2")
        self.image = host_image(self.ec2)

    def launch(self, script, **options):
        return self.ec2.run_instances(ImageId=self.image, InstanceType="t3.nano", MinCount=1, MaxCount=1,
                                      UserData="#!/bin/sh\n" + script + "\necho end of script\n", **options)["Instances"][0]

    def says(self, instance):
        """The whole console, once the script has ended."""
        def said():
            output = self.ec2.get_console_output(InstanceId=instance["InstanceId"], Latest=True).get("Output", "")
            return "end of script" in output and output
        return wait_for(said, 60)

    def run_in_network_of(self, instance, code):
        """Runs Python of the host inside the instance's network."""
        state = json.loads((self.server.data / "instances" / instance["InstanceId"] / "state.json").read_text())
        run = subprocess.run(["nsenter", f"--net=/proc/{state['pid']}/ns/net", sys.executable, "-c", code],
                             capture_output=True, text=True, timeout=30)
        assert run.returncode == 0, run.stderr
        return run.stdout


@pytest.fixture
def machines(hearth):
    skip_without_instances(hearth)
    yield Machines(hearth)
    hearth.reset()


def test_instances_know_each_other_by_name(machines):
    first = machines.launch("getent hosts $(hostname)")
    second = machines.launch(f"cat /etc/resolv.conf; getent hosts {first['PrivateDnsName']}; "
                             f"getent hosts {first['PrivateDnsName'].split('.')[0]} && echo by its short name; "
                             "getent hosts nobody.ec2.internal || echo nobody is not known")
    assert first["PrivateDnsName"].endswith(".ec2.internal")
    assert first["PrivateIpAddress"] in machines.says(first)
    said = machines.says(second)
    assert "nameserver 169.254.169.253" in said and "search ec2.internal" in said
    assert said.count(first["PrivateIpAddress"]) == 2 and "by its short name" in said and "nobody is not known" in said, said


def test_metadata_options_hold_inside(machines):
    ask = f"curl -s -m 10 -o /dev/null -w '%{{http_code}}' {METADATA}"
    tell = (f"echo v1 $({ask}/meta-data/instance-id); "
            f"token=$(curl -s -m 10 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {METADATA}/api/token); "
            f"echo v2 $({ask}/meta-data/instance-id -H \"X-aws-ec2-metadata-token: $token\")")
    usual = machines.launch(tell)
    strict = machines.launch(tell, MetadataOptions={"HttpTokens": "required"})
    closed = machines.launch(tell, MetadataOptions={"HttpEndpoint": "disabled"})
    assert "v1 200" in (said := machines.says(usual)) and "v2 200" in said, said
    assert "v1 401" in (said := machines.says(strict)) and "v2 200" in said, said
    assert "v1 403" in (said := machines.says(closed)) and "v2 403" in said, said


# Prints the time to live of the packet that answers the request for a token.
TIME_TO_LIVE = """
import http.client, socket
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
packets.bind(("lo", 0))
packets.settimeout(10)
connection = http.client.HTTPConnection("169.254.169.254", timeout=10)
connection.request("PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
assert connection.getresponse().status == 200
while True:
    packet = packets.recv(65535)
    if b"HTTP/1.1 200" in packet:
        print(packet[8])
        break
"""


@pytest.mark.parametrize("hops", [1, 3])
def test_a_token_goes_no_further_than_the_hop_limit(machines, hops):
    instance = machines.launch("", MetadataOptions={"HttpPutResponseHopLimit": hops})
    machines.says(instance)
    assert int(machines.run_in_network_of(instance, TIME_TO_LIVE)) == hops
