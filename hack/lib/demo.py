"""The demonstration behind hack/demo; nodes and pods come from the laboratory of the end-to-end tests."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../Tests/EndToEnd"))

from lab.case import eventually
from lab.cni import PluginError
from lab.node import Cluster
from lab.pod import Pod
from lab.shell import CommandFailed
from lab.traffic import Capture, ping

#: Where `--keep` writes down what it left: name of the node or pod to (process, network namespace or null).
KEPT = "/run/warrens-demo.json"
PODS_EACH = 2
COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def coloured(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOURED else text


def title(text):
    print(f"\n{coloured('1', text)}", flush=True)


class Step:
    """One line of progress: what is being done, then a tick, what came of it and how long it took."""

    def __init__(self, text):
        self.text, self.outcome = text, ""

    def __enter__(self):
        self.begin = time.monotonic()
        if COLOURED:
            print(f"  … {self.text}", end="\r", flush=True)
        return self

    def __exit__(self, kind, *_):
        seconds = time.monotonic() - self.begin
        mark = coloured("32", "✓") if kind is None else coloured("31", "✗")
        duration = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
        clear = "\033[K" if COLOURED else ""
        print(f"{clear}  {mark} {self.text:<42} {self.outcome}  {coloured('2', duration)}", flush=True)


def table(heading, rows):
    widths = [max(len(str(row[column])) for row in [heading, *rows]) for column in range(len(heading))]
    for number, row in enumerate([heading, *rows]):
        line = "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths))
        print("  " + (coloured("1", line) if number == 0 else line).rstrip())


def build(cluster):
    """Attaches the pods and returns them."""
    pods = []
    for node in cluster.nodes:
        for _ in range(PODS_EACH):
            with Step(f"pod{len(pods) + 1} on {node.name}: CNI ADD") as step:
                pod = Pod(node, f"pod{len(pods) + 1}").attach()
                pods.append(pod)
                step.outcome = pod.address(4)
    return pods


def show_pods(pods):
    title("Pods, with the addresses that their nodes gave themselves")
    table(
        ["POD", "NODE", "IPV4", "IPV6"],
        [[pod.name, pod.node.name, pod.address(4), pod.address(6)] for pod in pods],
    )


def show_pings(pods):
    title("Pings from the first pod to every other, milliseconds")
    first, rows = pods[0], []
    for pod in pods[1:]:
        times = []
        for family in (4, 6):
            text = eventually(lambda: ping(first, pod.address(family), count=3))
            times.append(re.search(r"= [\d.]+/([\d.]+)/", text).group(1))
        rows.append([f"{first.name} → {pod.name}", f"{first.node.name} → {pod.node.name}", *times])
    table(["PODS", "NODES", "IPV4", "IPV6"], rows)


def show_transfer(source, target):
    title("Transfer between two nodes, one TCP stream of two seconds")
    rows = []
    for family in (4, 6):
        speed = eventually(lambda: transfer(source, target, target.address(family)))
        rows.append([f"{source.name} → {target.name}", f"IPv{family}", f"{speed / 1e9:.2f} Gb/s"])
    table(["PODS", "FAMILY", "RATE"], rows)


def transfer(source, target, address):
    """Bits per second that arrived."""
    server = target.start(
        "iperf3", "--server", "--one-off", "--forceflush", "--bind", address, stdout=subprocess.PIPE
    )
    try:
        if not any("listening" in line for line in server.process.stdout):
            raise RuntimeError(f"iperf3 cannot listen on {address}")
        text = source.run("iperf3", "--client", address, "--time", "2", "--json", timeout=30).stdout
        return json.loads(text)["end"]["sum_received"]["bits_per_second"]
    finally:
        server.kill()


def show_capture(source, target):
    title(f"What the wire carries meanwhile (tcpdump on {source.node.name}'s eth0)")
    with Capture(source.node, "eth0") as wire:
        for family in (4, 6):
            ping(source, target.address(family))
    for line in wire.lines("udp port 31337")[:4]:
        print(f"  {line}")
    clear = wire.count("net 10.192.0.0/10 or net fd53:7769:726c::/48")
    print(f"  datagrams on UDP 31337: {wire.count('udp port 31337')}, pod packets in clear: {clear}")
    if clear:
        raise AssertionError("pod traffic left the node outside a tunnel")


def demonstrate(nodes, keep):
    begin = time.monotonic()
    title(f"Building {nodes} nodes with {PODS_EACH} pods on each")
    cluster = None
    try:
        with Step("nodes joined by a wire, an internet behind it"):
            cluster = Cluster(nodes, keep=keep)
        for node in cluster.nodes:
            subnets = node.subnets()
            print(f"    {node.name}: {node.v4} {node.v6} → assigns itself {' '.join(subnets)}")
        pods = build(cluster)
        show_pods(pods)
        show_pings(pods)
        show_transfer(pods[0], pods[-1])
        show_capture(pods[0], pods[-1])
        if keep:
            remember(cluster, pods)
            cluster = None
        else:
            title("Removing everything")
            for pod in pods:
                with Step(f"{pod.name} on {pod.node.name}: CNI DEL"):
                    pod.detach()
        print(f"\n{coloured('32', 'Pods on different nodes talk.')} {time.monotonic() - begin:.0f} s")
    finally:
        if cluster:
            cluster.close()


def remember(cluster, pods):
    kept = {node.name: [node.init, None] for node in cluster.nodes}
    kept |= {pod.name: [pod.node.init, pod.namespace] for pod in pods}
    kept |= {place.name: [place.init, None] for place in (cluster.underlay.router, cluster.internet)}
    with open(KEPT, "w") as file:
        json.dump(kept, file)
    node, pod, other = cluster.nodes[0].name, pods[0].name, pods[-1].address(6)
    title("Kept. Look around with")
    print(f"  hack/demo --enter {node} warrensctl status")
    print(f"  hack/demo --enter {pod} ping {other}")
    print(f"  hack/demo --enter {node}        (a shell)")
    print("  hack/demo --remove")


def kept():
    try:
        with open(KEPT) as file:
            places = json.load(file)
    except FileNotFoundError:
        return {}
    return places if all(os.path.exists(f"/proc/{init}/root/run/netns") for init, _ in places.values()) else {}


def enter(name, command):
    places = kept()
    if name not in places:
        sys.exit(f"hack/demo: nothing is kept under the name {name}; there is: {' '.join(places) or 'nothing'}")
    init, namespace = places[name]
    network = f"--net=/proc/{init}/root{namespace}" if namespace else "--net"
    os.environ["PATH"] = f"/opt/cni/bin:{os.environ['PATH']}"
    words = ["nsenter", "--target", str(init), "--mount", "--uts", "--pid", network, "--"]
    os.execvp("nsenter", words + (command or ["bash"]))


def remove():
    for init in {init for init, _ in kept().values()}:
        os.kill(init, signal.SIGKILL)
    if os.path.exists(KEPT):
        os.unlink(KEPT)
        print("removed")
    else:
        print("nothing was kept")


def main():
    parser = argparse.ArgumentParser(prog="hack/demo", description="Shows pods on different nodes talking.")
    parser.add_argument("--nodes", type=int, default=2, metavar="N", help="how many nodes (2 to 100; default 2)")
    parser.add_argument("--keep", action="store_true", help="leave nodes and pods for looking around")
    parser.add_argument("--remove", action="store_true", help="remove what --keep left")
    parser.add_argument("--enter", nargs=argparse.REMAINDER, metavar="NAME", help="enter a kept node or pod")
    chosen = parser.parse_args()
    if chosen.enter:
        enter(chosen.enter[0], chosen.enter[1:])
    if chosen.remove:
        return remove()
    if not 2 <= chosen.nodes <= 100:
        parser.error("--nodes takes a number from 2 to 100")
    if kept():
        sys.exit("hack/demo: a kept demonstration is there; look with --enter, remove it with --remove")
    try:
        demonstrate(chosen.nodes, chosen.keep)
    except KeyboardInterrupt:
        sys.exit("\nstopped, everything removed")
    except (AssertionError, CommandFailed, LookupError, OSError, PluginError, RuntimeError) as error:
        sys.exit(f"\n{coloured('31', 'The demonstration failed')}, everything was removed.\n{error}")


if __name__ == "__main__":
    main()
