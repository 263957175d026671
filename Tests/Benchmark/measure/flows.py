"""Several TCP streams at once between the pods of a group, each by its own iperf3."""

import subprocess

from .traffic import GRACE, PORT, read_iperf3, tcp_figures

#: Seconds at the beginning that do not count: streams find their rate.
SETTLING = 1


def together(group, flows, seconds):
    """Megabits per second that arrive of each flow while all run, and what they used.

    A flow is the indices of two sites of the group: who sends, who receives.
    """
    flows = [(group.sites[source], group.sites[target]) for source, target in flows]
    servers, clients = [], []
    try:
        for number, (_, target) in enumerate(flows):
            server = group.begin(target, "iperf3", "--server", "--one-off", "--forceflush", "--port", PORT + number,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            servers.append(server)
            while "listening" not in (line := server.process.stdout.readline()):
                if not line:
                    raise RuntimeError("iperf3 --server did not start")
        with group.metered() as usage:
            for number, (source, target) in enumerate(flows):
                clients.append(group.begin(
                    source, "iperf3", "--json", "--client", group.address(target), "--port", PORT + number,
                    "--time", seconds, "--omit", SETTLING, "--connect-timeout", 5000,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                ))
            texts = [client.process.communicate(timeout=seconds + SETTLING + GRACE)[0] for client in clients]
        return [tcp_figures(read_iperf3(text))[0] / 1e6 for text in texts], usage
    finally:
        for running in clients + servers:
            running.kill()
